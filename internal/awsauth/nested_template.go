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
	// A stack of what was read so far: a byte, or a placeholder or nested part as value. The innermost braces close first.
	const value = 0
	type symbol struct {
		c          byte // value, or the byte
		nested     bool
		begin, end int
	}
	var stack []symbol
	back := func(from int, while func(byte) bool) int {
		for from >= 0 && while(stack[from].c) {
			from--
		}
		return from
	}
	isValue := func(c byte) bool { return c == value }
	inside := func(c byte) bool { return c == value || alnum(c) }
	brace := func(at int, c byte) bool { return at >= 0 && stack[at].c == c }
	for at := 0; at < len(s); {
		if s[at] == '{' {
			if i, which := nextPlaceholder(s[at:min(len(s), at+len(EC2PrivateDNSName))], placeholders); i == 0 && which != "" {
				stack = append(stack, symbol{value, false, at, at + len(which)})
				at += len(which)
				continue
			}
		}
		c := s[at]
		if c == value {
			c = ' ' // a NUL in the text is no value
		}
		stack = append(stack, symbol{c, false, at, at + 1})
		at++
		if c != '}' {
			continue
		}
		closing := back(len(stack)-2, isValue)
		if !brace(closing, '}') {
			continue
		}
		second := back(closing-1, inside)
		if !brace(second, '{') {
			continue
		}
		first := back(second-1, isValue)
		if !brace(first, '{') || !slices.ContainsFunc(stack[first:], func(y symbol) bool { return y.c == value }) {
			continue
		}
		stack = append(stack[:first], symbol{value, true, stack[first].begin, at})
	}
	var spans [][2]int
	for _, y := range stack {
		if y.nested {
			spans = append(spans, [2]int{y.begin, y.end})
		}
	}
	return spans
}
