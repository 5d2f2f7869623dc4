package awsauth

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// A comment may have every character that a language needs, such as those that join and separate letters in Persian, Hindi
// and emoji: look-alikes change nothing there. Characters that break the line, or show it in another order than it is written,
// are findings in a comment too: they make YAML look like a comment, or a comment like YAML.

// hiddenInComment is hidden for byte i of a text that is in a comment, or ends one.
func hiddenInComment(text string, i int, r rune) string {
	switch {
	case r == '\r' && !strings.HasPrefix(text[i+1:], "\n"):
		return "a carriage return without a line feed (U+000D)"
	case r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029,
		r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
		return hidden(r)
	}
	return ""
}

// indentIndicator is a block scalar whose indentation is given and not seen.
var indentIndicator = regexp.MustCompile(`[|>][-+]?[1-9]`)

// span is a part of a text, from byte to byte.
type span struct{ from, to int }

// Comments returns which bytes of a text are in its comments, or are the line breaks that end them. A # begins a comment at the
// beginning of a line or after a space, but not in quotes or in a block scalar; the parsed nodes show where those are. Without
// nodes, only the lines before all others are known to be comments, and a comment ends at a carriage return, which no editor
// shows.
func Comments(text string) func(at int) bool {
	if in, ok := commentsIn(text); ok {
		return in
	}
	wide, _ := widened(text)
	put := narrowComment.FindAllStringIndex(text, -1) // where blanks were put in
	first, _ := firstDocument(wide)
	if in, ok := commentsIn(first); ok {
		return func(at int) bool {
			before, _ := slices.BinarySearchFunc(put, at, func(at []int, to int) int { return cmp.Compare(at[1], to+2) })
			return at+before < len(first) && in(at+before)
		}
	}
	head := 0
	for l := range strings.Lines(text) {
		if body := strings.TrimLeft(l, " \t"); body != "" && body[0] != '#' && breakAt(body) == 0 {
			break
		}
		head += len(l)
	}
	in, known := commentsIn(text[:head])
	var marked []span // what is behind the first # of a line
	offset := 0
	for l := range strings.Lines(text) {
		if i := strings.IndexByte(l, '#'); i >= 0 {
			marked = append(marked, span{offset + i, offset + len(l)})
		}
		offset += len(l)
	}
	return func(at int) bool {
		if known && at < head && in(at) {
			return true
		}
		_, behind := find(marked, at)
		return text[at] == '\r' && behind
	}
}

// commentsIn is Comments for a text that is YAML. ok is false if it is not, or if that is not certain.
func commentsIn(text string) (in func(at int) bool, ok bool) {
	lines := yamlLines(text)
	opaque, ok := scalarSpans(text, lines)
	if !ok {
		return nil, false
	}
	var comments []span
	for n, from := range lines {
		end := len(text)
		if n+1 < len(lines) {
			end = lines[n+1]
		}
		for at := from; at < end; at++ {
			if i, inside := find(opaque, at); inside {
				at = opaque[i].to - 1
				continue
			}
			if text[at] == '#' && (at == from || text[at-1] == ' ' || text[at-1] == '\t') {
				comments = append(comments, span{at, end})
				break
			}
		}
	}
	return func(at int) bool {
		_, in := find(comments, at)
		return in
	}, true
}

// find finds the span that a byte is in.
func find(spans []span, at int) (int, bool) {
	return slices.BinarySearchFunc(spans, at, func(s span, at int) int {
		switch {
		case s.to <= at:
			return -1
		case s.from > at:
			return 1
		}
		return 0
	})
}

// scalarSpans are where quoted strings and block scalars are. ok is false if that is not certain.
func scalarSpans(text string, lines []int) (spans []span, ok bool) {
	root, extra, serr := compose(text)
	if serr != nil || extra > 0 || indentIndicator.MatchString(text) {
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
		case body == "" || breakAt(body) > 0:
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
		if n := breakAt(text[i:]); n > 0 {
			i += n - 1
			starts = append(starts, i+1)
		}
	}
	return starts
}

// breakAt is the length of the line break that a text begins with, 0 if it begins with none.
func breakAt(text string) int {
	for _, b := range []string{"\n", "\r\n", "\r", "\u0085", "\u2028", "\u2029"} {
		if strings.HasPrefix(text, b) {
			return len(b)
		}
	}
	return 0
}
