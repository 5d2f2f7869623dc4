package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"debug/buildinfo"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/util/cert"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// The servers' names.
const (
	guard   = "guard"
	opa     = "OPA"
	ceiling = "ceiling"
)

var servers = []string{guard, opa, ceiling}

// programs are what is measured, and what they need.
type programs struct {
	dir string // of tls.crt, tls.key, policy.yaml, guard and ceiling
	opa string
	ca  *x509.CertPool
}

// rego is the policy that OPA enforces, seen from the root of the repository, where make runs everything.
const rego = "test/bench/opa/aws_auth.rego"

// build compiles the guard as the image holds it, and the ceiling likewise.
func build(ctx context.Context, dir, opa string) (*programs, error) {
	for name, pkg := range map[string]string{guard: "./cmd/webhook", ceiling: "./test/bench/ceiling"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, name), pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
		}
	}
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
	if err != nil {
		return nil, err
	}
	p := &programs{dir: dir, opa: opa, ca: x509.NewCertPool()}
	p.ca.AppendCertsFromPEM(certificate)
	return p, errors.Join(
		os.WriteFile(filepath.Join(dir, "tls.crt"), certificate, 0o600),
		os.WriteFile(filepath.Join(dir, "tls.key"), key, 0o600),
		os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte(policyFile), 0o600))
}

// opaVersion is the version of the module that the program was built from.
func opaVersion(program string) (string, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return "", fmt.Errorf("OPA: %w", err)
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == "github.com/open-policy-agent/opa" {
			return m.Version, nil
		}
	}
	return "", fmt.Errorf("%s is not built from the module of OPA", program)
}

// server is one of them as a process.
type server struct {
	name string
	url  string
	// allowsAll is the ceiling.
	allowsAll bool
	client    *http.Client
	log       string
	process   *exec.Cmd
	ended     chan struct{}
	// readyAfter is how long it took from its start to its first right answer.
	readyAfter time.Duration
}

// start starts a server by its name, and waits for its first right answer to in. Variables are added to its environment.
func (p *programs) start(ctx context.Context, name string, in *input, env ...string) (*server, error) {
	address, err := guarded.FreeAddress()
	if err != nil {
		return nil, err
	}
	health, err := guarded.FreeAddress()
	if err != nil {
		return nil, err
	}
	crt, key := filepath.Join(p.dir, "tls.crt"), filepath.Join(p.dir, "tls.key")
	s := &server{name: name, url: "https://" + address + "/", ended: make(chan struct{}), log: filepath.Join(p.dir, name+".log")}
	switch name {
	case guard:
		s.url = "https://" + address + admission.Path
		s.process = exec.Command(filepath.Join(p.dir, guard), "--standalone", "--cert-dir", p.dir, "--policy", filepath.Join(p.dir, "policy.yaml"), "--iam", "off",
			"--bind-address", address, "--health-address", health)
	case opa: // as its documentation sets it up as an admission controller, but for the log, which would slow it
		s.process = exec.Command(p.opa, "run", "--server", "--addr", "https://"+address, "--tls-cert-file", crt, "--tls-private-key-file", key,
			"--log-level", "error", "--skip-version-check", rego)
	case ceiling:
		s.allowsAll = true
		s.process = exec.Command(filepath.Join(p.dir, ceiling), address, crt, key)
	}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the process has its own
	s.process.Stdout, s.process.Stderr = log, log
	s.process.Env = append(os.Environ(), env...)
	// A Ctrl-C in the terminal is for us; we end the servers.
	s.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.ca, MinVersion: tls.VersionTLS13}, MaxIdleConnsPerHost: slices.Max(in.concurrencies())}}
	started := time.Now()
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.ended)
		_ = s.process.Wait() // stop reports the result
	}()
	if err := s.answers(ctx, in); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.readyAfter = time.Since(started)
	return s, nil
}

// answers asks until there is somebody to connect to. OPA takes its time for the largest input.
func (s *server) answers(ctx context.Context, in *input) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		err := s.ask(ctx, in, in.body, counter)
		if refused := (*net.OpError)(nil); !errors.As(err, &refused) {
			if err != nil {
				err = fmt.Errorf("%s: %w", s.name, err)
			}
			return err
		}
		select {
		case <-s.ended:
			text, _ := os.ReadFile(s.log) // the end is reported anyway
			return fmt.Errorf("%s has ended: %s", s.name, text)
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", s.name, err)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// stop ends the process; after ten seconds it is killed.
func (s *server) stop() error {
	s.client.CloseIdleConnections()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(10 * time.Second):
		err := s.process.Process.Kill()
		<-s.ended
		return err
	}
}

// memory is what Linux says of a process, in bytes: VmRSS is what is resident, VmHWM the most that ever was.
func (s *server) memory(field string) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("resident memory is read from /proc, as Linux has it: %w", err)
	}
	for line := range bytes.Lines(status) {
		if text, ok := strings.CutPrefix(string(line), field+":"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "kB")))
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", s.process.Process.Pid, field)
}
