//go:build e2e

package screens

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"

	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

const height = 24

// terminal is a terminal of 80 by 24 with a program in it.
type terminal struct {
	pty *os.File
	cmd *exec.Cmd
	// ended is closed when the program has ended and all that it printed is on the screen.
	ended chan struct{}

	mu     sync.Mutex
	screen *vt.Emulator
}

// open runs a program in a terminal of its own. It ends with the test.
func open(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	cmd.Env = append(cmd.Env, "TERM=xterm-256color", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "HOME="+t.TempDir(), "COLUMNS=", "LINES=", "VIMINIT=", "EXINIT=")
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: height, Cols: columns})
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{pty: file, cmd: cmd, ended: make(chan struct{}), screen: vt.NewEmulator(columns, height)}
	var answers sync.WaitGroup
	answers.Go(func() { _, _ = io.Copy(file, term.screen) }) // what the terminal answers to questions about itself
	go func() {
		defer close(term.ended)
		_, _ = io.Copy(term, file) // fails when the program is gone
		_ = cmd.Wait()             // end says how
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended, unless the test failed
		<-term.ended
		if err := errors.Join(file.Close(), term.screen.Close()); err != nil {
			t.Error(err)
		}
		answers.Wait()
	})
	return term
}

// Write is what the program prints.
func (term *terminal) Write(p []byte) (int, error) {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.screen.Write(p)
}

// rows are the lines of the screen, without the blanks at their ends.
func (term *terminal) rows() []string {
	term.mu.Lock()
	defer term.mu.Unlock()
	var rows []string
	for line := range strings.Lines(term.screen.String()) {
		rows = append(rows, strings.TrimRight(line, " \r\n"))
	}
	return rows
}

// poll calls f until it succeeds, which it must before the program ends.
func (term *terminal) poll(t *testing.T, f func() error) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	err := guarded.Poll(ctx, func(context.Context) error {
		err := f()
		select {
		case <-term.ended:
			if err = f(); err != nil {
				cancel(err)
			}
		default:
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// wait waits until a text is on the screen.
func (term *terminal) wait(t *testing.T, text string) {
	t.Helper()
	term.poll(t, func() error {
		if rows := term.rows(); !strings.Contains(strings.Join(rows, "\n"), text) {
			return fmt.Errorf("%q does not come; the screen is:\n%s", text, strings.Join(rows, "\n"))
		}
		return nil
	})
}

// keys presses keys.
func (term *terminal) keys(t *testing.T, keys string) {
	t.Helper()
	if _, err := term.pty.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// end waits until the program has ended by itself, and is what is left on the screen and its exit code.
func (term *terminal) end(t *testing.T) (rows []string, code int) {
	t.Helper()
	term.poll(t, func() error {
		select {
		case <-term.ended:
			return nil
		default:
			return fmt.Errorf("it does not end; the screen is:\n%s", strings.Join(term.rows(), "\n"))
		}
	})
	return term.rows(), term.cmd.ProcessState.ExitCode()
}

// keyboard is how one editor is used.
type keyboard struct {
	command string
	// wraps says that it breaks lines that are too long for the screen; otherwise one has to scroll for their end.
	wraps bool
	// replace replaces the only occurrence of a text, saves the file and leaves the editor.
	replace func(t *testing.T, term *terminal, old, updated string)
	// find goes to a text.
	find func(t *testing.T, term *terminal, text string)
}

var keyboards = map[string]keyboard{
	"nano": {"nano", false, func(t *testing.T, term *terminal, old, updated string) {
		term.keys(t, "\x1c") // ^\ replaces
		term.wait(t, "Search (to replace)")
		term.keys(t, old+"\r")
		term.wait(t, "Replace with:")
		term.keys(t, updated+"\r")
		term.wait(t, "Replace this instance?")
		term.keys(t, "y")
		term.wait(t, "Replaced 1 occurrence")
		term.keys(t, "\x13") // ^S saves
		term.wait(t, "Wrote ")
		term.keys(t, "\x18") // ^X leaves
	}, func(t *testing.T, term *terminal, text string) {
		term.keys(t, "\x17") // ^W searches
		term.wait(t, "Search")
		term.keys(t, text+"\r")
	}},
	"vi": {"vi", true, func(t *testing.T, term *terminal, old, updated string) {
		escape := strings.NewReplacer(`\`, `\\`, "#", `\#`, "&", `\&`, "~", `\~`)
		term.keys(t, `:%s#\V`+escape.Replace(old)+"#"+escape.Replace(updated)+"#\r")
		term.keys(t, ":wq\r")
	}, func(t *testing.T, term *terminal, text string) {
		term.keys(t, "/"+text+"\r")
	}},
}

// inEditors are mistakes in one line: what to type fits an editor's search and replace. The last is the floor's, whose one
// line is too long for nano.
var inEditors = []string{"path", "no-space-after-the-dash", "field-one-space-too-far", "curly-quotes-around-a-username", "at-sign", "eleven-digits", "data-key-without-s"}

// In nano and in vi, on 80 by 24, `kubectl edit` shows the problem and the fix of the first finding as they are in the
// file: nothing is broken or out of sight, and no key has to be pressed.
func TestEditors(t *testing.T) {
	mistakes := readMistakes(t)
	for name, k := range keyboards {
		if _, err := exec.LookPath(k.command); err != nil {
			t.Errorf("%s is missing: test/screens/prepare.sh installs it on Debian and Ubuntu", k.command)
			continue
		}
		for _, mistake := range inEditors {
			t.Run(name+"/"+mistake, func(t *testing.T) {
				m, ok := mistakes[mistake]
				if !ok {
					t.Fatal("there is no such mistake")
				}
				if m.floored() && !k.wraps {
					return
				}
				given(t, base)
				dir := t.TempDir()
				cmd := cluster.Kubectl(t.Context(), "edit", "configmap", "aws-auth", "-n", "kube-system")
				cmd.Env = append(cmd.Env, "KUBE_EDITOR="+k.command, "TMPDIR="+dir)
				term := open(t, cmd)
				term.wait(t, "apiVersion: v1")
				k.replace(t, term, strings.TrimSuffix(m.old, "\n"), strings.TrimSuffix(m.wrong, "\n"))
				term.wait(t, "was not valid")
				wantRows(t, term, firstFinding(t, m.screen))
				k.replace(t, term, strings.TrimSuffix(m.wrong, "\n"), strings.TrimSuffix(m.right, "\n"))
				rows, code := term.end(t)
				if left := strings.TrimRight(strings.Join(rows, "\n"), "\n") + "\n"; code != 0 || !strings.HasSuffix(left, edited) && !strings.HasSuffix(left, unchanged) {
					t.Errorf("exit code %d, want 0 and the correction allowed:\n%s", code, left)
				}
				wantCorrected(t, m)
			})
		}
	}
}

// firstFinding is the first finding of a screen up to the end of its fix, as a terminal shows it.
func firstFinding(t *testing.T, screen string) []string {
	t.Helper()
	fix := firstFix(screen)
	if fix == 0 {
		t.Fatalf("no fix in:\n%s", screen)
	}
	lines := strings.SplitAfter(screen, "\n")[strings.Count(preamble, "\n"):fix]
	return strings.Split(strings.TrimSuffix(wrapped(strings.Join(lines, "")), "\n"), "\n")
}

// wantRows checks that these lines are on the terminal's screen, one below the other.
func wantRows(t *testing.T, term *terminal, want []string) {
	t.Helper()
	for i := range want {
		want[i] = strings.TrimRight(want[i], " ") // as the rows
	}
	term.poll(t, func() error {
		rows := term.rows()
		if i := slices.Index(rows, want[0]); i < 0 || len(rows) < i+len(want) || !slices.Equal(rows[i:i+len(want)], want) {
			return fmt.Errorf("the screen is\n%s\nwant these lines on it:\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
		}
		return nil
	})
}
