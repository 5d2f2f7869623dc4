package awsauth

import (
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// Everything this package knows of go.yaml.in/yaml/v4 is in this file. It gives places, never truth: what EKS
// keeps is read by the library that EKS reads with (truth.go).

type node = yaml.Node

const (
	scalarNode   = yaml.ScalarNode
	sequenceNode = yaml.SequenceNode
	mappingNode  = yaml.MappingNode
	aliasNode    = yaml.AliasNode
)

// syntaxError is the first place where the text stops being YAML. Line 0: not known.
type syntaxError struct {
	line, column int
	text         string
}

// compose reads the first document of text into nodes. A nil root and a nil error: no document at all (blank, or
// only comments). extra is the line on which a second document begins, or 0.
func compose(text string) (root *node, extra int, serr *syntaxError) {
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

// lineInText finds the line in messages of parsers that give no typed place.
var lineInText = regexp.MustCompile(`line (\d+)(?:, column (\d+))?`)

func positioned(err error, text string) *syntaxError {
	var le *yaml.LoadError
	if errors.As(err, &le) {
		if le.ContextMark.Line > 0 && begunAtContext(le, text) {
			le.Mark = le.ContextMark
		}
		return &syntaxError{line: le.Mark.Line, column: le.Mark.Column, text: le.Message}
	}
	return fromMessage(err)
}

// begunAtContext reports that what is wrong is what was begun at the context mark, not where the parser gave up: a quote
// or bracket that is never closed, a key without its colon.
func begunAtContext(le *yaml.LoadError, text string) bool {
	if strings.Contains(le.Message, "end of stream") || strings.Contains(le.Message, "could not find expected ':'") {
		return true
	}
	if !strings.Contains(le.Message, "did not find expected ','") || le.Mark.Line == le.ContextMark.Line {
		return false
	}
	// At the end of the text or at the colon of the next key the bracket was open; anywhere else a comma is missing.
	at := []rune(lineOf(text, le.Mark.Line))
	return le.Mark.Column > len(at) || at[le.Mark.Column-1] == ':'
}

func fromMessage(err error) *syntaxError {
	s := &syntaxError{text: strings.TrimPrefix(err.Error(), "yaml: ")}
	if m := lineInText.FindStringSubmatchIndex(s.text); m != nil {
		s.line, _ = strconv.Atoi(s.text[m[2]:m[3]])
		if m[4] >= 0 {
			s.column, _ = strconv.Atoi(s.text[m[4]:m[5]])
		}
		s.text = strings.TrimPrefix(s.text[m[1]:], ": ")
	}
	return s
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
	return "text"
}
