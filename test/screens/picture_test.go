package screens

import (
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/test/picture"
)

// pictured is the mistake that the documentation shows, at the top of the file when kubectl opens the editor again.
const pictured = "masters"

// TestPicture: the picture of a denied `kubectl edit` shows what is in the corpus: the screen, which TestScreens compares with
// kubectl's own, and below it the beginning of what the operator wrote, up to the end of a terminal of 24 lines.
func TestPicture(t *testing.T) {
	m, err := readMistake("mistakes/" + pictured + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	text := coloured(m.screen) + strings.Replace(shown(base), m.old, m.wrong, 1)
	svg, err := picture.Window{Title: "kubectl edit configmap aws-auth -n kube-system", Rows: 24}.Draw(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := picture.Keep("../../docs/pictures/kubectl-edit.svg", svg, *update); err != nil {
		t.Error(err)
	}
}

// coloured has comments in a colour, as editors show them.
func coloured(screen string) string {
	var b strings.Builder
	for line := range strings.Lines(screen) {
		b.WriteString("\x1b[36m" + strings.TrimSuffix(line, "\n") + "\x1b[0m\n")
	}
	return b.String()
}
