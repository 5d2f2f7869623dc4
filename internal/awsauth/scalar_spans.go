package awsauth

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// indentIndicator is a block scalar whose indentation is given and not seen.
var indentIndicator = regexp.MustCompile(`[|>][-+]?[1-9]`)

// scalarSpans are where quoted strings and block scalars are. ok is false if that is not certain.
func scalarSpans(text string, lines []int) (spans []span, ok bool) {
	root, extra, syntaxErr := compose(text)
	if syntaxErr != nil || extra > 0 || indentIndicator.MatchString(text) {
		return nil, false
	}
	ok = true
	var last reached
	var walk func(n *node)
	walk = func(n *node) { // in the order of the text
		for _, c := range n.Content {
			walk(c)
		}
		if n.Kind != scalarNode || n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
			return
		}
		if n.Anchor != "" || tagged(n) { // the place is theirs
			ok = false
			return
		}
		s, found := last.scalarSpan(text, lines, n)
		spans, ok = append(spans, s), ok && found
	}
	if root != nil {
		walk(root)
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	return spans, ok
}

// reached is the place of the last node and its byte: a line may be the whole text and hold 100,000 of them.
type reached struct{ line, column, at int }

// to is the byte at which a node stands.
func (r *reached) to(text string, lines []int, n *node) int {
	if r.line != n.Line || r.column > n.Column {
		*r = reached{n.Line, 1, lines[n.Line-1]}
	}
	for ; r.column < n.Column; r.column++ {
		_, size := utf8.DecodeRuneInString(text[r.at:])
		r.at += size
	}
	return r.at
}

// scalarSpan is where a quoted string is, or the lines of a block scalar.
func (r *reached) scalarSpan(text string, lines []int, n *node) (s span, ok bool) {
	if n.Line < 1 || n.Line > len(lines) {
		return span{}, false
	}
	at := r.to(text, lines, n)
	if at >= len(text) || !strings.ContainsRune(`"'|>`, rune(text[at])) {
		return span{}, false
	}
	switch quote := text[at]; quote {
	case '"', '\'':
		for i := at + 1; i < len(text); i++ {
			switch {
			case quote == '"' && text[i] == '\\', quote == '\'' && strings.HasPrefix(text[i:], "''"):
				i++
			case text[i] == quote:
				return span{at, i + 1}, true
			}
		}
		return span{}, false
	}
	indent := -1 // of the block's lines
	s = span{len(text), len(text)}
	for _, from := range lines[n.Line:] {
		s.from = min(s.from, from)
		body := strings.TrimLeft(text[from:], " ")
		blank := len(text) - from - len(body)
		switch {
		case body == "" || LineBreak(body) > 0:
		case strings.Trim(n.Value, "\n") == "", indent >= 0 && blank < indent:
			return span{s.from, from}, true
		case indent < 0:
			indent = blank
		}
	}
	return s, true
}

// yamlLines are where the lines of a text begin, as YAML 1.1 counts them.
func yamlLines(text string) []int {
	starts := []int{0}
	for i := 0; i < len(text); i++ {
		if n := LineBreak(text[i:]); n > 0 {
			i += n - 1
			starts = append(starts, i+1)
		}
	}
	return starts
}

// LineBreak is the length of the line break of YAML 1.1 that a text begins with, 0 if it begins with none.
func LineBreak(text string) int {
	if text == "" {
		return 0
	}
	switch text[0] {
	case '\n':
		return 1
	case '\r':
		if strings.HasPrefix(text, "\r\n") {
			return 2
		}
		return 1
	case 0xC2, 0xE2:
		for _, b := range []string{"\u0085", "\u2028", "\u2029"} {
			if strings.HasPrefix(text, b) {
				return len(b)
			}
		}
	}
	return 0
}
