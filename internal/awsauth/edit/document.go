package edit

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// document is a value with its nodes.
type document struct {
	text   string
	starts []int      // of its lines, as YAML counts them
	root   *yaml.Node // nil if there is nothing in it
	// comment says which bytes are in comments.
	comment func(at int) bool
	// eol ends its lines.
	eol string
}

func compose(text string) (*document, error) {
	d := &document{text: text, starts: []int{0}, eol: "\n", comment: awsauth.Comments(text)}
	for i := 0; i < len(text); i++ {
		if n := awsauth.LineBreak(text[i:]); n > 0 {
			if len(d.starts) == 1 {
				d.eol = text[i : i+n]
			}
			i += n - 1
			d.starts = append(d.starts, i+1)
		}
	}
	loader, err := yaml.NewLoader(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	var n yaml.Node
	switch err := loader.Load(&n); {
	case errors.Is(err, io.EOF):
		return d, nil
	case err != nil:
		return nil, err
	}
	if len(n.Content) == 1 {
		d.root = n.Content[0]
	}
	return d, nil
}

// at is the byte at which a node begins.
func (d *document) at(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(d.starts) {
		return len(d.text)
	}
	at := d.starts[n.Line-1]
	for column := 1; column < n.Column && at < len(d.text); column++ {
		_, size := utf8.DecodeRuneInString(d.text[at:])
		at += size
	}
	return at
}

// lineOf is the line that a byte is in, from 0.
func (d *document) lineOf(at int) int {
	line, found := slices.BinarySearch(d.starts, at)
	if !found {
		line--
	}
	return line
}

// start is where a line begins, the end of the text for those after the last.
func (d *document) start(line int) int {
	if line >= len(d.starts) {
		return len(d.text)
	}
	return d.starts[line]
}

// body is a line from its first character on that is no space, without its end, and how many spaces are before it.
func (d *document) body(line int) (body string, indent int) {
	whole := strings.TrimRight(d.text[d.start(line):d.start(line+1)], "\r\n")
	body = strings.TrimLeft(whole, " ")
	return body, len(whole) - len(body)
}

func (d *document) blank(line int) bool {
	body, _ := d.body(line)
	return strings.TrimSpace(body) == ""
}

// isComment reports a line with nothing but a comment in it.
func (d *document) isComment(line int) bool {
	body, indent := d.body(line)
	return strings.HasPrefix(body, "#") && d.comment(d.start(line)+indent)
}

// cut is a part of the text that another takes the place of.
type cut struct {
	from, to int
	text     string
}

// apply makes cuts that do not overlap.
func (d *document) apply(cuts ...cut) string {
	slices.SortFunc(cuts, func(a, b cut) int { return cmp.Compare(a.from, b.from) })
	var b strings.Builder
	done := 0
	for _, c := range cuts {
		b.WriteString(d.text[done:c.from] + c.text)
		done = c.to
	}
	return b.String() + d.text[done:]
}

// linesAt is the cut that inserts lines before the line that begins at a byte, or at the end of the text. A text whose last
// line has no end keeps it so.
func (d *document) linesAt(at int, lines []string) cut {
	text := strings.Join(lines, d.eol)
	if at == len(d.text) && at > 0 && d.starts[len(d.starts)-1] != at {
		return cut{at, at, d.eol + text}
	}
	return cut{at, at, text + d.eol}
}

// withoutLines is the cut that removes whole lines. If the text ends with them and has no line end there, the line before
// loses its own.
func (d *document) withoutLines(from, to int) cut {
	if to == len(d.text) && d.starts[len(d.starts)-1] != to && from > 0 {
		line := d.lineOf(from) - 1
		from = d.start(line) + len(strings.TrimRight(d.text[d.start(line):from], "\r\n"))
	}
	return cut{from, to, ""}
}

// insert adds an item at the end of the list that the text consists of. write gives its lines in block style, or in one line
// without indentation in flow style.
func (d *document) insert(write func(flow bool) []string) (string, error) {
	if d.root == nil || emptyList(d.root) && strings.TrimSpace(d.text) == "[]" {
		return d.insertFirst(write(false)), nil
	}
	l, err := d.list(d.root, len(d.text))
	if err != nil {
		return "", err
	}
	return d.apply(l.insert(write(l.flow))), nil
}

// insertFirst adds the first item of a list of which nothing is there but blank lines, comments or [].
func (d *document) insertFirst(lines []string) string {
	if d.root != nil || strings.TrimSpace(d.text) == "" {
		return strings.Join(lines, "\n") + "\n"
	}
	return d.apply(d.linesAt(len(d.text), lines))
}

func emptyList(n *yaml.Node) bool { return n.Kind == yaml.SequenceNode && len(n.Content) == 0 }

// remove removes an item of the list that the text consists of.
func (d *document) remove(index int) (string, error) {
	if d.root == nil {
		return "", errors.New("it holds no list")
	}
	l, err := d.list(d.root, len(d.text))
	if err != nil {
		return "", err
	}
	if index >= len(l.items) {
		return "", fmt.Errorf("it holds %d items", len(l.items))
	}
	return d.apply(l.remove(index)), nil
}
