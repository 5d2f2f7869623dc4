// Package report renders a validate.Report for people and machines: text in the manner of a compiler, JSON,
// SARIF 2.1.0, JUnit XML, annotations of GitHub Actions.
//
// In go the reports and the Sources that their findings point into; out comes text on an io.Writer, and no error but the
// writer's. Lines and columns are those of the file, from 1, in characters (Unicode code points); a finding without a
// place in a file has 0 for both in JSON and no region in SARIF. No control character of a source or a finding reaches
// the output unescaped.
package report

import (
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// Source is a text that findings point into.
type Source struct {
	Name string // the file as the user named it
	Text string // all of it, without a byte order mark
	// Locate is where line and column inside the value of a data key stand in the text. A nil Locate finds nothing.
	Locate func(dataKey string, line, column int) (fileLine, fileColumn int, ok bool)
	// Find is where a field such as data.mapRoles stands in the text, for findings without a place in a value.
	Find func(field string) (line, column int, ok bool)
}

// indexed is a Source with its lines.
type indexed struct {
	Source
	starts []int // byte offset of every line
	// current is the line that was asked for last, and chars its characters: findings come sorted by place. Without it,
	// 1,000 findings on one line of 1 MiB take 7 s, with it 0.1 s.
	current int
	chars   []rune
}

func index(sources []Source) []*indexed {
	all := make([]*indexed, 0, len(sources))
	for _, s := range sources {
		x := &indexed{Source: s, starts: []int{0}}
		for i := range len(s.Text) {
			if s.Text[i] == '\n' {
				x.starts = append(x.starts, i+1)
			}
		}
		all = append(all, x)
	}
	return all
}

// line is the characters of a line without its end.
func (x *indexed) line(n int) []rune {
	if n < 1 || n > len(x.starts) {
		return nil
	}
	if x.current != n {
		end := len(x.Text)
		if n < len(x.starts) {
			end = x.starts[n] - 1
		}
		x.current, x.chars = n, []rune(strings.TrimSuffix(x.Text[x.starts[n-1]:end], "\r"))
	}
	return x.chars
}

// place is where a finding stands: in which source, and where in it. line is 0 if nobody knows; exact is false if only
// the field that holds it is known.
type place struct {
	source       *indexed
	line, column int
	exact        bool
}

// known reports that there is a text to find places in.
func (x *indexed) known() bool { return x.Locate != nil || x.Find != nil }

// inValue reports that the finding's own line and column are inside the value of its data key. Those about the YAML of a
// manifest are the file's.
func (l located) inValue() bool { return l.Line > 0 && strings.HasPrefix(l.Field, "data."+l.DataKey) }

func locate(f validate.Finding, sources []*indexed) place {
	for _, s := range sources {
		if f.Line < 1 || s.Locate == nil {
			continue
		}
		if line, column, ok := s.Locate(f.DataKey, f.Line, f.Column); ok && line > 0 {
			return place{s, line, max(column, 1), true}
		}
	}
	for _, s := range sources {
		if s.Find == nil {
			continue
		}
		if line, column, ok := s.Find(f.Field); ok && line > 0 {
			return place{s, line, max(column, 1), false}
		}
	}
	if len(sources) > 0 {
		return place{source: sources[0]}
	}
	return place{source: &indexed{}}
}

// offending is how many characters of the line from the place on are what the finding speaks of: the value if it
// stands there, else the word, else one.
func offending(f validate.Finding, p place) int {
	if p.line < 1 {
		return 0
	}
	line := p.source.line(p.line)
	if p.column > len(line) {
		return 1
	}
	rest := line[p.column-1:]
	if p.exact {
		value, _, _ := strings.Cut(f.Value, "\n")
		value = strings.TrimSpace(value)
		if v := []rune(value); len(v) > 0 {
			if startsWith(rest, v) {
				return len(v)
			}
			isQuote := rest[0] == '"' || rest[0] == '\''
			if isQuote && startsWith(rest[1:], v) && len(rest) > len(v)+1 && rest[len(v)+1] == rest[0] {
				return len(v) + 2
			}
		}
	}
	n := 0
	for n < len(rest) && rest[n] != ' ' && rest[n] != '\t' {
		n++
	}
	if n > 1 && rest[n-1] == ':' {
		n--
	}
	return max(n, 1)
}

func startsWith(s, prefix []rune) bool {
	return len(s) >= len(prefix) && slices.Equal(s[:len(prefix)], prefix)
}
