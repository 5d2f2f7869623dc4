package internal_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// releaseWorkflow is what the tests read of release.yml.
type releaseWorkflow struct {
	Defaults struct{ Run struct{ Shell string } }
	Jobs     map[string]struct {
		Steps []struct {
			Run, Shell string
		}
	}
}

// releaseStep runs the first step of the release workflow whose script has a word in it, as GitHub's runner does: in bash, which
// gets pipefail only where the workflow asks for bash. A program in PATH answers with a status.
func releaseStep(t *testing.T, word, program, status string, env ...string) error {
	t.Helper()
	text, err := os.ReadFile("../.github/workflows/release.yml")
	if err != nil {
		t.Fatal(err)
	}
	var w releaseWorkflow
	if err := yaml.Unmarshal(text, &w); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\nexit "+status+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, s := range w.Jobs["release"].Steps {
		if !strings.Contains(s.Run, word) {
			continue
		}
		args := []string{"-e", "-c", s.Run}
		if s.Shell == "bash" || w.Defaults.Run.Shell == "bash" {
			args = append([]string{"--noprofile", "--norc", "-o", "pipefail"}, args...)
		}
		cmd := exec.CommandContext(t.Context(), "bash", args...)
		cmd.Dir = dir
		cmd.Env = append([]string{"PATH=" + dir + ":" + os.Getenv("PATH"), "RUNNER_TEMP=" + dir}, env...)
		if err := os.MkdirAll(filepath.Join(dir, "bin", "release"), 0o700); err != nil {
			t.Fatal(err)
		}
		return cmd.Run()
	}
	t.Fatalf("no step has %q in it", word)
	return nil
}

// TestFailedPublication holds that a release whose image or chart could not be published is not announced.
func TestFailedPublication(t *testing.T) {
	if err := releaseStep(t, "make publish", "make", "0"); err != nil {
		t.Errorf("published: %v", err)
	}
	if err := releaseStep(t, "make publish", "make", "1"); err == nil {
		t.Error("make publish fails, and the step does not")
	}
}

// TestReleaseWithoutKey holds that nothing is released unsigned because a secret is missing.
func TestReleaseWithoutKey(t *testing.T) {
	if err := releaseStep(t, "COSIGN_PRIVATE_KEY", "make", "0", "COSIGN_PRIVATE_KEY=a key"); err != nil {
		t.Errorf("with a key: %v", err)
	}
	if err := releaseStep(t, "COSIGN_PRIVATE_KEY", "make", "0", "COSIGN_PRIVATE_KEY="); err == nil {
		t.Error("an empty key is accepted")
	}
}
