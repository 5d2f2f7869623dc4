package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
)

// broken is a manifest that panics when it is written.
type broken struct{ destination }

func (broken) write(context.Context, *corev1.ConfigMap, bool) error { panic("a bug") }

// A bug loses nothing of what somebody typed.
func TestEditKeepsTextOfPanic(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "good.yaml")
	text, err := os.ReadFile("testdata/in/good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	t.Setenv("KUBE_EDITOR", "sed -i s/deployers/operators/")
	cmd := &cobra.Command{Use: "edit"}
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	o := newMappingOptions()
	o.flags(cmd)
	if err := cmd.ParseFlags([]string{"-f", file}); err != nil {
		t.Fatal(err)
	}
	e := &editing{mapping: o.start(cmd)}
	e.target = broken{e.target}
	err = e.runKeeping(t.Context(), "")
	if err == nil || !strings.Contains(out.String(), "panic: a bug") || !strings.Contains(out.String(), "edit_test.go") {
		t.Fatalf("%v\n%s", err, out.String())
	}
	kept, readErr := os.ReadFile(e.file)
	if readErr != nil || !strings.Contains(string(kept), "[operators]") {
		t.Errorf("%v: %q", readErr, kept)
	}
	if want := "continue with: kubectl awsauth edit -f " + file + " --continue " + e.file; strings.Join(fixesOf(err), "") != want {
		t.Errorf("%q, want %q", fixesOf(err), want)
	}
}
