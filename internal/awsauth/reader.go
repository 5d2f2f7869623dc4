package awsauth

import (
	"slices"
	"strings"
	"sync"
)

// Reader parses documents as Parse does, and sooner where it has read most of the items before: an edit changes one of
// them. It is safe for concurrent use. The zero value is ready.
type Reader struct {
	mu sync.Mutex
	// recent and before hold the sound items that were read, by their text: recent those of the last documents, before
	// those of the documents before them.
	recent, before map[itemText]remembered
	size           int
}

// itemText is the text of one item under a data key.
type itemText struct{ key, text string }

// remembered is an item read from a text of its own.
type remembered struct {
	text string
	Entry
}

// maxRemembered is how many bytes of items recent may hold: those of two documents as large as a ConfigMap can be.
const maxRemembered = 2 << 20

// Parse is the function Parse.
func (r *Reader) Parse(data map[string]string) (*Document, []Problem) { return parse(data, r) }

// lookup returns what items were read as; those without an Item are not known.
func (r *Reader) lookup(key string, items []chunk) []Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	entries := make([]Entry, len(items))
	for i, c := range items {
		t := itemText{key, c.text}
		e, ok := r.recent[t]
		if !ok {
			if e, ok = r.before[t]; !ok {
				continue
			}
			t.text = e.text
			r.keep(t, e)
		}
		entries[i] = e.Entry
	}
	return entries
}

func (r *Reader) add(key, text string, e Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text = strings.Clone(text) // or one item would keep its whole document in memory
	r.keep(itemText{key, text}, remembered{text, e})
}

func (r *Reader) keep(t itemText, e remembered) {
	if r.recent == nil || r.size+len(t.text) > maxRemembered {
		r.recent, r.before, r.size = map[itemText]remembered{}, r.recent, 0
	}
	r.recent[t] = e
	r.size += len(t.text)
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
	entries = r.lookup(p.key, items)
	for i, c := range items {
		e := entries[i]
		if e.item == nil {
			if e, ok = soundItem(p.key, c.text); !ok {
				return nil, false
			}
			r.add(p.key, c.text, e)
		}
		entries[i] = e.at(i, c.line-1)
	}
	return entries, true
}

// soundItem reads a list of one item in which nothing at all is wrong.
func soundItem(key, text string) (Entry, bool) {
	p := &parser{key: key, text: text}
	entries := p.mappings()
	if len(entries) != 1 || p.unreadable || p.complaint != nil || len(p.problems) > 0 || entries[0].SSO != nil {
		return Entry{}, false
	}
	entries[0].item = newItem(&entries[0])
	return entries[0], true
}

// at is the entry as item number index, so many lines further down.
func (e Entry) at(index, lines int) Entry {
	e.Index = index
	e.Line += lines
	e.ARN.Line += lines
	e.Username.Line += lines
	e.Groups = slices.Clone(e.Groups)
	for i := range e.Groups {
		e.Groups[i].Line += lines
	}
	return e
}

// blockItems cuts a list in block style into its items. ok is false for everything that is not plainly one: its lines are
// blank, or comments, or begin an item at one and the same depth, or are deeper.
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
			} else {
				items[len(items)-1].text = text[begin:offset]
			}
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

// Size is how many bytes of items are remembered.
func (r *Reader) Size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, items := range []map[itemText]remembered{r.recent, r.before} {
		for t := range items {
			n += len(t.text)
		}
	}
	return n
}
