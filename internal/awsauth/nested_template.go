package awsauth

import (
	"regexp"
	"slices"
	"strings"
)

// Nested are the parts of s in which a placeholder is inside other braces, so that what it becomes may make another one of
// them: reading such a template does not show what it becomes.
func Nested(s string) []string {
	var texts []string
	for _, span := range nestings(s, Placeholders) {
		texts = append(texts, s[span[0]:span[1]])
	}
	return texts
}

// innermost finds the first of the nested parts where the placeholders are written as \x00.
var innermost = regexp.MustCompile(`\{\x00*\{[A-Za-z0-9\x00]*\}\x00*\}`)

// nestings are the places of the Nested parts of s: {{ and }} with nothing but letters, digits and placeholders between, of
// which there is at least one; it may also be between the two braces on a side, since a value can be empty. No value has
// braces in it, so that nothing else can come to be a placeholder.
func nestings(s string, placeholders []string) [][2]int {
	rest := s
	for _, p := range placeholders {
		rest = strings.ReplaceAll(rest, p, "\x00")
	}
	if len(rest) == len(s) || !innermost.MatchString(rest) {
		return nil
	}
	var stack braceStack
	for at := 0; at < len(s); {
		size := 1
		if s[at] == '{' {
			if i, which := nextPlaceholder(s[at:min(len(s), at+len(EC2PrivateDNSName))], placeholders); i == 0 {
				size = max(size, len(which))
			}
		}
		stack.read(s, at, size)
		at += size
	}
	var spans [][2]int
	for _, y := range stack {
		if y.nested {
			spans = append(spans, [2]int{y.begin, y.end})
		}
	}
	return spans
}

// braceStack is what was read so far: bytes, and placeholders and nested parts as values. The innermost braces close first.
type braceStack []symbol

type symbol struct {
	c          byte // value, or the byte
	nested     bool
	begin, end int
}

// value is the byte of a symbol that is a value.
const value = 0

// read reads a byte, or a placeholder if size is more than one.
func (b *braceStack) read(s string, at, size int) {
	c := s[at]
	switch {
	case size > 1:
		c = value
	case c == value:
		c = ' ' // a NUL in the text is no value
	}
	*b = append(*b, symbol{c, false, at, at + size})
	if c != '}' {
		return
	}
	if first := b.opening(); first >= 0 {
		*b = append((*b)[:first], symbol{value, true, (*b)[first].begin, at + size})
	}
}

// opening is where the {{ stands that the last byte closes, if there is a value in between; else -1.
func (b braceStack) opening() int {
	isValue := func(c byte) bool { return c == value }
	closing := b.back(len(b)-2, isValue)
	if !b.has(closing, '}') {
		return -1
	}
	second := b.back(closing-1, func(c byte) bool { return isValue(c) || alnum(c) })
	if !b.has(second, '{') {
		return -1
	}
	first := b.back(second-1, isValue)
	if !b.has(first, '{') || !slices.ContainsFunc(b[first:], func(y symbol) bool { return isValue(y.c) }) {
		return -1
	}
	return first
}

// back goes back from a symbol over all that are such.
func (b braceStack) back(from int, such func(byte) bool) int {
	for from >= 0 && such(b[from].c) {
		from--
	}
	return from
}

func (b braceStack) has(at int, c byte) bool { return at >= 0 && b[at].c == c }
