package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// TestSignals stops the webhook in all that it does.
func TestSignals(t *testing.T) {
	dir := t.TempDir()
	servingCertificate(t, dir)
	binary := Built(t)
	t.Run("while it waits", func(t *testing.T) { testSignalWhileWaiting(t, binary, dir) })
	t.Run("while it answers", func(t *testing.T) { testSignalWhileAnswering(t, binary, dir) })
	t.Run("nobody reads the log", func(t *testing.T) { testNobodyReadsTheLog(t, binary, dir) })
}

// testSignalWhileWaiting stops it wherever it may be waiting: for nobody, the cluster or AWS. It ends in time, and with success,
// since it did what the signal asks for.
func testSignalWhileWaiting(t *testing.T, binary, dir string) {
	standalone := []string{"--standalone", "--cert-dir", dir}
	inCluster := []string{"--namespace", "guard", "--shutdown-delay", "100ms"}
	for name, tt := range map[string]struct {
		args []string
		// waits names the path of the request that it waits for when it is stopped; "": it is ready.
		waits string
	}{
		"ready":                 {args: standalone},
		"for AWS":               {args: append([]string{"--iam", "aws"}, standalone...), waits: "/"},
		"for RBAC":              {args: append([]string{"--rbac", "cluster"}, standalone...), waits: "/apis/rbac.authorization.k8s.io/v1/"},
		"for the cluster":       {args: inCluster, waits: "/api"},
		"for the policy":        {args: append([]string{"--policy-configmap", "policy"}, inCluster...), waits: "/api"},
		"for cluster and nodes": {args: append([]string{"--fleet", "on", "--iam", "aws"}, inCluster...), waits: "/api"},
	} {
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			t.Run(fmt.Sprintf("%s/%s", name, signal), func(t *testing.T) {
				t.Parallel()
				reached := make(chan string, 1000)
				silent := fake.Serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					reached <- r.URL.Path
					<-r.Context().Done()
				}))
				p := startProcess(t, binary, silent, tt.args...)
				if tt.waits == "" {
					p.waitReady()
				} else {
					p.waitFor(reached, tt.waits)
				}
				p.signal(signal)
				p.wantEnd(0)
			})
		}
	}
}

// testSignalWhileAnswering holds that a review that waits for AWS is answered before the webhook ends, and that it does not wait for
// that at a second signal.
func testSignalWhileAnswering(t *testing.T, binary, dir string) {
	for name, tt := range map[string]struct {
		again    bool
		code     int
		answered bool
	}{"once": {false, 0, true}, "again and again": {true, 1, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan string, 1000)
			silent := fake.Serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if err := r.ParseForm(); err == nil {
					asked <- r.Form.Get("Action")
				}
				<-r.Context().Done()
			}))
			p := startProcess(t, binary, silent, "--standalone", "--cert-dir", dir, "--iam", "aws")
			p.waitReady()
			answers := make(chan error, 1)
			go func() {
				resp, err := p.review("arn:aws:iam::111122223333:role/ci")
				if err == nil && resp.Allowed {
					err = fmt.Errorf("it is allowed")
				}
				answers <- err
			}()
			p.waitFor(asked, "GetRole")
			p.signal(syscall.SIGTERM)
			if tt.again { // two that come at once may be one
				eventually(t, "it ends", func() bool {
					_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
					select {
					case <-p.ended:
						return true
					default:
						return false
					}
				})
			}
			if err := <-answers; (err == nil) != tt.answered {
				t.Errorf("the review: %v, answered: want %t", err, tt.answered)
			}
			p.wantEnd(tt.code)
		})
	}
}

// testNobodyReadsTheLog holds that the guard goes on without anybody who reads its stderr.
func testNobodyReadsTheLog(t *testing.T, binary, dir string) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close() //nolint:errcheck // the process has its own
	if err := read.Close(); err != nil {
		t.Fatal(err)
	}
	p := startProcessTo(t, write, binary, "", "--standalone", "--cert-dir", dir)
	p.waitReady()
	for range 2 { // each answer is logged
		if resp, err := p.review("arn:aws:iam::111122223333:role/ci"); err != nil || !resp.Allowed {
			t.Fatal(resp, err)
		}
	}
	p.signal(syscall.SIGTERM)
	p.wantEnd(0)
}

// process is the webhook.
type process struct {
	*guardProcess
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

// startProcess starts it before an AWS and a cluster that are one server. Its log is shown with a failure.
func startProcess(t *testing.T, binary, server string, args ...string) *process {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // the process has its own
	p := startProcessTo(t, log, binary, server, args...)
	p.log = log.Name()
	return p
}

func startProcessTo(t *testing.T, stderr *os.File, binary, server string, args ...string) *process {
	t.Helper()
	p := &process{guardProcess: &guardProcess{t: t, webhook: freeAddress(t), health: freeAddress(t), client: insecure()}, ended: make(chan struct{})}
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: %q}}]\nusers: [{name: u, user: {token: x}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n", server)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(binary, append([]string{"--bind-address", p.webhook, "--health-address", p.health}, args...)...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") {
			p.cmd.Env = append(p.cmd.Env, v)
		}
	}
	p.cmd.Env = append(p.cmd.Env, "KUBECONFIG="+kubeconfig, "AWS_EC2_METADATA_DISABLED=true", "AWS_REGION=us-west-2", "AWS_ACCESS_KEY_ID=guard", "AWS_SECRET_ACCESS_KEY=none", "AWS_ENDPOINT_URL="+server)
	p.cmd.Stderr = stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // the state says it
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // if it has not ended, which the test has seen
		<-p.ended
		if log, err := os.ReadFile(p.log); t.Failed() && err == nil {
			t.Logf("%s", log)
		}
	})
	return p
}

// waitFor waits until the server is asked for something that begins so.
func (p *process) waitFor(reached <-chan string, prefix string) {
	p.t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case what := <-reached:
			if strings.HasPrefix(what, prefix) {
				return
			}
		case <-p.ended:
			p.t.Fatalf("it ends by itself: %s", p.cmd.ProcessState)
		case <-late:
			p.t.Fatal("it does not come to where it would wait")
		}
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wantEnd waits for the end. A review that was on its way has 10 s.
func (p *process) wantEnd(code int) {
	p.t.Helper()
	select {
	case <-p.ended:
		if got := p.cmd.ProcessState.ExitCode(); got != code {
			p.t.Errorf("%s, want exit code %d", p.cmd.ProcessState, code)
		}
	case <-time.After(20 * time.Second):
		p.t.Error("it does not end")
	}
}
