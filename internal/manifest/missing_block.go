package manifest

import yaml "go.yaml.in/yaml/v4"

// follow maps a string value.
func (f *File) follow(n, key *yaml.Node, value string) *places {
	d := f.object.doc
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		if at := d.keyOf(n.Alias); at != nil {
			key = at
		}
		n = n.Alias
	}
	return follow(f.Text, d.place(n), d.indent(key), n, value)
}

// written is the text of a value that should have been a string: what the operator meant to be in the block that the
// missing "|" begins.
func (f *File) written(n, key, siblings *yaml.Node) (string, *places) {
	d := f.object.doc
	start := d.place(n)
	p := &places{start: start}
	if n.Kind == yaml.ScalarNode {
		p = follow(f.Text, start, d.indent(key), n, n.Value)
		return n.Value, p
	}
	if n.Kind == yaml.AliasNode || siblings.Style&yaml.FlowStyle != 0 {
		out, err := yaml.Marshal(resolve(n))
		if err != nil {
			return "", p
		}
		return string(out), p
	}
	r := &reader{s: f.Text[:f.endOf(key, siblings)], i: start}
	for indent := n.Column - 1; r.i < len(r.s); {
		for r.i < len(r.s) && r.s[r.i] != '\n' {
			r.step()
		}
		if r.i < len(r.s) {
			r.step()
		}
		for i := 0; i < indent && r.i < len(r.s) && r.s[r.i] == ' '; i++ {
			r.i++
		}
	}
	p.keep(r, string(r.out))
	return string(r.out), p
}

// endOf is where the value of a key in block style ends: where the line of the next key begins, or of the next object of a
// List, or where the document ends.
func (f *File) endOf(key, siblings *yaml.Node) int {
	d := f.object.doc
	var next []*yaml.Node
	for _, mapping := range []*yaml.Node{siblings, f.object.node, d.root} {
		for i := 0; mapping.Kind == yaml.MappingNode && i < len(mapping.Content); i += 2 {
			next = append(next, mapping.Content[i])
		}
	}
	if items := field(d.root, "items"); items != nil {
		next = append(next, items.Content...)
	}
	after, end := d.place(key), d.offset+len(d.text)
	for _, n := range next {
		if at := d.place(n); at > after && at < end {
			line, _ := f.lines.place(at)
			end = f.lines.starts[line-1]
		}
	}
	return max(end, after)
}
