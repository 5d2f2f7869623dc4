package cli

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fatih/color"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

var update = flag.Bool("update", false, "write what the commands print into the scripts")

func TestMain(m *testing.M) {
	today = func() time.Time { return time.Date(2026, time.November, 30, 9, 0, 0, 0, time.UTC) }
	color.NoColor = true                        // whatever terminal the tests run in
	for name, value := range map[string]string{ // all that is asked is on this machine
		"KUBECONFIG": "", "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "*", "no_proxy": "*",
		"KUBE_EDITOR": "false", // an editor that is not a test's own would wait for somebody
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if programDir != "" {
		_ = os.RemoveAll(programDir) // a leftover in the temporary directory fails no test
	}
	os.Exit(code)
}

// TestScripts runs testdata/script: one case each, in a directory of its own that has the files of testdata/in. The exit
// code and both outputs are compared to the last byte.
func TestScripts(t *testing.T) { runScripts(t, "testdata/script", nil) }

func runScripts(t *testing.T, dir string, env map[string]string) {
	t.Helper()
	testscript.RunT(inTurn{t}, testscript.Params{
		Dir:           dir,
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Values[exitCode{}] = new(int)
			e.Setenv("KUBECONFIG", "none")
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			for k, v := range env {
				e.Setenv(k, v)
			}
			return os.CopyFS(e.WorkDir, os.DirFS("testdata/in"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"kubectl": kubectlCommand, "exit": exitCommand, "append": appendCommand,
		},
	})
}

// inTurn runs scripts one after another: each has the directory and the environment of this process.
type inTurn struct{ *testing.T }

func (inTurn) Parallel()     {}
func (inTurn) Verbose() bool { return testing.Verbose() }

func (t inTurn) Run(name string, script func(testscript.T)) {
	t.T.Run(name, func(t *testing.T) { script(inTurn{t}) })
}

type exitCode struct{}

// variables are those of the environment that a script may set.
var variables = []string{"KUBE_EDITOR", "TMPDIR", "KUBECONFIG", "NO_COLOR", "TERM", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION",
	"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED",
	"AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL_EKS"}

// kubectlCommand runs "kubectl awsauth ARGS [< FILE]" in this process.
func kubectlCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || args[0] != "awsauth" {
		ts.Fatalf("usage: kubectl awsauth ARGS [< FILE]; 'exit' compares the exit code")
	}
	args = args[1:]
	var stdin io.Reader = strings.NewReader("")
	if n := len(args); n > 1 && args[n-2] == "<" {
		stdin = strings.NewReader(ts.ReadFile(args[n-1]))
		args = args[:n-2]
	}
	for _, name := range variables {
		defer setenv(name, ts.Getenv(name))()
	}
	defer chdir(ts.MkAbs("."))()
	std := streams{stdin, ts.Stdout(), ts.Stderr()}
	var out bytes.Buffer
	std.out = io.MultiWriter(&out, std.out)
	code := run(context.Background(), args, std, func() {})
	line := strings.Join(args, " ")
	if several, report := strings.Count(line, "-f ") > 1, strings.Contains(line, "check ") && strings.Contains(line, " -o "); code == exitFailed && out.Len() > 0 && !several && !report {
		ts.Fatalf("could not run, and yet wrote to stdout")
	}
	*ts.Value(exitCode{}).(*int) = code
}

// setenv sets a variable until what it returns is called; "" is none.
func setenv(name, value string) (restore func()) {
	was, had := os.LookupEnv(name)
	set := func(value string, has bool) {
		err := os.Unsetenv(name)
		if has {
			err = os.Setenv(name, value)
		}
		if err != nil {
			panic(err)
		}
	}
	set(value, value != "")
	return func() { set(was, had) }
}

func chdir(dir string) (back func()) {
	was, err := os.Getwd()
	if err == nil {
		err = os.Chdir(dir)
	}
	if err != nil {
		panic(err)
	}
	return func() {
		if err := os.Chdir(was); err != nil {
			panic(err)
		}
	}
}

// exitCommand compares the exit code of the last kubectl.
func exitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: exit CODE")
	}
	if code := fmt.Sprint(*ts.Value(exitCode{}).(*int)); code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

// appendCommand makes files that nobody would want to read: "append FILE TEXT [TIMES]". TEXT has the escapes of Go, and
// {n} is how often it was written before; @NAME is the text of another file.
func appendCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: append FILE TEXT [TIMES]")
	}
	times := 1
	var text string
	var err error
	if name, ok := strings.CutPrefix(args[1], "@"); ok {
		text = ts.ReadFile(name)
	} else {
		text, err = strconv.Unquote(`"` + args[1] + `"`)
		ts.Check(err)
	}
	if len(args) == 3 {
		times, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	ts.Check(err)
	before, after, numbered := strings.Cut(text, "{n}")
	var b bytes.Buffer
	for n := range times {
		b.WriteString(before)
		if numbered {
			b.WriteString(strconv.Itoa(n) + after)
		}
	}
	_, err = f.Write(b.Bytes())
	ts.Check(err)
	ts.Check(f.Close())
}

// kubectl runs the plugin in this process, and returns all that it prints and its exit code.
func kubectl(args ...string) (text string, code int) {
	var b bytes.Buffer
	code = run(context.Background(), args, streams{strings.NewReader(""), &b, &b}, func() {})
	return b.String(), code
}

// Every rule can be explained, by id and by name, and is in the table.
func TestEveryRule(t *testing.T) {
	table, _ := kubectl("rules")
	for _, r := range validate.Catalogue() {
		if !strings.Contains(table, r.ID) {
			t.Errorf("%s is not in the table", r.ID)
		}
		for _, name := range []string{r.ID, r.Name} {
			if text, code := kubectl("explain", name); code != exitAdmitted || !strings.HasPrefix(text, r.ID) {
				t.Errorf("explain %s: exit code %d\n%s", name, code, text)
			}
		}
	}
}
