package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// programDir is where the program is, once it has been built. TestMain removes it.
var programDir string

var buildProgram = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "kubectl-awsauth")
	if err != nil {
		return "", err
	}
	programDir = dir
	name := filepath.Join(dir, "kubectl-awsauth")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", name, "../../cmd/kubectl-awsauth").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return name, err
})

// program is the real one, for the tests about its process: signals, exec plugins, and what kubectl makes of it.
func program(t *testing.T) string {
	t.Helper()
	name, err := buildProgram()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// TestProgram runs the real program, as users do: by itself, and as a plugin of kubectl.
func TestProgram(t *testing.T) {
	programs := map[string][]string{"by itself": {program(t)}}
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		programs["by kubectl"] = []string{filepath.Join(dir, "kubectl"), "awsauth"}
	}
	for name, tt := range map[string]struct {
		args   string
		code   int
		stdout string
		stderr string
	}{
		"admitted":      {"check -f testdata/in/good.yaml", exitAdmitted, "no findings: would be allowed\n", ""},
		"denied":        {"check -f testdata/in/path.json", exitDenied, "1 error: would be denied\n", ""},
		"could not run": {"check -f testdata/in/missing.yaml", exitFailed, "", "error: cannot read testdata/in/missing.yaml: no such file or directory\n"},
		"misused":       {"check --file x", exitFailed, "", "see 'kubectl awsauth check --help'\n"},
	} {
		for how, program := range programs {
			t.Run(name+" "+how, func(t *testing.T) {
				cmd := exec.Command(program[0], append(program[1:], strings.Fields(tt.args)...)...)
				cmd.Env = append(os.Environ(), "PATH="+programDir+string(os.PathListSeparator)+os.Getenv("PATH"))
				var stdout, stderr strings.Builder
				cmd.Stdout, cmd.Stderr = &stdout, &stderr
				_ = cmd.Run() // the exit code says it
				if code := cmd.ProcessState.ExitCode(); code != tt.code {
					t.Errorf("exit code %d, want %d", code, tt.code)
				}
				for which, texts := range map[string][2]string{"stdout": {stdout.String(), tt.stdout}, "stderr": {stderr.String(), tt.stderr}} {
					if got, want := texts[0], texts[1]; !strings.HasSuffix(got, want) || want == "" && got != "" {
						t.Errorf("%s %q, want it to end in %q", which, got, want)
					}
				}
			})
		}
	}
}
