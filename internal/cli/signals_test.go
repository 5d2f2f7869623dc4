package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/wait"
)

// typed is, of each command, something that prints to stdout and asks nobody. IN is a manifest.
var typed = map[string]string{
	"":                      "",
	"access":                "access -f IN",
	"add":                   "add --help",
	"add account":           "add account 444455556666 -f IN --dry-run",
	"add role":              "add role arn:aws:iam::111122223333:role/x --username x -f IN --dry-run",
	"add user":              "add user arn:aws:iam::111122223333:user/x --username x -f IN --dry-run",
	"check":                 "check -f IN",
	"completion":            "completion --help",
	"completion bash":       "completion bash",
	"completion fish":       "completion fish",
	"completion powershell": "completion powershell",
	"completion zsh":        "completion zsh",
	"diff":                  "diff IN IN",
	"edit":                  "edit --help",
	"explain":               "explain AA203",
	"fleet":                 "fleet --help",
	"help":                  "help check",
	"iam-policy":            "iam-policy --list",
	"policy":                "policy --help",
	"policy init":           "policy init -f IN",
	"remove":                "remove arn:aws:iam::111122223333:role/deploy -f IN --dry-run",
	"remove account":        "remove account 444455556666 -f IN --dry-run",
	"rules":                 "rules",
	"set":                   "set arn:aws:iam::111122223333:role/deploy --username x -f IN --dry-run",
	"version":               "version",
	"whois":                 "whois arn:aws:iam::111122223333:role/nodes -f IN",
}

// waiting is what a command waits for that never comes, and how the test knows that it does.
type waiting struct {
	args  string
	env   []string
	stdin io.Reader
	// reached is closed or sent to when it waits.
	reached <-chan struct{}
}

// TestSignals ends every command by every signal that ends one, wherever it may be waiting: for stdout, stdin, a cluster, an exec
// plugin or AWS. It ends at once, by the signal, as a shell expects, and says and leaves nothing.
func TestSignals(t *testing.T) {
	manifest, err := filepath.Abs("testdata/in/good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// What nohup has a process ignore, whatever it starts ignores as well, unless it handles the signal itself.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	root := newRoot()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range commands(root) {
		name := typedName(c)
		args, ok := typed[name]
		if !ok {
			t.Errorf("typed does not have the command %q", name)
			continue
		}
		args = strings.ReplaceAll(args, "IN", manifest)
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			t.Run(fmt.Sprintf("%s/stdout/%s", name, signal), func(t *testing.T) { endsBy(t, signal, waiting{args: args}, fullPipe(t)) })
			for what, w := range waitingFor(t, c, manifest) {
				t.Run(fmt.Sprintf("%s/%s/%s", name, what, signal), func(t *testing.T) { endsBy(t, signal, w(t), nil) })
			}
		}
		t.Run(name+"/nobody reads stdout", func(t *testing.T) {
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer write.Close() //nolint:errcheck // the process has its own
			if err := read.Close(); err != nil {
				t.Fatal(err)
			}
			cmd, stderr := prepared(t, args, nil)
			cmd.Stdout = write
			_ = cmd.Run() // the state says it
			if s := status(cmd); !s.Signaled() || s.Signal() != syscall.SIGPIPE || !onlyNotes(stderr) {
				t.Errorf("%s, want the signal that says a pipe is broken\n%s", cmd.ProcessState, stderr)
			}
		})
		t.Run(name+"/stdout is closed", func(t *testing.T) {
			open, _ := prepared(t, args, nil)
			_ = open.Run() // the state says it
			closed, stderr := prepared(t, args, nil)
			closed.Args, closed.Path = append([]string{"sh", "-c", `exec "$0" "$@" >&-`}, closed.Args...), "/bin/sh"
			_ = closed.Run()
			if closed.ProcessState.ExitCode() != open.ProcessState.ExitCode() || strings.Contains(stderr.String(), "panic") {
				t.Errorf("%s, want %s\n%s", closed.ProcessState, open.ProcessState, stderr)
			}
		})
	}
}

// noneIsNew are the commands of which typed brings no role and no user that IAM would be asked about.
var noneIsNew = map[string]bool{"add account": true, "edit": true, "remove": true, "remove account": true, "set": true}

// waitingFor are the places, beside stdout, in which a command may wait, by its flags.
func waitingFor(t *testing.T, c *cobra.Command, manifest string) map[string]func(*testing.T) waiting {
	t.Helper()
	all := map[string]func(*testing.T) waiting{}
	name := typedName(c)
	for i, way := range asking[name] {
		way = strings.ReplaceAll(way, "IN", manifest)
		all[fmt.Sprintf("cluster %d", i)] = func(t *testing.T) waiting {
			address, reached := silent(t)
			return waiting{args: way + " --kubeconfig " + kubeconfigFile(t, fmt.Sprintf("{server: 'http://%s'}", address), "{token: x}"), reached: reached}
		}
		all[fmt.Sprintf("exec plugin %d", i)] = func(t *testing.T) waiting {
			started := filepath.Join(t.TempDir(), "started")
			return waiting{args: way + " --kubeconfig " + kubeconfigFile(t, "{server: 'https://127.0.0.1:1'}", execPlugin(t, fmt.Sprintf("touch '%s'; exec sleep 60", started))), reached: exists(t, started)}
		}
	}
	if strings.Contains(typed[name], "-f IN") {
		all["stdin"] = func(t *testing.T) waiting {
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _, _ = read.Close(), write.Close() })
			args := strings.ReplaceAll(typed[name], "IN", "-")
			return waiting{args: args, stdin: read}
		}
	}
	if c.Flags().Lookup("iam") != nil && !noneIsNew[name] {
		all["AWS"] = func(t *testing.T) waiting {
			address, reached := silent(t)
			return waiting{args: strings.ReplaceAll(typed[name], "IN", manifest) + " --iam aws", reached: reached, env: fakeAWS("http://" + address)}
		}
	}
	if c.Flags().Lookup("region") != nil && c.Flags().Lookup("kubeconfig") != nil {
		all["AWS"] = func(t *testing.T) waiting {
			address, reached := silent(t)
			cluster := served(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if strings.HasSuffix(r.URL.Path, "/nodes") {
					_, _ = io.WriteString(w, `{"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"n"},"spec":{"providerID":"aws:///us-west-2a/i-0123456789abcdef0"}}]}`)
					return
				}
				_, _ = io.WriteString(w, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"aws-auth","namespace":"kube-system"}}`)
			}))
			return waiting{args: c.Name() + " --region us-west-2 --kubeconfig " + kubeconfigFile(t, cluster, "{token: x}"), reached: reached, env: fakeAWS("http://" + address)}
		}
	}
	return all
}

func fakeAWS(url string) []string {
	env := []string{"AWS_ACCESS_KEY_ID=operator", "AWS_SECRET_ACCESS_KEY=none", "AWS_REGION=us-west-2"}
	for _, service := range []string{"IAM", "STS", "EC2", "EKS"} {
		env = append(env, "AWS_ENDPOINT_URL_"+service+"="+url)
	}
	return env
}

// silent is a server that takes connections and says nothing, and when one has asked something.
func silent(t *testing.T) (address string, reached <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{}, 100)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			go func() {
				if _, err := c.Read(make([]byte, 1)); err == nil {
					asked <- struct{}{}
				}
			}()
		}
	}()
	return l.Addr().String(), asked
}

// exists is closed when a file does.
func exists(t *testing.T, name string) <-chan struct{} {
	t.Helper()
	there := make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	go func() {
		if wait.PollUntilContextCancel(ctx, 10*time.Millisecond, true, func(context.Context) (bool, error) {
			_, err := os.Stat(name)
			return err == nil, nil
		}) == nil {
			close(there)
		}
	}()
	return there
}

// fullPipe is one into which nothing fits.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = read.Close(), write.Close() })
	raw, err := write.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	piece := make([]byte, 1<<16)
	if werr := raw.Control(func(fd uintptr) {
		for err == nil {
			_, err = syscall.Write(int(fd), piece) // os.Pipe's ends do not block
		}
	}); werr != nil || !errors.Is(err, syscall.EAGAIN) {
		t.Fatal(werr, err)
	}
	return write
}

// prepared is a process of its own group in an empty directory, and what it says on stderr.
func prepared(t *testing.T, args string, env []string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(program(t), strings.Fields(args)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(append(os.Environ(), "AWS_EC2_METADATA_DISABLED=true", "KUBECONFIG=", "HOME="+cmd.Dir), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stderr := &bytes.Buffer{}
	cmd.Stderr = stderr
	cmd.WaitDelay = time.Second // an exec plugin may still have stderr
	return cmd, stderr
}

func status(cmd *exec.Cmd) syscall.WaitStatus {
	s, _ := cmd.ProcessState.Sys().(syscall.WaitStatus) // of Unix
	return s
}

// onlyNotes reports that there is nothing but notes to an answer.
func onlyNotes(stderr *bytes.Buffer) bool {
	for line := range strings.Lines(stderr.String()) {
		if !strings.HasPrefix(line, "note: ") {
			return false
		}
	}
	return true
}

// endsBy starts a command, waits until it waits, and ends it.
func endsBy(t *testing.T, signal syscall.Signal, w waiting, stdout *os.File) {
	t.Helper()
	cmd, stderr := prepared(t, w.args, w.env)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout = w.stdin, &out
	if stdout != nil {
		cmd.Stdout = stdout
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) //nolint:errcheck // an exec plugin, if there is one
	if w.reached != nil {
		select {
		case <-w.reached:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			t.Fatalf("it does not come to where it would wait: %s\n%s%s", cmd.ProcessState, &out, stderr)
		}
	}
	ended := make(chan struct{})
	sent := time.Now()
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the state says it
	}()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		_ = cmd.Process.Kill()
		<-ended
		t.Fatalf("%s does not end it", signal)
	}
	if s := status(cmd); !s.Signaled() || s.Signal() != signal {
		t.Errorf("%s, want it to end by %s", cmd.ProcessState, signal)
	}
	if out.Len() > 0 || !onlyNotes(stderr) {
		t.Errorf("it says:\n%s%s", &out, stderr)
	}
	left, err := os.ReadDir(cmd.Dir)
	if err != nil || len(left) > 0 {
		t.Errorf("it leaves %v (%v)", left, err)
	}
	if took := time.Since(sent); took > 5*time.Second {
		t.Errorf("it ended after %s", took)
	}
}
