package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// With is the text of the file with other data for the object, which has the keys that it had and may have more. All that is
// not about what changes keeps its bytes. The new text is read again: if its object is another one than meant, that is an error.
func (f *File) With(data map[string]string) (string, error) {
	for _, key := range slices.Sorted(maps.Keys(data)) {
		was, had := f.ConfigMap.Data[key]
		if had && was == data[key] {
			continue
		}
		changed, err := f.withValue(key, data[key])
		if err != nil {
			return "", err
		}
		f = changed
	}
	return f.Text, nil
}

// withValue tries the ways to write a value: the nearest to how it is written first.
func (f *File) withValue(key, value string) (*File, error) {
	want := f.ConfigMap.DeepCopy()
	if want.Data == nil {
		want.Data = map[string]string{}
	}
	want.Data[key] = value
	for _, write := range []func(key, value string) (string, bool){
		f.withLines, f.withCharacters, f.withBlock, f.withString, f.withData,
	} {
		text, ok := write(key, value)
		if !ok {
			continue
		}
		if is, err := Read(f.Name, []byte(text)); err == nil && is.ConfigMap != nil && reflect.DeepEqual(is.ConfigMap, want) {
			return is, nil
		}
	}
	return nil, &UnwritableError{f.Name, key}
}

// UnwritableError is for a file of which nothing here knows how to write a value into it.
type UnwritableError struct{ Name, Key string }

func (e *UnwritableError) Error() string {
	return fmt.Sprintf("%s: data.%s is written in a way that only a text editor can change", e.Name, e.Key)
}

// value is where a value is, and how. node is nil if the file has no such key.
func (f *File) value(key string) (name, node, data *yaml.Node, p *places) {
	data = field(f.object.node, "data")
	name, node = entry(data, key)
	return name, node, data, f.places[key]
}

func (f *File) eol() string {
	if i := strings.IndexByte(f.Text, '\n'); i > 0 && f.Text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// withLines changes the lines of a literal block that differ.
func (f *File) withLines(key, value string) (string, bool) {
	_, n, _, p := f.value(key)
	was := slices.Collect(strings.Lines(f.ConfigMap.Data[key]))
	if n == nil || n.Style&yaml.LiteralStyle == 0 || p == nil || len(was) == 0 || len(p.lines) < len(was) ||
		strings.TrimSpace(value) == "" {
		return "", false
	}
	is := slices.Collect(strings.Lines(value))
	same := func(i, j int) bool { return was[i] == is[j] }
	head, tail := 0, 0
	for head < min(len(was), len(is)) && same(head, head) {
		head++
	}
	for tail < min(len(was), len(is))-head && same(len(was)-1-tail, len(is)-1-tail) {
		tail++
	}
	indent := ""
	for i, line := range was {
		if strings.TrimSpace(line) != "" {
			at := p.at[p.lines[i]]
			indent = f.Text[f.lineStart(at):at]
			break
		}
	}
	from, to := f.lineStart(p.at[p.lines[min(head, len(was)-1)]]), f.lineEnd(p.at[p.lines[len(was)-1-tail]])
	if head == len(was) {
		from = to
	}
	if tail == len(was)-head {
		to = from
	}
	text := indented(is[head:len(is)-tail], indent, f.eol())
	if to == len(f.Text) && !strings.HasSuffix(f.Text, "\n") {
		text = strings.TrimSuffix(text, f.eol())
		if from == to {
			text = f.eol() + text
		} else if text == "" {
			from -= len(f.eol())
		}
	}
	return f.Text[:from] + text + f.Text[to:], true
}

func (f *File) lineStart(at int) int { return strings.LastIndexByte(f.Text[:at], '\n') + 1 }

func (f *File) lineEnd(at int) int {
	if i := strings.IndexByte(f.Text[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(f.Text)
}

func indented(lines []string, indent, eol string) string {
	var b strings.Builder
	for _, line := range lines {
		if line = strings.TrimSuffix(line, "\n"); line != "" {
			b.WriteString(indent + line)
		}
		b.WriteString(eol)
	}
	return b.String()
}

// withCharacters changes the characters of a string in double quotes that differ.
func (f *File) withCharacters(key, value string) (string, bool) {
	_, n, _, p := f.value(key)
	was, is := []rune(f.ConfigMap.Data[key]), []rune(value)
	if n == nil || n.Style&yaml.DoubleQuotedStyle == 0 || p == nil || len(p.at) != len(was)+1 {
		return "", false
	}
	head, tail := 0, 0
	for head < min(len(was), len(is)) && was[head] == is[head] {
		head++
	}
	for tail < min(len(was), len(is))-head && was[len(was)-1-tail] == is[len(is)-1-tail] {
		tail++
	}
	text := jsonString(string(is[head : len(is)-tail]))
	return f.Text[:p.at[head]] + text[1:len(text)-1] + f.Text[p.at[len(was)-tail]:], true
}

// jsonString is a string that is JSON and YAML.
func jsonString(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can be encoded
	return strings.TrimSuffix(b.String(), "\n")
}

// withBlock writes a value as a literal block, in the place of one that is written otherwise, or below the last key.
func (f *File) withBlock(key, value string) (string, bool) {
	name, _, data, _ := f.value(key)
	if data == nil || data.Kind != yaml.MappingNode || data.Style&yaml.FlowStyle != 0 || len(data.Content) == 0 ||
		strings.TrimSpace(value) == "" {
		return "", false
	}
	indent := strings.Repeat(" ", f.object.doc.indent(data.Content[0]))
	text := key + ": |" + chomping(value) + f.eol() + indented(slices.Collect(strings.Lines(value)), indent+"  ", f.eol())
	if name == nil {
		return f.below(data, indent+text), true
	}
	at, end := f.object.doc.place(name), f.trimmedEnd(name, data)
	if !strings.HasSuffix(f.Text[:end], "\n") {
		text = strings.TrimSuffix(text, f.eol())
	}
	return f.Text[:at] + text + f.Text[end:], true
}

// chomping is what a block's header says of the line ends behind its last line.
func chomping(value string) string {
	switch {
	case strings.HasSuffix(value, "\n\n"):
		return "+"
	case strings.HasSuffix(value, "\n"):
		return ""
	}
	return "-"
}

// trimmedEnd is where the lines of a key end, without the comments and blank lines behind its value.
func (f *File) trimmedEnd(key, siblings *yaml.Node) int {
	end, first := f.endOf(key, siblings), f.lineEnd(f.object.doc.place(key))
	for end > first {
		start := f.lineStart(end - 1)
		body := strings.TrimSpace(f.Text[start:end])
		if body != "" && (body[0] != '#' || strings.IndexByte(f.Text[start:], '#') > f.object.doc.indent(key)) {
			break
		}
		end = start
	}
	return end
}

// below adds lines below the last key of a mapping in block style.
func (f *File) below(mapping *yaml.Node, text string) string {
	at := f.trimmedEnd(mapping.Content[len(mapping.Content)-2], mapping)
	if !strings.HasSuffix(f.Text[:at], "\n") {
		text = f.eol() + text // with its line end: it is part of a block's value
	}
	return f.Text[:at] + text + f.Text[at:]
}

// withString writes a value as a string in double quotes.
func (f *File) withString(key, value string) (string, bool) {
	name, n, data, p := f.value(key)
	quoted := jsonString(value)
	switch {
	case data == nil || data.Kind != yaml.MappingNode || len(data.Content) == 0:
		return "", false
	case n != nil && n.Kind == yaml.ScalarNode && p != nil && len(p.at) > 0:
		end := p.at[len(p.at)-1]
		if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			end++
		}
		if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			end = f.trimmedEnd(name, data)
			quoted += f.eol()
		}
		return f.Text[:p.start] + quoted + f.Text[end:], true
	case n != nil && n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		at := f.object.doc.place(n)
		space := map[bool]string{true: " "}[n.Value == "" && !strings.HasSuffix(f.Text[:at], " ")]
		return f.Text[:at] + space + quoted + f.Text[at+len(n.Value):], true
	case n != nil:
		return "", false
	}
	last := data.Content[len(data.Content)-2].Value
	if data.Style&yaml.FlowStyle == 0 {
		return f.below(data, strings.Repeat(" ", f.object.doc.indent(data.Content[0]))+key+": "+quoted+f.eol()), true
	}
	p = f.places[last]
	if p == nil || len(p.at) == 0 || data.Content[len(data.Content)-1].Style&yaml.DoubleQuotedStyle == 0 {
		return "", false
	}
	end, at := p.at[len(p.at)-1]+1, f.object.doc.place(data.Content[len(data.Content)-2])
	space := f.Text[len(strings.TrimRight(f.Text[:at], " \t\r\n")):at]
	if space == "" {
		space = " "
	}
	return f.Text[:end] + "," + space + jsonString(key) + ": " + quoted + f.Text[end:], true
}
