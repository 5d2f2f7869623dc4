package awsauth

import (
	"errors"
	"io"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// The nodes of go.yaml.in/yaml/v4 give places. What EKS keeps is read by the library that EKS reads with (eks_decode.go).

type node = yaml.Node

const (
	scalarNode   = yaml.ScalarNode
	sequenceNode = yaml.SequenceNode
	mappingNode  = yaml.MappingNode
	aliasNode    = yaml.AliasNode
)

// compose reads the first document of text into nodes. A nil root and a nil error: no document at all (blank, or
// only comments). extra is the line on which a second document begins, or 0.
func compose(text string) (root *node, extra int, syntaxErr *syntaxError) {
	loader, err := yaml.NewLoader(strings.NewReader(text))
	if err != nil {
		return nil, 0, positioned(err, text)
	}
	var doc node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		return nil, 0, nil
	case err != nil:
		return nil, 0, positioned(err, text)
	}
	if len(doc.Content) == 1 {
		root = doc.Content[0]
	}
	var second node
	if err := loader.Load(&second); errors.Is(err, io.EOF) {
		return root, 0, nil
	}
	if second.Line > 0 {
		return root, second.Line, nil
	}
	return root, markerLine(text, root), nil
}

// markerLine is the line of the first --- after the root, for a second document that is no YAML: no text of the first
// one can have a line like it.
func markerLine(text string, root *node) int {
	first, line := 0, 0
	if root != nil {
		first = root.Line
	}
	for l := range strings.Lines(text) {
		if line++; line > first && strings.HasPrefix(l, "---") {
			return line
		}
	}
	return max(line, 1)
}

// tagged reports an explicit tag (!!str, !!binary, !mine): a reader cannot see what it does to the value.
func tagged(n *node) bool { return n.Style&yaml.TaggedStyle != 0 }

// plain reports a scalar without quotes, the only kind whose type a parser guesses.
func plain(n *node) bool {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	return n.Kind == scalarNode && n.Style&quoted == 0
}

// isNull reports a value that is not there: nothing, ~ or null without quotes.
func isNull(n *node) bool {
	if !plain(n) || tagged(n) {
		return false
	}
	switch n.Value {
	case "", "~", "null", "Null", "NULL":
		return true
	}
	return false
}

// isMerge reports the key <<.
func isMerge(n *node) bool { return plain(n) && n.Value == "<<" }

// resolve follows an alias to what it stands for, once: the composer refuses aliases of aliases.
func resolve(n *node) *node {
	if n.Kind == aliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// flowTemplate returns the text of an unquoted {{Name}}, which YAML reads as a mapping in a mapping; "" if n is
// something else.
func flowTemplate(n *node) string {
	if n.Kind != mappingNode || len(n.Content) != 2 {
		return ""
	}
	inner := n.Content[0]
	if inner.Kind != mappingNode || len(inner.Content) != 2 || inner.Content[0].Kind != scalarNode {
		return ""
	}
	return "{{" + inner.Content[0].Value + "}}"
}

// withoutSpace is the text that was meant by a mapping of one key, if the space after the colon is not: "" for all others.
func withoutSpace(n *node) string {
	if n.Kind != mappingNode || len(n.Content) != 2 || n.Content[0].Kind != scalarNode || n.Content[1].Kind != scalarNode {
		return ""
	}
	return n.Content[0].Value + ":" + n.Content[1].Value
}

// shape names what a node is, for messages.
func shape(n *node) string {
	switch {
	case n.Kind == sequenceNode:
		return "a list"
	case n.Kind == mappingNode:
		return "a mapping"
	case n.Kind == aliasNode:
		return "an alias"
	case isNull(n):
		return "empty"
	case plain(n) && !tagged(n) && implicitType(n.Value) != "":
		return "a " + implicitType(n.Value)
	}
	return "a string"
}

// firstWords is the beginning of a node's text, for messages and subjects.
func firstWords(n *node) string {
	const limit = 60
	var b strings.Builder
	var write func(n *node)
	write = func(n *node) {
		if b.Len() >= limit {
			return
		}
		switch n.Kind {
		case scalarNode:
			b.WriteString(n.Value)
		case aliasNode:
			b.WriteString("*" + n.Value)
		case mappingNode:
			for i := 0; i+1 < len(n.Content) && b.Len() < limit; i += 2 {
				if i > 0 {
					b.WriteString(", ")
				}
				write(n.Content[i])
				b.WriteString(": ")
				write(n.Content[i+1])
			}
		case sequenceNode:
			for i, c := range n.Content {
				if b.Len() >= limit {
					break
				}
				if i > 0 {
					b.WriteString(", ")
				}
				write(c)
			}
		}
	}
	write(n)
	s := b.String()
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
		if i := strings.LastIndexByte(s, ' '); i > 0 { // no half of a word
			s = s[:i]
		}
		s += "..."
	}
	return s
}
