package firstpolicy

import (
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
)

// width is how long a comment may become.
const width = 100

// field is one of a mapping in YAML: a string, a list of strings, or true. An empty one is left out; one without a key
// is a value by itself.
type field struct {
	key   string
	value any
}

type writer struct{ strings.Builder }

// line writes a line, indented by steps.
func (w *writer) line(indent int, text string) {
	if text != "" {
		w.WriteString(strings.Repeat("  ", indent))
	}
	w.WriteString(text + "\n")
}

// comment writes each line of a text as a paragraph. Those that begin with two spaces are written as they are.
func (w *writer) comment(indent int, text string) {
	for paragraph := range strings.SplitSeq(text, "\n") {
		lines := []string{paragraph}
		if !strings.HasPrefix(paragraph, "  ") {
			lines = phrase.Wrap(paragraph, width-2*indent)
		}
		for _, l := range lines {
			w.line(indent, strings.TrimRight("# "+l, " "))
		}
	}
}

// writeList writes a list, each entry below its notes.
func writeList[T any](w *writer, indent int, key string, entries []Entry[T], fields func(T) []field) {
	if len(entries) == 0 {
		w.line(indent, key+": []")
		return
	}
	w.line(indent, key+":")
	for _, e := range entries {
		for _, note := range e.Notes {
			w.comment(indent+1, note)
		}
		in := strings.Repeat("  ", indent+1)
		w.fields(in+"- ", in+"  ", fields(e.Value)...)
	}
}

// fields writes a mapping, the first line after one string and the others after another.
func (w *writer) fields(first, others string, fields ...field) {
	in := first
	for _, f := range fields {
		for _, line := range f.lines() {
			w.WriteString(in + line + "\n")
			in = others
		}
	}
}

// lines are those of a field.
func (f field) lines() (lines []string) {
	key := f.key + ":"
	switch v := f.value.(type) {
	case string:
		if v != "" {
			lines = append(lines, strings.TrimPrefix(key+" "+scalar(v), ": "))
		}
	case bool:
		if v {
			lines = append(lines, key+" true")
		}
	case []string:
		for _, s := range v {
			lines = append(lines, "  - "+scalar(s))
		}
		if len(v) > 0 {
			lines = slices.Insert(lines, 0, key)
		}
	}
	return lines
}

// scalar is a string as YAML, on one line. The library is the one with which Helm reads it; what cannot be seen is escaped,
// in a way that Go and YAML have in common.
func scalar(s string) string {
	text, err := yaml.Marshal(s)
	line := strings.TrimSuffix(string(text), "\n")
	if err != nil || strings.ContainsFunc(s, invisible) || strings.Contains(line, "\n") {
		return strconv.Quote(s)
	}
	return line
}
