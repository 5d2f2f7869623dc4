package report

import (
	"bytes"
	"encoding/json"
	"io"

	"go.yaml.in/yaml/v4"
)

// WriteYAML writes a value as YAML, with the fields of its JSON in their order. What Visible would write out is escaped
// in the way of YAML, so that a parser reads the very characters.
func WriteYAML(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	node, err := yamlNode(d)
	if err != nil {
		return err
	}
	const unfolded = -1
	options := []yaml.Option{yaml.WithV4Defaults(), yaml.WithLineWidth(unfolded)}
	out, err := yaml.Dump(node, options...)
	if err == nil && bytes.ContainsFunc(out, func(r rune) bool { return r == 0x7f || r >= 0x80 && obeyed(r) }) {
		out, err = yaml.Dump(node, append(options, yaml.WithUnicode(false))...)
	}
	if err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}

// yamlNode is the next value.
func yamlNode(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	if t, ok := token.(json.Delim); ok {
		kind := yaml.SequenceNode
		if t == '{' {
			kind = yaml.MappingNode
		}
		return yamlItems(d, &yaml.Node{Kind: kind})
	}
	value := token
	if n, ok := token.(json.Number); ok {
		if value, err = n.Int64(); err != nil {
			value, err = n.Float64()
		}
	}
	node := &yaml.Node{}
	if err == nil {
		err = node.Encode(value) // which quotes a string that YAML 1.1 reads as something else
	}
	return node, err
}

// yamlItems are those of a list, or the keys and values of a mapping, up to its end.
func yamlItems(d *json.Decoder, node *yaml.Node) (*yaml.Node, error) {
	for d.More() {
		item, err := yamlNode(d)
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, item)
	}
	_, err := d.Token()
	return node, err
}
