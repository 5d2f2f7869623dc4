package manifest

import (
	"errors"
	"io"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// document is one of the file's YAML documents, cut where kubectl cuts.
type document struct {
	offset int // in the file
	text   string
	lines  *lines // of text, as YAML counts them
	root   *yaml.Node
	err    error
}

// split cuts at lines that begin with "---" and hold nothing more but blanks or a comment.
func split(s string) []*document {
	var docs []*document
	add := func(from, to int) {
		if part := s[from:to]; !hollow(part) {
			docs = append(docs, &document{offset: from, text: part})
		}
	}
	from := 0
	for i := 0; i < len(s); {
		end := strings.IndexByte(s[i:], '\n')
		next := len(s)
		if end >= 0 {
			next = i + end + 1
		}
		if rest, ok := strings.CutPrefix(s[i:next], "---"); ok {
			if rest = strings.TrimSpace(rest); rest == "" || rest[0] == '#' {
				add(from, i)
				from = next
			}
		}
		i = next
	}
	add(from, len(s))
	return docs
}

// hollow reports a document of blanks, comments and directives.
func hollow(s string) bool {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && line[0] != '%' && line != "..." {
			return false
		}
	}
	return true
}

// isJSON distinguishes JSON from YAML as kubectl does.
func (d *document) isJSON() bool {
	return strings.HasPrefix(strings.TrimLeft(d.text, " \t\r\n"), "{")
}

// compose reads the document into nodes.
func (d *document) compose() bool {
	d.lines = yamlLines(d.text)
	s := d.text
	if d.isJSON() {
		s = hideSurrogates(s)
	}
	loader, err := yaml.NewLoader(strings.NewReader(s))
	if err == nil {
		var n yaml.Node
		if err = loader.Load(&n); err == nil && len(n.Content) == 1 {
			d.root = n.Content[0]
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	d.err = err
	return err == nil
}

// hideSurrogates puts characters of the same length in the place of JSON's \ud83d\ude00, which YAML does not know.
func hideSurrogates(s string) string {
	if !strings.Contains(s, `\ud`) && !strings.Contains(s, `\uD`) {
		return s
	}
	b := []byte(s)
	for i := 0; i+5 < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		if b[i+1] == 'u' && (b[i+2] == 'd' || b[i+2] == 'D') && strings.ContainsRune("89abcdefABCDEF", rune(b[i+3])) {
			copy(b[i+2:], "fffd")
		}
		i++ // over the escaped character, which may be a backslash
	}
	return string(b)
}

// place is where a node begins in the file.
func (d *document) place(n *yaml.Node) int { return d.offset + d.lines.offset(n.Line, n.Column) }

// indent is how many characters stand before the key's block mapping.
func (d *document) indent(key *yaml.Node) int { return key.Column - 1 }

// keyOf finds the key of a node.
func (d *document) keyOf(target *yaml.Node) *yaml.Node {
	var found *yaml.Node
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for i, c := range n.Content {
			if found != nil {
				return
			}
			if c == target && n.Kind == yaml.MappingNode && i%2 == 1 {
				found = n.Content[i-1]
				return
			}
			walk(c)
		}
	}
	walk(d.root)
	return found
}
