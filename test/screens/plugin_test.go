//go:build e2e

package screens

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipperhouse/displaywidth"
)

// `kubectl awsauth edit` shows the values as YAML by themselves, and what is wrong with a line below it: in nano and in vi,
// on 80 by 24, problem and fix are as they are in the file. Corrected, the edit is applied.
func TestPluginInEditors(t *testing.T) {
	mistakes := readMistakes(t)
	for name, k := range keyboards {
		for _, mistake := range []string{"path", "no-space-after-the-dash", "field-one-space-too-far", "tab-at-the-start-of-a-line", "at-sign", "master"} {
			t.Run(name+"/"+mistake, func(t *testing.T) {
				m := mistakes[mistake]
				given(t, base)
				dir := t.TempDir()
				cmd := cluster.Kubectl(t.Context(), "awsauth", "edit")
				cmd.Env = append(cmd.Env, "KUBE_EDITOR="+k.command, "TMPDIR="+dir, "PATH="+plugin+string(filepath.ListSeparator)+os.Getenv("PATH"))
				term := open(t, cmd)
				term.wait(t, "mapRoles:")
				k.replace(t, term, inValue(m.old), inValue(m.wrong))
				note := firstNote(t, term, dir)
				term.wait(t, "mapRoles:")
				k.find(t, term, "fix:")
				wantRows(t, term, note)
				k.replace(t, term, inValue(m.wrong), inValue(m.right))
				rows, code := term.end(t)
				if code != 0 {
					t.Errorf("exit code %d, want 0 and the correction allowed:\n%s", code, strings.Join(rows, "\n"))
				}
				wantCorrected(t, m)
			})
		}
	}
}

// inValue is a line of what `kubectl edit` shows as a line of the value by itself.
func inValue(line string) string {
	return strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "  ")
}

// firstNote waits until the editor's file has a note, and is its lines up to the end of the fix. None is wider than the
// terminal.
func firstNote(t *testing.T, term *terminal, dir string) []string {
	t.Helper()
	var note []string
	term.poll(t, func() error {
		files, err := filepath.Glob(filepath.Join(dir, "kubectl-awsauth-edit-*.yaml"))
		if err != nil || len(files) != 1 {
			return fmt.Errorf("%d files of the editor (%v); the screen is:\n%s", len(files), err, strings.Join(term.rows(), "\n"))
		}
		text, err := os.ReadFile(files[0])
		if err != nil {
			return err
		}
		if note = noteUpToFix(string(text)); note == nil {
			return fmt.Errorf("no note with a fix in:\n%s\nthe screen is:\n%s", text, strings.Join(term.rows(), "\n"))
		}
		return nil
	})
	for _, line := range note {
		if displaywidth.String(line) > columns && len(strings.Fields(strings.TrimPrefix(line, "# ^"))) > 1 {
			t.Errorf("more than %d columns: %s", columns, line)
		}
	}
	return note
}

// noteUpToFix are the lines of the first note up to the end of its fix, nil if there is none.
func noteUpToFix(text string) []string {
	const prefix, fix = "# ^ ", "# ^   fix: "
	var note []string
	fixed := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case fixed && !strings.HasPrefix(line, prefix+"    "):
			return note
		case strings.HasPrefix(line, prefix):
			note = append(note, line)
			fixed = fixed || strings.HasPrefix(line, fix)
		case note != nil:
			return nil
		}
	}
	return nil
}
