//go:build e2e

package acceptance

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const version = "0.0.0-test"

// platform is this machine's, and image that of a node on it.
const (
	platform = runtime.GOOS + "/" + runtime.GOARCH
	linux    = "linux/" + runtime.GOARCH
)

// What the tests look at.
var (
	dir      string // the files of the release
	address  string // of the registry
	install  string // what publish.sh printed
	keys     string // the directory of cosign.key and cosign.pub
	programs = map[string]string{}
)

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "acceptance:", err)
		code = 1
	}
	os.Exit(code)
}

// runAll makes and publishes the release, and runs the tests.
func runAll(m *testing.M) (code int, err error) {
	work, err := os.MkdirTemp("", "release-test")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := find(); err != nil {
		return 1, err
	}
	if keys, err = keyPair(filepath.Join(work, "key")); err != nil {
		return 1, err
	}
	if err := setKey(); err != nil {
		return 1, err
	}
	dir = filepath.Join(work, "release")
	platforms := slices.Compact([]string{linux, platform})
	if _, err := said(exec.Command("../release.sh", append([]string{version, dir}, platforms...)...)); err != nil {
		return 1, err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if address, err = serve(ctx, filepath.Join(work, "registry"), "", ""); err != nil {
		return 1, err
	}
	if install, err = publish(address); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// find builds the programs that the tests run, or finds those that were built before.
func find() error {
	modules := map[string]string{"cosign": "../tools/go.mod", "registry": "../tools/go.mod", "krew": "../tools/krew/go.mod"}
	for name, modfile := range modules {
		file, err := said(exec.Command("go", "tool", "-modfile="+modfile, "-n", name))
		if err != nil {
			return err
		}
		programs[name] = strings.TrimSpace(file)
	}
	built, err := said(exec.Command("../../test/cluster/build.sh", "helm", "kubectl"))
	if err != nil {
		return err
	}
	for _, name := range []string{"helm", "kubectl"} {
		programs[name] = filepath.Join(strings.TrimSpace(built), name)
	}
	return nil
}

// keyPair makes a key as a maintainer does, and returns its directory.
func keyPair(dir string) (string, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	cmd := exec.Command(programs["cosign"], "generate-key-pair")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "COSIGN_PASSWORD=of the tests")
	_, err := said(cmd)
	return dir, err
}

// setKey gives the key to release.sh and publish.sh, in the environment.
func setKey() error {
	key, err := os.ReadFile(filepath.Join(keys, "cosign.key"))
	if err != nil {
		return err
	}
	return errors.Join(os.Setenv("COSIGN_PRIVATE_KEY", string(key)), os.Setenv("COSIGN_PASSWORD", "of the tests"))
}

// listening is what the registry logs when it can be reached.
var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)

// serve starts a registry on a free port of loopback, and returns its address. tls and auth are these parts of its configuration.
func serve(ctx context.Context, dir, tls, auth string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	config := filepath.Join(dir, "config.yaml")
	text := "version: 0.1\nstorage: {filesystem: {rootdirectory: " + dir + "/data}}\n" +
		"http: {addr: 127.0.0.1:0, tls: {" + tls + "}}\nauth: {" + auth + "}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, programs["registry"], "serve", config)
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	log, err := cmd.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	var all strings.Builder
	for lines := bufio.NewScanner(log); lines.Scan(); {
		all.WriteString(lines.Text() + "\n")
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, log); _ = cmd.Wait() }()
			return found[1], nil
		}
	}
	return "", fmt.Errorf("the registry ended: %w\n%s", cmd.Wait(), all.String())
}

func publish(to string) (string, error) {
	return said(exec.Command("../publish.sh", version, dir, to+"/project"))
}

// said returns what a command prints. Its error has what the command says.
func said(cmd *exec.Cmd) (string, error) {
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(cmd.Args, " "), err, log.String(), out.String())
	}
	return out.String(), nil
}

// run is said for what has to succeed.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := said(exec.CommandContext(t.Context(), program, args...))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// archive is the file of the plugin for this machine.
func archive() string {
	name := "kubectl-awsauth_" + version + "_" + strings.ReplaceAll(platform, "/", "_") + ".tar.gz"
	return filepath.Join(dir, name)
}
