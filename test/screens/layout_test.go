//go:build e2e

package screens

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/clipperhouse/displaywidth"

	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

const (
	// preamble are the lines that kubectl puts on top of every file.
	preamble = `# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
`
	// rows are how many lines of a file nano shows on a terminal of 24.
	rows = 20
)

// wantReadable checks that a screen can be read on a terminal of 80 columns: nothing is to the right of it but a word that
// is longer, the first finding's fix is in sight, and nothing in it moves the cursor.
func wantReadable(t *testing.T, m *mistake) {
	t.Helper()
	for _, text := range []string{m.screen, m.terminal} {
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) }); i >= 0 {
			t.Errorf("a control character: %q", text[i:])
		}
	}
	if !m.guarded() {
		return // kubectl's own words
	}
	findings, reopened := strings.CutPrefix(m.screen, preamble)
	if m.floored() {
		// The API server takes one line alone from an admission policy, and puts the names of policy and binding before it.
		if !strings.Contains(findings, "; fix: ") {
			t.Errorf("the floor does not say what to type:\n%s", findings)
		}
		return
	}
	for line := range strings.Lines(findings) {
		if line = strings.TrimSuffix(line, "\n"); displaywidth.String(line) > columns && len(words(line)) > 1 {
			t.Errorf("more than %d columns: %s", columns, line)
		}
	}
	if fix := firstFix(m.screen); reopened && (fix == 0 || fix > rows) {
		t.Errorf("the first fix ends on line %d, want it among the first %d:\n%s", fix, rows, m.screen)
	}
}

// wantFix checks that the words to type are on the screen, but for those that the operator alone can know.
func wantFix(t *testing.T, m *mistake) {
	t.Helper()
	if !m.guarded() || !strings.Contains(m.screen, "AA") {
		return
	}
	// A terminal breaks a warning in the middle of a word.
	screen := strings.ReplaceAll(m.screen, "\n", "")
	there := append(values(m.wrong), values(m.known)...)
	for _, word := range values(m.right) {
		if !slices.Contains(there, word) && !strings.Contains(screen, word) {
			t.Errorf("%q is to be typed, and not on the screen:\n%s", word, m.screen)
		}
	}
}

// values are the words of lines of YAML, without what is YAML's about them.
func values(lines string) []string {
	var all []string
	for _, word := range strings.Fields(lines) {
		if word = strings.TrimFunc(word, func(r rune) bool { return strings.ContainsRune("[]:,|\"'-#", r) }); word != "" {
			all = append(all, word)
		}
	}
	return all
}

// guarded reports that the screen is the guard's, and not kubectl's own: kubectl checks the file by itself, and asks nobody
// about one that is no YAML or no ConfigMap.
func (m *mistake) guarded() bool {
	return !strings.Contains(m.screen, "The edited file") && !strings.Contains(m.screen, "unrecognized type: string")
}

// floored reports that the screen is the floor's, which the API server asks before the guard.
func (m *mistake) floored() bool { return strings.Contains(m.screen, guarded.FloorName) }

// words are those of a line of a comment, without what marks its part.
func words(line string) []string {
	return slices.DeleteFunc(strings.Fields(line), func(word string) bool { return slices.Contains([]string{"#", "*", "fix:", "why:"}, word) })
}

// firstFix is the number of the line on which the fix of the first finding ends, 0 if there is none. The floor's is on the
// line of its problem.
func firstFix(screen string) int {
	fix := 0
	for i, line := range strings.Split(screen, "\n") {
		switch {
		case strings.Contains(line, "; fix: "):
			return i + 1
		case strings.HasPrefix(line, "#     fix: "):
			fix = i + 1
		case fix > 0 && strings.HasPrefix(line, "#      "):
			fix = i + 1
		case fix > 0:
			return fix
		}
	}
	return fix
}
