package awsauth

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// A comment may have every character that a language needs, such as those that join and separate letters in Persian, Hindi
// and emoji: look-alikes change nothing there. Characters that break the line, or show it in another order than it is written,
// are findings in a comment too: they make YAML look like a comment, or a comment like YAML.

// hiddenInComment is Hidden for byte i of a text that is in a comment, or ends one.
func hiddenInComment(text string, i int, r rune) string {
	switch {
	case r == '\r' && !strings.HasPrefix(text[i+1:], "\n"):
		return "a carriage return without a line feed (U+000D)"
	case unicode.IsControl(r) || r == 0x2028 || r == 0x2029,
		r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
		return Hidden(r)
	}
	return ""
}

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
		if body := strings.TrimLeft(l, " \t"); body != "" && body[0] != '#' && LineBreak(body) == 0 {
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

// span is a part of a text, from byte to byte.
type span struct{ from, to int }

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
