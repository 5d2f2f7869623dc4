package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// edit runs `kubectl edit` with an editor that makes the given edits, one sed script each time it is opened. It gives
// back what kubectl says, and what the editor was shown each time.
func edit(t *testing.T, scripts ...string) (said answer, shown []string) {
	t.Helper()
	dir := t.TempDir()
	for i, s := range scripts {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.sed", i+1)), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	editor, err := filepath.Abs("testdata/editor.sh")
	if err != nil {
		t.Fatal(err)
	}
	cmd := cluster.Kubectl(t.Context(), "edit", "configmap", "aws-auth", "-n", "kube-system")
	// kubectl keeps a rejected edit in the temporary directory.
	cmd.Env = append(cmd.Env, "KUBE_EDITOR="+editor, "EDITOR_DIR="+dir, "TMPDIR="+dir)
	said = show(t, "", cmd)
	for n := 1; ; n++ {
		text, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%d.yaml", n)))
		if os.IsNotExist(err) {
			return said, shown
		}
		if err != nil {
			t.Fatal(err)
		}
		shown = append(shown, string(text))
	}
}

// comments are the lines that kubectl puts on top of what is edited.
func comments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestEdit(t *testing.T) {
	const (
		addPath = "s#role/ci#role/team/ci#"
		fix     = "s#role/team/ci#role/ci#\ns#deployers#releasers#"
		// reopened is what is on the terminal when the second editor is closed.
		reopened = "error: configmaps \"aws-auth\" is invalid\nconfigmap/aws-auth edited\n"
	)
	fixed := strings.Replace(good, "deployers", "releasers", 1)

	t.Run("a good edit", func(t *testing.T) {
		givenRoles(t, good)
		said, shown := edit(t, "s#deployers#releasers#")
		said.want(t, "configmap/aws-auth edited\n", 0)
		if len(shown) != 1 {
			t.Errorf("the editor was opened %d times, want once", len(shown))
		}
		wantRoles(t, fixed)
	})
	t.Run("a bad edit opens the editor again with the findings, and its fix is allowed", func(t *testing.T) {
		givenRoles(t, good)
		said, shown := edit(t, addPath, fix)
		said.want(t, reopened, 0)
		if len(shown) != 2 {
			t.Fatalf("the editor was opened %d times, want twice; kubectl says:\n%s", len(shown), said.text)
		}
		golden(t, "edit-again", comments(shown[1]))
		if !strings.Contains(shown[1], "role/team/ci\n      username: ci\n") {
			t.Errorf("the edit is lost; the editor shows:\n%s", shown[1])
		}
		wantRoles(t, fixed)
	})
	t.Run("every finding is shown", func(t *testing.T) {
		givenRoles(t, good)
		said, shown := edit(t, addPath+"\ns#username: ci#username: system:ci#\ns#deployers#system:master#", fix+"\ns#username: system:ci#username: ci#\ns#system:master]#releasers]#")
		said.want(t, reopened, 0)
		if len(shown) != 2 {
			t.Fatalf("the editor was opened %d times, want twice; kubectl says:\n%s", len(shown), said.text)
		}
		golden(t, "edit-again-several", policies.ReplaceAllString(comments(shown[1]), "/DIR/policy.yaml"))
		wantRoles(t, fixed)
	})
	t.Run("a bad edit that is given up", func(t *testing.T) {
		givenRoles(t, good)
		said, shown := edit(t, addPath)
		if said.code != 1 || !strings.Contains(said.text, "Edit cancelled, no valid changes were saved.") || len(shown) != 2 {
			t.Errorf("exit code %d after opening the editor %d times:\n%s", said.code, len(shown), said.text)
		}
		wantRoles(t, good)
	})
	t.Run("what was broken before is warned of and can be fixed", func(t *testing.T) {
		givenRoles(t, bad)
		said, _ := edit(t, "s#deployers#releasers#")
		if got := said.warnings(); len(got) != 1 || !strings.Contains(got[0], "AA203") || said.code != 0 {
			t.Errorf("exit code %d, want one warning of AA203:\n%s", said.code, said.text)
		}
		said, _ = edit(t, "s#role/team/ci#role/ci#")
		said.want(t, "configmap/aws-auth edited\n", 0)
		wantRoles(t, fixed)
	})
}
