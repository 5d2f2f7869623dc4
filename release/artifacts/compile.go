package artifacts

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// settings of the go command that decide what a program consists of. An empty one is Go's default, whatever the environment
// says, unless go env -w has another (experiments). GOTOOLCHAIN stays the environment's: which Go builds a release is decided by go.mod and the Makefile.
var settings = []string{
	"CGO_ENABLED=0", "GOFLAGS=-mod=readonly -trimpath -buildvcs=false -gcflags=all=-dwarf=false", "GOWORK=off",
	"GOEXPERIMENT=", "GOFIPS140=off", "GOAMD64=v1", "GOARM64=v8.0", "GODEBUG=",
}

// ldflags leave out what only a debugger reads, and say which build it is (internal/version).
func (r *Release) ldflags() string {
	const p = "github.com/prometheus/common/version."
	return "-s -w -X " + p + "Version=v" + r.Version + " -X " + p + "Revision=" + r.Commit
}

// goCommand is a go command in the checkout, for a platform or, if that is empty, for this machine.
func (r *Release) goCommand(ctx context.Context, platform string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = r.Root
	goos, arch, _ := strings.Cut(platform, "/")
	cmd.Env = append(append(os.Environ(), settings...), "GOOS="+goos, "GOARCH="+arch)
	if r.Cache != "" {
		cmd.Env = append(cmd.Env, "GOCACHE="+r.Cache)
	}
	return cmd
}

// experiments is an error if go env -w asks for some: only that can reset them.
func (r *Release) experiments(ctx context.Context, _ string) error {
	on, err := run(r.goCommand(ctx, "", "env", "GOEXPERIMENT"))
	if err != nil {
		return err
	}
	if name := strings.TrimSpace(string(on)); name != "" {
		return fmt.Errorf("go env -w has set GOEXPERIMENT to %q: go env -u GOEXPERIMENT resets it", name)
	}
	return nil
}

// compile builds a program of cmd/ into dir.
func (r *Release) compile(ctx context.Context, program, platform, dir string) (file string, err error) {
	file = filepath.Join(dir, program)
	if strings.HasPrefix(platform, "windows/") {
		file += ".exe"
	}
	_, err = run(r.goCommand(ctx, platform, "build", "-ldflags", r.ldflags(), "-o", file, "./cmd/"+program))
	return file, err
}

// sbom writes what a program is made of, Go's own library included. The modules are on this machine since the program was
// built; the main module is nowhere to be had by a version, and not asked for.
func (r *Release) sbom(ctx context.Context, program, file, platform string) error {
	tool, err := run(r.goTool(ctx, "-n", "cyclonedx-gomod")) // builds it, for which it may need the network
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, strings.TrimSpace(string(tool)), "bin", "-json", "-noserial", "-notimestamp", "-std",
		"-version", "v"+r.Version, "-output", r.path(SBOMFile(program, r.Version, platform)), file)
	cmd.Dir, cmd.Env = r.Root, append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=mod")
	_, err = run(cmd)
	return err
}

// goTool is a tool built as what is shipped is: an SBOM has the hash of the program that wrote it.
func (r *Release) goTool(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", append([]string{"tool", "-modfile=test/tools/go.mod"}, args...)...)
	cmd.Dir, cmd.Env = r.Root, append(os.Environ(), settings...)
	return cmd
}

// run returns what a command prints. Its error has what the command says.
func run(cmd *exec.Cmd) ([]byte, error) {
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s%s", strings.Join(cmd.Args, " "), err, said.String(), out.String())
	}
	return out.Bytes(), nil
}
