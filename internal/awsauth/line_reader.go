package awsauth

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// lineReader reads an item that is no YAML line by line: what it seems to say is what its repair will bring back.
type lineReader struct {
	key   string
	entry Entry
	// dash and groupDash are the columns of the item's dash and of its groups', 0 before there is one.
	dash, groupDash int
	// inGroups says that the lines are those of the field groups.
	inGroups bool
	// block is a text whose value is on the next line.
	block *Text
}

// readLines reads an item that is no YAML. There is none if it has no ARN.
func (p *parser) readLines(c chunk, index int) []Entry {
	r := &lineReader{key: p.key, entry: Entry{Place: Place{DataKey: p.key, Line: c.line, Column: 1}, Index: index}}
	line := c.line
	for l := range strings.Lines(c.text) {
		r.line(l, line)
		line++
	}
	if r.entry.ARN.Value == "" {
		return nil
	}
	return []Entry{r.entry}
}

// line reads one line of the item.
func (r *lineReader) line(text string, number int) {
	body := strings.TrimLeft(text, " \t")
	at := Place{DataKey: r.key, Line: number, Column: utf8.RuneCountInString(text[:len(text)-len(body)]) + 1}
	dash := 0
	if strings.HasPrefix(body, "- ") || strings.HasPrefix(body, "-\t") {
		dash = at.Column
		if r.dash == 0 {
			r.dash = dash
		}
		if dash < r.dash {
			return // no part of this item
		}
		rest := strings.TrimLeft(body[1:], " \t")
		at.Column += len(body) - len(rest)
		body = rest
	}
	switch {
	case r.block != nil && strings.TrimSpace(body) != "":
		*r.block, r.block = Text{at, strings.TrimSpace(body)}, nil
	case r.inGroups && dash > 0 && !startsItem("- "+body):
		r.group(body, at, dash)
	default:
		r.field(body, at)
	}
}

// group reads a line of the groups, whose dash is in a column.
func (r *lineReader) group(body string, at Place, dash int) {
	groups := r.entry.Groups
	if n := len(groups); n > 0 && r.groupDash > 0 && dash > r.groupDash { // to YAML, the group before goes on
		groups[n-1].Value += " - " + unquoted(body)
		return
	}
	r.groupDash = dash
	r.entry.Groups = append(groups, Text{})
	r.set(&r.entry.Groups[len(groups)], body, at)
}

// field reads a line with a field.
func (r *lineReader) field(body string, at Place) {
	key, value, ok := cutField(body, fields[r.key])
	if !ok {
		return
	}
	at.Column += utf8.RuneCountInString(key) + 1 + len(value) - len(strings.TrimLeft(value, " \t"))
	r.inGroups, r.groupDash = false, 0
	switch foldsTo(unquoted(key), fields[r.key]) {
	case ARNField(r.key):
		r.set(&r.entry.ARN, value, at)
	case "username":
		r.set(&r.entry.Username, value, at)
	case "groups":
		r.inGroups = true
		for _, g := range strings.FieldsFunc(unquoted(value), func(c rune) bool { return c == '[' || c == ']' || c == ',' }) {
			if g = unquoted(g); g != "" {
				r.entry.Groups = append(r.entry.Groups, Text{at, g})
			}
		}
	}
}

// set sets a text, whose value may be on the next line.
func (r *lineReader) set(t *Text, value string, at Place) {
	*t = Text{at, unquoted(value)}
	if blockScalar.MatchString(t.Value) {
		r.block = t
	}
}

// cutField cuts a line in two at its colon, or after one of the known fields if the colon is missing.
func cutField(line string, known []string) (key, value string, ok bool) {
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
// not. What is in closed quotes is meant literally.
func unquoted(s string) string {
	s, _, _ = strings.Cut(s, " #")
	s = properties.ReplaceAllString(strings.TrimSpace(s), "")
	if n := len(s); n >= 3 && s[n-1] == ',' && strings.ContainsAny(s[:1], `"'`) && s[n-2] == s[0] { // a line of JSON
		s = s[:n-1]
	}
	if n := len(s); n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return strings.Trim(s, " \t\r\n\"'")
}
