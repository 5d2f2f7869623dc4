package phrase

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// Wrap breaks a string into lines of at most width cells, at single spaces. A longer word is a line of its own, so that an ARN
// can be copied. No line begins with a word that begins a part of a finding (see beginsPart), unless the string does: it stays
// with the word before it.
func Wrap(s string, width int) []string {
	var lines []string
	line, used := "", 0
	for i, word := range unbreakable(s) {
		w := displaywidth.String(word)
		switch {
		case i == 0:
			line, used = word, w
		case used+1+w > width:
			lines = append(lines, line)
			line, used = word, w
		default:
			line, used = line+" "+word, used+1+w
		}
	}
	return append(lines, line)
}

// unbreakable cuts a string at the spaces where a line may end.
func unbreakable(s string) []string {
	var words []string
	for i, word := range strings.Split(s, " ") {
		last := len(words) - 1
		if i > 0 && (word == "" || words[last] == "" || strings.HasSuffix(words[last], " ") || beginsPart(word)) {
			words[last] += " " + word
		} else {
			words = append(words, word)
		}
	}
	return words
}

// beginsPart reports a word by which a reader, or a program, knows that something else begins: the fix, the reason, the next
// finding in a list, a comment. Inside a quoted value it must not look so, or the value would say what to type.
func beginsPart(word string) bool {
	word = strings.ToLower(word)
	return strings.HasPrefix(word, "fix:") || strings.HasPrefix(word, "why:") || strings.IndexAny(word, "*#=") == 0
}

// Hang wraps a string behind a label, and indents what follows as far as the string began: "    fix: write" and then nine spaces.
func Hang(label, s string, width int) []string {
	indent := displaywidth.String(label)
	lines := Wrap(s, width-indent)
	for i, l := range lines {
		if i == 0 {
			lines[i] = label + l
		} else {
			lines[i] = strings.Repeat(" ", indent) + l
		}
	}
	return lines
}
