package awsauth

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxRecovered bounds the work that a broken megabyte can ask for. A ConfigMap cannot hold as many entries with an ARN.
const maxRecovered = 20_000

// recover reads a value of which EKS keeps nothing item by item, so that one look shows all that is wrong and a
// repair can be told from a new grant.
func (p *parser) recover() []Entry {
	var entries []Entry
	defer func() { p.line0 = 0 }()
	known := len(p.problems)
	for i, c := range chunks(p.text) {
		if i == maxRecovered {
			break
		}
		p.line0 = c.line - 1
		text := c.text
		items, unreadable, err := readMappings(p.key, text)
		root, _, serr := compose(text)
		if unreadable || serr != nil || root == nil || root.Kind != sequenceNode {
			if serr == nil && err != nil {
				serr = fromMessage(err)
			}
			if serr != nil && known > 0 && !p.saidOfLines(c.line, c.line+strings.Count(c.text, "\n")) {
				p.reportSyntax(serr, p.line0)
			}
			text = spaced(text)
			items, unreadable, _ = readMappings(p.key, text)
			root, _, serr = compose(text)
			if serr != nil || root == nil || root.Kind != sequenceNode {
				if e, ok := p.salvage(c.text, len(entries)); ok {
					entries = append(entries, e)
				}
				continue
			}
		}
		if unreadable {
			items = nil
		}
		p.hiddenMeaning(root)
		lenient := readLeniently(p.key, text)
		if len(lenient) != len(root.Content) {
			lenient = nil
		}
		entries = append(entries, p.walkItems(root, items, lenient, len(entries))...)
	}
	for i := range entries {
		entries[i].Recovered = true
	}
	return entries
}

// saidOfLines reports that the lines from..to are already known to be no YAML.
func (p *parser) saidOfLines(from, to int) bool {
	for line := from; line <= to; line++ {
		if p.troubled[line] {
			return true
		}
	}
	return false
}

type chunk struct {
	line int
	text string
}

// chunks cuts a list into its items: at every line that begins with "- " no deeper than the first such line does, and at
// every "- rolearn:" wherever it stands.
func chunks(text string) []chunk {
	var out []chunk
	depth, line, offset, begin := -1, 0, 0, -1
	for l := range strings.Lines(text) {
		line++
		body := strings.TrimLeft(strings.TrimPrefix(l, "\ufeff"), " \t")
		indent := len(strings.TrimPrefix(l, "\ufeff")) - len(body)
		isItem := strings.HasPrefix(body, "- ") || strings.HasPrefix(body, "-\t") || strings.TrimSpace(body) == "-"
		if isItem && depth < 0 {
			depth = indent
		}
		if isItem && (begin < 0 || indent <= depth && startsItem(body) || startsItem(body, "rolearn", "userarn")) {
			if begin >= 0 {
				out[len(out)-1].text = text[begin:offset]
			}
			begin = offset
			out = append(out, chunk{line: line})
		}
		offset += len(l)
	}
	if begin >= 0 {
		out[len(out)-1].text = text[begin:]
	}
	return out
}

// startsItem tells "- rolearn: x" from "- system:masters": groups may stand at the depth of their item's dash. Without
// names it is any field that may begin an item, or rolearn or userarn misspelt.
func startsItem(trimmed string, names ...string) bool {
	body := strings.TrimLeft(trimmed[1:], " \t{")
	key := properties.ReplaceAllString(body, "")
	if end := strings.IndexAny(key, ": \t"); end >= 0 { // the colon may be what is missing
		key = key[:end]
	} else if !strings.HasPrefix(body, "? ") {
		return false
	}
	key = strings.ToLower(strings.Trim(key, "\"' \r\n"))
	if len(names) > 0 {
		return slices.Contains(names, key)
	}
	if slices.Contains([]string{"rolearn", "userarn", "username", "groups", "userid", "sso", "<<"}, key) {
		return true
	}
	_, ok := nearest(key, []string{"rolearn", "userarn"})
	return ok
}

// spaced replaces the tabs before the first word of every line by blanks.
func spaced(text string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, l := range lines {
		body := strings.TrimLeft(l, " \t")
		lead := l[:len(l)-len(body)]
		lines[i] = strings.ReplaceAll(lead, "\t", "  ") + body
	}
	return strings.Join(lines, "")
}

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
