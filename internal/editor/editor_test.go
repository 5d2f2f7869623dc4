package editor

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCommand(t *testing.T) {
	for name, tt := range map[string]struct {
		env    map[string]string
		system string
		want   []string
	}{
		"nothing set":        {nil, "linux", []string{"vi", "f"}},
		"nothing on Windows": {nil, "windows", []string{"notepad", "f"}},
		"EDITOR":             {map[string]string{"EDITOR": "nano"}, "linux", []string{"nano", "f"}},
		"KUBE_EDITOR first":  {map[string]string{"EDITOR": "nano", "KUBE_EDITOR": "code --wait"}, "linux", []string{"code", "--wait", "f"}},
		"quotes":             {map[string]string{"EDITOR": "'my editor' -x", "SHELL": "/bin/zsh"}, "linux", []string{"/bin/zsh", "-c", `'my editor' -x "f"`}},
		"quotes, no shell":   {map[string]string{"EDITOR": `a\ b`}, "linux", []string{"/bin/sh", "-c", `a\ b "f"`}},
		"blanks":             {map[string]string{"KUBE_EDITOR": " ", "EDITOR": "ed"}, "linux", []string{"ed", "f"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := func(k string) string { return tt.env[k] }
			if got := command(named(env, tt.system), env("SHELL"), tt.system, "f"); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestRun runs an editor that changes the file, with a blank in its path, and one that fails.
func TestRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "with blank")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	script, file := filepath.Join(dir, "edit.sh"), filepath.Join(dir, "x.yaml")
	if err := os.WriteFile(script, []byte("echo hello\ncat >>\"$1\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SHELL", "/bin/sh")
	t.Setenv("KUBE_EDITOR", "sh '"+script+"'")
	var out bytes.Buffer
	if err := Run(t.Context(), file, Streams{strings.NewReader("b\n"), &out, &out}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "a\nb\n" || out.String() != "hello\n" {
		t.Errorf("%v: the file is %q, the editor printed %q", err, got, &out)
	}
	t.Setenv("KUBE_EDITOR", `false "--wait"`)
	if err := Run(t.Context(), file, Streams{}); err == nil || !strings.Contains(err.Error(), `the editor "false \"--wait\"" failed`) {
		t.Errorf("an editor that fails: %v", err)
	}
}
