package manifest

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// text is the file with its lines. YAML ends lines at more characters than editors do (NEL, LS, PS, a lone CR), so
// places that the YAML library gives and places that a reader sees are counted by two instances.
type text struct {
	s      string
	starts []int // byte offset of every line
	// last is the place that was asked for last: findings come sorted, and a line may be a megabyte long.
	last struct{ offset, line, column int }
}

// editorLines counts lines as editors and compilers do: LF or CRLF.
func editorLines(s string) *text {
	t := &text{s: s, starts: []int{0}}
	for i := 0; i < len(s); i++ {
		if s[i] == '\n' {
			t.starts = append(t.starts, i+1)
		}
	}
	return t
}

// yamlLines counts lines as YAML 1.1 does.
func yamlLines(s string) *text {
	t := &text{s: s, starts: []int{0}}
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
func breakAt(s string, i int) int {
	if i >= len(s) {
		return 0
	}
	switch s[i] {
	case '\n':
		return 1
	case '\r':
		if i+1 < len(s) && s[i+1] == '\n' {
			return 2
		}
		return 1
	case 0xC2:
		if strings.HasPrefix(s[i:], "\u0085") {
			return 2
		}
	case 0xE2:
		if strings.HasPrefix(s[i:], "\u2028") || strings.HasPrefix(s[i:], "\u2029") {
			return 3
		}
	}
	return 0
}

// offset is the byte at which line and column stand, kept inside the text.
func (t *text) offset(line, column int) int {
	if line < 1 {
		return 0
	}
	if line > len(t.starts) {
		return len(t.s)
	}
	i := t.starts[line-1]
	for ; column > 1 && i < len(t.s); column-- {
		_, n := utf8.DecodeRuneInString(t.s[i:])
		i += n
	}
	return i
}

// place is the line and column of a byte.
func (t *text) place(offset int) (line, column int) {
	line = sort.Search(len(t.starts), func(i int) bool { return t.starts[i] > offset })
	from, column := t.starts[line-1], 1
	if t.last.line == line && t.last.offset <= offset {
		from, column = t.last.offset, t.last.column
	}
	column += utf8.RuneCountInString(t.s[from:offset])
	t.last.offset, t.last.line, t.last.column = offset, line, column
	return line, column
}

// line is the text of a line without its end.
func (t *text) line(n int) string {
	if n < 1 || n > len(t.starts) {
		return ""
	}
	end := len(t.s)
	if n < len(t.starts) {
		end = t.starts[n]
	}
	return strings.TrimRight(t.s[t.starts[n-1]:end], "\r\n")
}
