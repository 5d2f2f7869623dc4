package awsauth

import (
	"slices"
	"strings"
	"sync"
)

// Reader parses documents as Parse does, and sooner where it has read most of the items before: an edit changes one of
// them. It is safe for concurrent use. The zero value is ready.
type Reader struct {
	mu   sync.Mutex
	read map[string]*memory // by data key
}

// memory holds the items that were read under one data key, by their text: recent those of the last documents, before
// those of the documents before them.
type memory struct{ recent, before map[string]*remembered }

// remembered is an item read from a text of its own. The text is a copy: a part of a document would keep all of it.
type remembered struct {
	text string
	// sound is false for one that has to be read with its document.
	sound bool
	Entry
	// noGroups is that the item has none, if so: the one problem that a sound item may have.
	noGroups *Problem
}

// Parse is the function Parse.
func (r *Reader) Parse(data map[string]string) (*Document, []Problem) { return parse(data, r) }

// lookup returns what the items of a document were read as, nil for those that are not known.
func (r *Reader) lookup(key string, items []chunk) []*remembered {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.read == nil {
		r.read = map[string]*memory{}
	}
	m := r.read[key]
	if m == nil {
		m = &memory{}
		r.read[key] = m
	}
	// An item takes a kilobyte in memory, ten times its text. So recent grows to half as much again as the document has,
	// and a few for small ones; then all that is not in the document is forgotten the time after next.
	if len(m.recent) > len(items)*3/2+64 {
		m.recent, m.before = nil, m.recent
	}
	if m.recent == nil {
		m.recent = make(map[string]*remembered, len(items))
	}
	known := make([]*remembered, len(items))
	for i, c := range items {
		e, ok := m.recent[c.text]
		if !ok {
			if e, ok = m.before[c.text]; !ok {
				continue
			}
			m.recent[e.text] = e
		}
		known[i] = e
	}
	return known
}

// add remembers items that were not known.
func (r *Reader) add(key string, items []*remembered) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range items {
		r.read[key].recent[e.text] = e
	}
}

// byItems reads a list item by item. ok is false if that may not be the same as reading it whole.
//
// It is the same if the text is a list in block style whose items all begin at one depth, and each of them is sound as a
// text of its own. What goes on past the end of an item (an open quote, a bracket, an alias) is not sound alone; what can
// only end a document (---, ...) begins no line here; and whatever else is open in YAML ends at a line that is no deeper
// than the dash. FuzzReader holds this against Parse.
func (p *parser) byItems(r *Reader) (entries []Entry, ok bool) {
	items, ok := blockItems(p.text)
	if !ok {
		return nil, false
	}
	known := r.lookup(p.key, items)
	if slices.ContainsFunc(known, func(e *remembered) bool { return e != nil && !e.sound }) {
		return nil, false
	}
	var fresh []*remembered
	defer func() { r.add(p.key, fresh) }()
	groups := 0
	for i, c := range items {
		if known[i] == nil {
			known[i] = readItem(p.key, strings.Clone(c.text))
			fresh = append(fresh, known[i])
			if !known[i].sound {
				return nil, false
			}
		}
		groups += len(known[i].Groups)
	}
	entries = make([]Entry, len(items))
	room := make([]Text, 0, groups) // for all of them, or there would be thousands of small slices
	for i, c := range items {
		e := known[i]
		entries[i] = e.Entry
		entries[i].move(i, c.line-1, &room)
		if e.noGroups != nil {
			pr := *e.noGroups
			pr.Line, pr.Field = pr.Line+c.line-1, fieldPath(p.key, i, "groups")
			p.report(pr)
		}
	}
	return entries, true
}

// readItem reads a list of one item. It is sound if nothing at all is wrong with it, but that it may have no groups.
func readItem(key, text string) *remembered {
	p := &parser{key: key, text: text}
	entries := p.mappings()
	e := &remembered{text: text}
	if indentIndicator.MatchString(text) { // where it ends, what stands before the next item decides; see Comments
		return e
	}
	if len(entries) != 1 || p.unreadable || p.complaint != nil || entries[0].SSO != nil || len(p.problems) > 1 {
		return e
	}
	if len(p.problems) == 1 {
		if p.problems[0].Code != NoGroups {
			return e
		}
		e.noGroups = &p.problems[0]
	}
	e.sound, e.Entry = true, entries[0]
	e.item = newItem(&e.Entry)
	return e
}

// move makes the entry item number index, so many lines further down. Its groups go where there is room.
func (e *Entry) move(index, lines int, room *[]Text) {
	e.Index = index
	e.Line += lines
	e.ARN.Line += lines
	e.Username.Line += lines
	from := len(*room)
	*room = append(*room, e.Groups...)
	e.Groups = (*room)[from:len(*room):len(*room)]
	for i := range e.Groups {
		e.Groups[i].Line += lines
	}
}

// blockItems cuts a list in block style into its items, all of the text. ok is false for everything that is not plainly
// one: its lines are blank, or comments, or begin an item at one and the same depth, or are deeper.
func blockItems(text string) (items []chunk, ok bool) {
	if strings.Contains(text, "\r") {
		return nil, false // a line break to YAML, also where it stands alone
	}
	depth, line, offset, begin := -1, 0, 0, 0
	for l := range strings.Lines(text) {
		line++
		body := strings.TrimLeft(l, " ")
		indent := len(l) - len(body)
		switch {
		case body == "\n" || body == "" || body[0] == '#':
		case strings.HasPrefix(body, "- ") && (depth < 0 || indent == depth):
			if depth < 0 {
				depth = indent
				items = make([]chunk, 1, 1+strings.Count(text[offset:], "\n"+l[:indent]+"- "))
				items[0].line = 1 // what stands before it belongs to it: a comment may hide what is no YAML
				break
			}
			items[len(items)-1].text = text[begin:offset]
			begin = offset
			items = append(items, chunk{line: line})
		case depth < 0 || indent <= depth:
			return nil, false
		}
		offset += len(l)
	}
	if depth < 0 {
		return nil, false
	}
	items[len(items)-1].text = text[begin:]
	return items, true
}

// Items is how many items are remembered.
func (r *Reader) Items() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.read {
		n += len(m.recent) + len(m.before)
	}
	return n
}
