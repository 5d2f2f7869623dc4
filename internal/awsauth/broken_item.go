package awsauth

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// salvage reads an item that is no YAML line by line: what it seems to say is what its repair will bring back.
func (p *parser) salvage(text string, index int) (e Entry, ok bool) {
	e = Entry{Place: Place{DataKey: p.key, Line: p.line0 + 1, Column: 1}, Index: index}
	inGroups := false
	begins, lists := 0, 0 // the columns of the item's dash and of its groups'
	var block *Text       // whose value is on the next line
	line := p.line0
	set := func(t *Text, at Place, value string) {
		*t = Text{at, unquoted(value)}
		if blockScalar.MatchString(t.Value) {
			block = t
		}
	}
	for l := range strings.Lines(text) {
		line++
		body := strings.TrimLeft(l, " \t")
		column := utf8.RuneCountInString(l[:len(l)-len(body)]) + 1
		dash := strings.HasPrefix(body, "- ") || strings.HasPrefix(body, "-\t")
		dashed := column
		if dash && begins == 0 {
			begins = dashed
		}
		if dash && dashed < begins {
			continue // no part of this item
		}
		if dash {
			rest := strings.TrimLeft(body[1:], " \t")
			column += len(body) - len(rest)
			body = rest
		}
		at := Place{DataKey: p.key, Line: line, Column: column}
		if block != nil && strings.TrimSpace(body) != "" {
			*block, block = Text{at, strings.TrimSpace(body)}, nil
			continue
		}
		if inGroups && dash && !startsItem("- "+body) {
			if n := len(e.Groups); n > 0 && lists > 0 && dashed > lists { // to YAML, the group before goes on
				e.Groups[n-1].Value += " - " + unquoted(body)
				continue
			}
			lists = dashed
			e.Groups = append(e.Groups, Text{})
			set(&e.Groups[len(e.Groups)-1], at, body)
			continue
		}
		key, value, isField := field(body, fields[p.key])
		if !isField {
			continue
		}
		at.Column += utf8.RuneCountInString(key) + 1 + len(value) - len(strings.TrimLeft(value, " \t"))
		inGroups, lists = false, 0
		switch foldsTo(unquoted(key), fields[p.key]) {
		case ARNField(p.key):
			set(&e.ARN, at, value)
		case "username":
			set(&e.Username, at, value)
		case "groups":
			inGroups = true
			for _, g := range strings.FieldsFunc(unquoted(value), func(r rune) bool { return r == '[' || r == ']' || r == ',' }) {
				if g = unquoted(g); g != "" {
					e.Groups = append(e.Groups, Text{at, g})
				}
			}
		}
	}
	return e, e.ARN.Value != ""
}

// field cuts a line in two at its colon, or after one of the known fields if the colon is missing.
func field(line string, known []string) (key, value string, ok bool) {
	if word, rest, ok := strings.Cut(line, " "); ok && foldsTo(word, known) != "" && !strings.HasPrefix(strings.TrimLeft(rest, " \t"), ":") {
		return word, rest, true
	}
	return strings.Cut(line, ":")
}

var (
	blockScalar = regexp.MustCompile(`^[|>][-+0-9]*$`)
	properties  = regexp.MustCompile(`^(?:[&!?]\S*\s+)+`) // anchors, tags, the mark of a long key
)

// unquoted is a text without the blanks, the comment, the anchor, the tag and the quotes around it, be they closed or
// not. What closed quotes hold is meant as it stands there.
func unquoted(s string) string {
	s, _, _ = strings.Cut(s, " #")
	s = properties.ReplaceAllString(strings.TrimSpace(s), "")
	if n := len(s); n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return strings.Trim(s, " \t\r\n\"'")
}
