//go:build e2e

package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// clone is a copy of the last commit, as a CI system has one.
func clone(t *testing.T) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "clone")
	run(t, "git", "clone", "-q", "../..", to)
	return to
}

// TestChangedCheckout holds that nothing is released under a tag that the tag does not have, however git hides it.
func TestChangedCheckout(t *testing.T) {
	from := clone(t)
	run(t, "git", "-C", from, "tag", "v"+version)
	run(t, "git", "-C", from, "config", "status.showUntrackedFiles", "no")
	write(t, filepath.Join(from, ".git", "info", "exclude"), "more.go\n")
	write(t, filepath.Join(from, "cmd", "webhook", "more.go"), "package main\n")
	_, err := said(exec.CommandContext(t.Context(), filepath.Join(from, "release", "release.sh"), version, t.TempDir(), linux))
	if err == nil || !strings.Contains(err.Error(), "has changes that are not committed") {
		t.Errorf("a file that is in no commit is released: %v", err)
	}
}

// step is one step of a composite action.
type step struct {
	Uses, Run, Shell string
	Env              map[string]string
}

var expression = regexp.MustCompile(`\$\{\{ inputs\.([a-z]+) \}\}`)

// action does what GitHub's runner does with the action's own steps. Those that use another action are left out: this machine has
// Go already.
func action(t *testing.T, from string, inputs map[string]string) (string, error) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(from, "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var a struct {
		Inputs map[string]struct{ Default string }
		Runs   struct {
			Using string
			Steps []step
		}
	}
	if err := yaml.Unmarshal(text, &a); err != nil || a.Runs.Using != "composite" {
		t.Fatal(err, a.Runs.Using)
	}
	temp := t.TempDir()
	for _, s := range a.Runs.Steps {
		if s.Uses != "" {
			continue
		}
		script := filepath.Join(temp, "step.sh")
		if err := os.WriteFile(script, []byte(s.Run), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), s.Shell, "--noprofile", "--norc", "-eo", "pipefail", script)
		cmd.Dir = "testdata"
		cmd.Env = append(os.Environ(), "GITHUB_ACTION_PATH="+from, "RUNNER_TEMP="+temp, "KUBECONFIG="+os.DevNull)
		for key, value := range s.Env {
			value = expression.ReplaceAllStringFunc(value, func(e string) string {
				input := expression.FindStringSubmatch(e)[1]
				if given, ok := inputs[input]; ok {
					return given
				}
				return a.Inputs[input].Default
			})
			cmd.Env = append(cmd.Env, key+"="+value)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return string(out), fmt.Errorf("%q: %w", s.Run, err)
		}
	}
	return "", nil
}

// TestAction runs the composite action from a clone, in a workflow whose own builds are made in another way.
func TestAction(t *testing.T) {
	from := clone(t)
	t.Setenv("GOFLAGS", "-mod=vendor")
	t.Setenv("GOWORK", filepath.Join(t.TempDir(), "go.work"))
	if out, err := action(t, from, map[string]string{"files": "aws-auth.yaml"}); err != nil {
		t.Errorf("an aws-auth without a fault: %v\n%s", err, out)
	}
	out, err := action(t, from, map[string]string{"files": "aws-auth.yaml\naws-auth-path.yaml"})
	if err == nil || !strings.Contains(out, "::error file=aws-auth-path.yaml,line=13") || !strings.Contains(out, "AA203") {
		t.Errorf("a path in an ARN: %v\n%s", err, out)
	}
	same := map[string]string{"files": "aws-auth-path.yaml", "against": "aws-auth-path.yaml"}
	if out, err := action(t, from, same); err != nil {
		t.Errorf("a fault that is already there: %v\n%s", err, out)
	}
}

// TestHook has pre-commit install and run the hooks from a clone, in a repository with two manifests of aws-auth and another
// file: the one that builds the plugin, and the one that takes it from PATH.
func TestHook(t *testing.T) {
	from, repository := clone(t), t.TempDir()
	for name, of := range map[string]string{"aws-auth.yaml": "aws-auth.yaml", "prod/aws-auth-path.yaml": "aws-auth-path.yaml"} {
		text, err := os.ReadFile(filepath.Join("testdata", of))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(repository, name), string(text))
	}
	write(t, filepath.Join(repository, "values.yaml"), "mapRoles: [\n")
	run(t, "git", "init", "-q", repository)
	run(t, "git", "-C", repository, "add", ".")
	t.Setenv("PATH", unpacked(t)+":"+os.Getenv("PATH"))
	t.Setenv("KUBECONFIG", os.DevNull)
	t.Setenv("GOMODCACHE", strings.TrimSpace(run(t, "go", "env", "GOMODCACHE"))) // else the hook's Go fetches all modules again
	t.Setenv("PRE_COMMIT_HOME", t.TempDir())
	commit := strings.TrimSpace(run(t, "git", "-C", from, "rev-parse", "HEAD"))
	for _, id := range []string{"aws-auth-system", "aws-auth"} {
		// pre-commit ignores a Go that is in the home directory, as a toolchain is, and would download one.
		write(t, filepath.Join(repository, ".pre-commit-config.yaml"), fmt.Sprintf(
			"default_language_version: {golang: system}\nrepos: [{repo: %q, rev: %s, hooks: [{id: %s, args: [--output=github], verbose: true}]}]\n", from, commit, id))
		hook := func(files ...string) (string, error) {
			cmd := exec.CommandContext(t.Context(), "pre-commit", append([]string{"run", "--files"}, files...)...)
			cmd.Dir = repository
			out, err := cmd.CombinedOutput()
			return string(out), err
		}
		if out, err := hook("aws-auth.yaml", "values.yaml"); err != nil || !strings.Contains(out, "Passed") {
			t.Errorf("%s: an aws-auth without a fault: %v\n%s", id, err, out)
		}
		out, err := hook("aws-auth.yaml", "values.yaml", "prod/aws-auth-path.yaml")
		if err == nil || !strings.Contains(out, "::error file=prod/aws-auth-path.yaml,line=13,") || strings.Contains(out, "values.yaml") {
			t.Errorf("%s: a path in an ARN: %v\n%s", id, err, out)
		}
	}
	write(t, filepath.Join(repository, "--policy=x", "aws-auth.yaml"), "rules: {}\n")
	run(t, "git", "-C", repository, "add", ".")
	cmd := exec.CommandContext(t.Context(), "pre-commit", "run", "--all-files")
	cmd.Dir = repository
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "rename --policy=x/aws-auth.yaml: it reads as a flag") {
		t.Errorf("a file whose path is a flag: %v\n%s", err, out)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
