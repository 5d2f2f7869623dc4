//go:build e2e

package screens

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// editorDir names the variable with the directory of an editing. Where it is set, the test binary is the editor.
const editorDir = "AWS_AUTH_GUARD_EDITOR_DIR"

// editing is one operator before `kubectl edit`: the first opening of the editor makes the mistake, the second corrects it.
type editing struct {
	dir string
	// shown is what the editor was given each time it was opened.
	shown []string
}

// begin prepares the editor for a mistake.
func begin(t *testing.T, m *mistake) *editing {
	t.Helper()
	e := &editing{dir: t.TempDir()}
	for name, text := range map[string]string{"old": m.old, "1": m.wrong, "2": m.right} {
		if err := os.WriteFile(filepath.Join(e.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// editor is the editor: of what it was shown the first time, it replaces the old lines by those of the n-th opening. After
// that it leaves everything as it is.
func editor(dir, file string) int {
	err := func() error {
		n := 1
		for ; exists(filepath.Join(dir, shownName(n))); n++ {
		}
		shown, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, shownName(n)), shown, 0o600); err != nil {
			return err
		}
		lines, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(n)))
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		first, err := os.ReadFile(filepath.Join(dir, shownName(1)))
		if err != nil {
			return err
		}
		old, err := os.ReadFile(filepath.Join(dir, "old"))
		if err != nil {
			return err
		}
		if count := bytes.Count(first, old); count != 1 {
			return fmt.Errorf("the old lines are %d times in what the editor shows, want once:\n%s", count, old)
		}
		text := strings.Replace(string(first), string(old), string(lines), 1)
		return os.WriteFile(file, []byte(strings.Replace(text, version(string(first)), version(string(shown)), 1)), 0o600)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "editor:", err)
		return 1
	}
	return 0
}

func shownName(n int) string { return fmt.Sprintf("%d.shown", n) }

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// version is the line with the object's resource version.
func version(text string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "  resourceVersion: ") {
			return line
		}
	}
	return ""
}

// kubectl runs `kubectl edit` once, and says what it printed and its exit code.
func (e *editing) kubectl(t *testing.T) (said string, code int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := cluster.Kubectl(t.Context(), "edit", "configmap", "aws-auth", "-n", "kube-system")
	cmd.Env = append(cmd.Env, "KUBE_EDITOR="+self, editorDir+"="+e.dir, "TMPDIR="+e.dir)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	e.shown = nil
	for n := 1; exists(filepath.Join(e.dir, shownName(n))); n++ {
		text, err := os.ReadFile(filepath.Join(e.dir, shownName(n)))
		if err != nil {
			t.Fatal(err)
		}
		e.shown = append(e.shown, string(text))
	}
	return strings.ReplaceAll(string(out), e.dir, "/tmp"), cmd.ProcessState.ExitCode()
}

// given makes mapRoles the aws-auth of the cluster, whatever was there.
func given(t *testing.T, mapRoles string) {
	t.Helper()
	if err := configMaps.Delete(t.Context(), "aws-auth", metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "aws-auth", Namespace: metav1.NamespaceSystem}, Data: map[string]string{"mapRoles": mapRoles}}
	if _, err := configMaps.Create(t.Context(), cm, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// comments are the lines that kubectl puts on top of what is edited.
func comments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			break
		}
		b.WriteString(line)
	}
	return b.String()
}
