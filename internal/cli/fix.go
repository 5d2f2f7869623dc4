package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/aws-auth-guard/aws-auth-guard/internal/fix"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
)

// fixer fixes files before they are checked.
type fixer struct {
	on, dryRun bool
	// shown is where the changes are shown, fixed where the text from standard input goes.
	shown, fixed io.Writer
}

// fixer is by the flags. Only a reader who gets text sees the changes there; a program that reads the report does not.
func (c *checker) fixer() fixer {
	f := fixer{on: c.fix, dryRun: c.dryRun, shown: c.cmd.OutOrStdout(), fixed: unscreened(c.cmd.OutOrStdout())}
	if c.output.value != "text" || c.fixesStdin() {
		f.shown = c.cmd.ErrOrStderr()
	}
	return f
}

// fix is a file's text with what could be fixed. name is as the user gave it.
func (f fixer) fix(name, shown string, data []byte, by func(string) (string, []fix.Change)) ([]byte, error) {
	if !f.on {
		return data, nil
	}
	text, changes := by(string(data))
	if name == "-" && !f.dryRun {
		if _, err := io.WriteString(f.fixed, text); err != nil {
			return nil, err
		}
	}
	if len(changes) == 0 {
		return data, nil
	}
	if name != "-" && !f.dryRun {
		if err := replaceFile(name, data, []byte(text)); err != nil {
			return nil, err
		}
	}
	did := map[bool]string{false: "fixed", true: "would be fixed"}[f.dryRun]
	_, err := fmt.Fprintf(f.shown, "%s%s: %s %s\n\n", visibleDiff(udiff.Unified(shown, shown, string(data), text)),
		report.Visible(shown), counted(len(changes), "place", "places"), did)
	return []byte(text), err
}

// visibleDiff shows in the lines that go what nobody would see.
func visibleDiff(diff string) string {
	var b strings.Builder
	for line := range strings.Lines(diff) {
		text := strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(text, "-") && !strings.HasPrefix(text, "---") {
			kept := strings.TrimRight(text, " ")
			text = hidden.Replace(kept) + strings.Repeat("·", len(text)-len(kept))
		}
		b.WriteString(report.Visible(hiddenKept.Replace(text)) + "\n")
	}
	return b.String()
}

// What looks like a space, as it is written out in a line that goes; in the others a tab stays one.
var (
	hidden     = strings.NewReplacer("\t", `\t`, "\u00a0", `\u00a0`, "\u2007", `\u2007`, "\u202f", `\u202f`)
	hiddenKept = strings.NewReplacer("\u00a0", `\u00a0`, "\u2007", `\u2007`, "\u202f", `\u202f`)
)
