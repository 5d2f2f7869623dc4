package manifest

import (
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// places says for every character of a decoded value where it is in the file.
type places struct {
	lines []int // index into at of the first character of every line of the value
	at    []int // byte offsets into the file, one for each character and one for the value's end
	// start is where the value begins, for values whose characters could not be followed.
	start int
}

// offset is where line and column of the value stand in the file; past the end of a line is its end.
func (p *places) offset(line, column int) int {
	if len(p.at) == 0 || line < 1 {
		return p.start
	}
	if line > len(p.lines) {
		return p.at[len(p.at)-1]
	}
	end := len(p.at) - 1
	if line < len(p.lines) {
		end = p.lines[line] - 1
	}
	return p.at[min(p.lines[line-1]+max(column, 1)-1, end)]
}

// follow reads a scalar again, character by character, to learn where each one of value came from. The text read must
// be the value that was decoded; if not, only the place where the value begins is known.
func follow(s string, start, parentIndent int, n *yaml.Node, value string) *places {
	r := &reader{s: s, i: skipProperties(s, start)}
	p := &places{start: r.i}
	want := utf8.RuneCountInString(value)
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		r.block(parentIndent)
	case n.Style&yaml.DoubleQuotedStyle != 0:
		r.flow('"', want)
	case n.Style&yaml.SingleQuotedStyle != 0:
		r.flow('\'', want)
	default:
		r.flow(0, want)
	}
	p.keep(r, value)
	return p
}

// keep takes what was read, if it is the value.
func (p *places) keep(r *reader, value string) {
	if string(r.out) != value {
		return
	}
	p.at = append(r.at, r.i)
	p.lines = []int{0}
	for i := 0; i < len(r.out); i++ {
		switch r.out[i] {
		case '\r':
			if i+1 < len(r.out) && r.out[i+1] == '\n' {
				i++
			}
			fallthrough
		case '\n', '\u0085', '\u2028', '\u2029':
			p.lines = append(p.lines, i+1)
		}
	}
}

// skipProperties steps over a tag and an anchor, which the YAML library counts as the beginning of a value.
func skipProperties(s string, i int) int {
	for i < len(s) && (s[i] == '!' || s[i] == '&') {
		for i < len(s) && !blank(s[i]) && breakAt(s, i) == 0 {
			i++
		}
		for i < len(s) {
			switch n := breakAt(s, i); {
			case blank(s[i]):
				i++
				continue
			case n > 0:
				i += n
				continue
			case s[i] == '#':
				for i < len(s) && breakAt(s, i) == 0 {
					i++
				}
				continue
			}
			break
		}
	}
	return i
}
