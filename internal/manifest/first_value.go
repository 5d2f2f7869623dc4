package manifest

import (
	"cmp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// withData writes the first value of an object whose data has no key, or that has no data.
func (f *File) withData(key, value string) (string, bool) {
	root := f.object.node
	name, data := entry(root, "data")
	empty := data == nil || len(data.Content) == 0 && (data.Kind == yaml.MappingNode || data.Tag == "!!null")
	if !empty || len(root.Content) == 0 {
		return "", false
	}
	first := f.object.doc.place(root.Content[0])
	if root.Style&yaml.FlowStyle != 0 {
		mapping := "{" + jsonString(key) + ": " + jsonString(value) + "}"
		if data != nil {
			at, end := f.emptyNode(data)
			return f.Text[:at] + mapping + f.Text[end:], true
		}
		between := f.Text[len(strings.TrimRight(f.Text[:first], " \t\r\n")):first]
		return f.Text[:first] + jsonString("data") + ": " + mapping + "," + cmp.Or(between, " ") + f.Text[first:], true
	}
	indent := strings.Repeat(" ", f.object.doc.indent(root.Content[0]))
	block := indented(slices.Collect(strings.Lines(value)), indent+"    ", f.eol())
	block = indent + "  " + key + ": |" + chomping(value) + f.eol() + block
	if name == nil {
		return f.below(root, indent+"data:"+f.eol()+block), true
	}
	at, end := f.emptyNode(data)
	below := f.lineEnd(end)
	head := strings.TrimRight(f.Text[:at], " ") + f.Text[end:below]
	if !strings.HasSuffix(head, "\n") {
		head += f.eol()
	}
	return head + block + f.Text[below:], true
}

// emptyNode is where a null or an empty mapping in braces begins and ends.
func (f *File) emptyNode(n *yaml.Node) (at, end int) {
	at = f.object.doc.place(n)
	at = skipProperties(f.Text, at)
	if n.Kind == yaml.MappingNode {
		return at, at + strings.IndexByte(f.Text[at:], '}') + 1
	}
	return at, at + len(n.Value)
}
