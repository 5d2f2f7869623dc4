package manifest

import (
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// lines are where the lines of a text begin. YAML ends lines at more characters than editors do (NEL, LS, PS, a lone CR), so
// places that the YAML library gives and places that a reader sees are counted by two instances.
type lines struct {
	text   string
	starts []int // byte offset of every line
	// last is the place that was asked for last: findings come sorted, and a line may be a megabyte long. Without it, such a
	// line with a thousand findings takes a hundred times as long.
	last position
}

// position is a byte of the text.
type position struct{ offset, line, column int }

// editorLines counts lines as editors and compilers do: LF or CRLF.
func editorLines(s string) *lines {
	t := &lines{text: s, starts: []int{0}}
	for i := 0; i < len(s); i++ {
		if s[i] == '\n' {
			t.starts = append(t.starts, i+1)
		}
	}
	return t
}

// yamlLines counts lines as YAML 1.1 does.
func yamlLines(s string) *lines {
	t := &lines{text: s, starts: []int{0}}
	for i := 0; i < len(s); {
		n := breakAt(s, i)
		if n == 0 {
			i++
			continue
		}
		i += n
		t.starts = append(t.starts, i)
	}
	return t
}

// breakAt is the length in bytes of YAML's line break at i, 0 if there is none.
func breakAt(s string, i int) int { return awsauth.LineBreak(s[min(i, len(s)):]) }

// offset is the byte of a line and column, kept inside the text.
func (t *lines) offset(line, column int) int {
	if line < 1 {
		return 0
	}
	if line > len(t.starts) {
		return len(t.text)
	}
	at := t.from(line, func(last position) bool { return last.column <= column })
	for ; at.column < column && at.offset < len(t.text); at.column++ {
		_, n := utf8.DecodeRuneInString(t.text[at.offset:])
		at.offset += n
	}
	t.last = at
	return at.offset
}

// place is the line and column of a byte.
func (t *lines) place(offset int) (line, column int) {
	line = sort.Search(len(t.starts), func(i int) bool { return t.starts[i] > offset })
	at := t.from(line, func(last position) bool { return last.offset <= offset })
	at.column += utf8.RuneCountInString(t.text[at.offset:offset])
	at.offset = offset
	t.last = at
	return line, at.column
}

// from is a position from which to count: the last one, if it is in the line and not too far, or the line's beginning.
func (t *lines) from(line int, near func(position) bool) position {
	if t.last.line == line && near(t.last) {
		return t.last
	}
	return position{t.starts[line-1], line, 1}
}

// line is the text of a line without its end.
func (t *lines) line(n int) string {
	if n < 1 || n > len(t.starts) {
		return ""
	}
	end := len(t.text)
	if n < len(t.starts) {
		end = t.starts[n]
	}
	return strings.TrimRight(t.text[t.starts[n-1]:end], "\r\n")
}
