// Package report renders a validate.Report for people and machines: text in the manner of a compiler, JSON and SARIF
// 2.1.0.
//
// In go the report and the Sources that its findings point into; out comes text on an io.Writer, and no error but the
// writer's. Lines and columns are those of the file, from 1, in characters (Unicode code points); a finding without a
// place in a file has 0 for both in JSON and no region in SARIF. No control character of a source or a finding reaches
// the output unescaped.
package report

import (
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

// line is the text of a line without its end.
func (s *Source) line(n int) string {
	rest := s.Text
	for ; n > 1; n-- {
		i := strings.IndexByte(rest, '\n')
		if i < 0 {
			return ""
		}
		rest = rest[i+1:]
	}
	if i := strings.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return strings.TrimSuffix(rest, "\r")
}

// place is where a finding stands: in which source, and where in it. line is 0 if nobody knows; exact is false if only
// the field that holds it is known.
type place struct {
	source       *Source
	line, column int
	exact        bool
}

func locate(f validate.Finding, sources []Source) place {
	for i := range sources {
		s := &sources[i]
		if f.Line < 1 || s.Locate == nil {
			continue
		}
		if line, column, ok := s.Locate(f.DataKey, f.Line, f.Column); ok && line > 0 {
			return place{s, line, max(column, 1), true}
		}
	}
	for i := range sources {
		s := &sources[i]
		if s.Find == nil {
			continue
		}
		if line, column, ok := s.Find(f.Field); ok && line > 0 {
			return place{s, line, max(column, 1), false}
		}
	}
	if len(sources) > 0 {
		return place{source: &sources[0]}
	}
	return place{source: &Source{}}
}

// offending is how many characters of the line from the place on are what the finding speaks of: the value if it
// stands there, else the word, else one.
func offending(f validate.Finding, p place) int {
	if p.line < 1 {
		return 0
	}
	line := []rune(p.source.line(p.line))
	if p.column > len(line) {
		return 1
	}
	rest := line[p.column-1:]
	if p.exact {
		value, _, _ := strings.Cut(f.Value, "\n")
		value = strings.TrimSpace(value)
		if v := []rune(value); len(v) > 0 {
			if strings.HasPrefix(string(rest), value) {
				return len(v)
			}
			if (rest[0] == '"' || rest[0] == '\'') && strings.HasPrefix(string(rest[1:]), value) && len(rest) > len(v)+1 && rest[len(v)+1] == rest[0] {
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
