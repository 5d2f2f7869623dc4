package awsauth

import (
	"slices"
	"strings"
)

// A list can be read item by item, and an item can be taken over from another list, if each list is in block style, all its
// items begin at one depth, and each item is sound by itself. What goes on past the end of an item (an open quote, a bracket,
// an alias) is not sound by itself; what can only end a document (---, ...) begins no line; and whatever else is open in YAML
// ends at a line that is no deeper than the dash. FuzzReparse holds this against Parse.

// readFrom reports that the document is read from values that are all the same. The document may be nil.
func (d *Document) readFrom(data map[string]string) bool {
	return d != nil && !slices.ContainsFunc(Keys, func(key string) bool {
		text, ok := data[key]
		was, had := d.data[key]
		return ok != had || text != was
	})
}

// unchanged returns the entries of a data key that can be taken over, by their text. The document may be nil.
func (d *Document) unchanged(key string) map[string]*Entry {
	if d == nil {
		return nil
	}
	entries := d.Roles
	if key == MapUsers {
		entries = d.Users
	}
	known := make(map[string]*Entry, len(entries))
	for i := range entries {
		if e := &entries[i]; e.source.text != "" {
			known[e.source.text] = e
		}
	}
	return known
}

// takeOver reads a list of known items and of others, which are read by themselves. ok is false if the list has to be read
// as a whole.
func (p *parser) takeOver(known map[string]*Entry) (entries []Entry, ok bool) {
	items, ok := blockItems(p.text)
	if !ok || changed(items, known) > len(items)/2 { // read alone, an item takes twice as long
		return nil, false
	}
	entries = make([]Entry, 0, len(items))
	var problems []Problem
	for i, c := range items {
		e, found := known[c.text]
		if !found {
			var pr []Problem
			if e, pr, ok = readAlone(p.key, c.text); !ok {
				return nil, false
			}
			problems = append(problems, movedProblems(pr, i, c.line)...)
		}
		entries = append(entries, e.moved(i, c))
	}
	for _, pr := range problems {
		p.report(pr)
	}
	return entries, true
}

// changed counts the items that are not known.
func changed(items []chunk, known map[string]*Entry) (n int) {
	for _, c := range items {
		if known[c.text] == nil {
			n++
		}
	}
	return n
}

// readAlone reads a list of one item. ok is false if it is not sound.
func readAlone(key, text string) (e *Entry, problems []Problem, ok bool) {
	p := &parser{key: key, text: text}
	entries := p.readWhole()
	if len(entries) != 1 || !p.sound(entries) {
		return nil, nil, false
	}
	entries[0].source = chunk{1, text}
	return &entries[0], p.problems, true
}

// sound reports that nothing at all is wrong with a value, but that items may have no groups.
func (p *parser) sound(entries []Entry) bool {
	return !p.unreadable && p.complaint == nil &&
		!slices.ContainsFunc(p.problems, func(pr Problem) bool { return pr.Code != NoGroups }) &&
		!slices.ContainsFunc(entries, func(e Entry) bool { return e.SSO != nil }) &&
		!indentIndicator.MatchString(p.text) && // where such a block ends, the text before the next item decides; see Comments
		!mayHaveProperties(p.text) // with a tag in one item, where the comments of the others are is not certain
}

// mayHaveProperties reports what may be a tag or an anchor: a ! or a & that begins a word.
func mayHaveProperties(text string) bool {
	for at := 0; ; at++ {
		i := strings.IndexAny(text[at:], "!&")
		if i < 0 {
			return false
		}
		if at += i; at == 0 || strings.IndexByte(" \t\r\n[{,:", text[at-1]) >= 0 {
			return true
		}
	}
}

// remember keeps the texts of the items, if they can be taken over. Of those without groups there is something to report.
func (p *parser) remember(entries []Entry) {
	items, ok := blockItems(p.text)
	if !ok || len(items) != len(entries) || !p.sound(entries) {
		return
	}
	for i, c := range items {
		if len(entries[i].Groups) > 0 {
			entries[i].source = c
		}
	}
}

// moved is the entry as item number index of another list, where it has the same text.
func (e *Entry) moved(index int, to chunk) Entry {
	m, lines := *e, to.line-e.source.line
	m.Index, m.source = index, to
	m.Line += lines
	m.ARN.Line += lines
	m.Username.Line += lines
	m.Groups = slices.Clone(e.Groups)
	for i := range m.Groups {
		m.Groups[i].Line += lines
	}
	if len(m.Groups) == 0 {
		m.source = chunk{}
	}
	return m
}

// movedProblems are the problems of an item that was read alone, as item number index, which begins at a line.
func movedProblems(problems []Problem, index, line int) []Problem {
	for i := range problems {
		pr := &problems[i]
		pr.Line += line - 1
		pr.Field = fieldPath(pr.DataKey, index, "groups")
	}
	return problems
}
