package awsauth

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// mappings reads mapRoles or mapUsers. known are entries that can be taken over, by their text.
func (p *parser) mappings(known map[string]*Entry) []Entry {
	if entries, ok := p.takeOver(known); ok {
		return entries
	}
	entries := p.readWhole()
	p.remember(entries)
	return entries
}

// readWhole reads mapRoles or mapUsers from beginning to end.
func (p *parser) readWhole() []Entry {
	p.characters()
	if skippable(p.text) {
		return nil
	}
	items, unreadable, err := readMappings(p.key, p.text)
	p.unreadable, p.complaint = unreadable, err
	lenient := readLeniently(p.key, p.text)
	if lenient == nil && !unreadable {
		lenient = make([]kept, len(items)) // it loses all of them
	}
	p.keptLeniently = len(lenient) > 0
	root, extra, serr := compose(p.text)
	if serr != nil && (!unreadable || len(lenient) > 0) {
		var text string
		var ok bool
		root, text, ok = p.composeAsRead(serr, func(text string) bool { return p.readsAs(text, items, lenient) })
		switch {
		case ok:
			serr = nil
		case !unreadable:
			p.tabs()
			return p.itemByItem(text, items, lenient, p.better(serr))
		}
	}
	if serr != nil {
		if utf8.ValidString(p.text) { // else it is said already
			p.reportSyntax(p.better(serr), 0)
		}
		entries := p.recover()
		p.unlisted(entries, lenient)
		return entries
	}
	p.tabs()
	p.extraDocument(extra)
	if root == nil || isNull(root) {
		entries := bare(p.key, items)
		p.sameNumber(len(items), 0)
		p.unlisted(entries, lenient)
		return entries
	}
	p.hiddenMeaning(root)
	return p.walk(root, items, lenient, unreadable)
}

// sameNumber reports that EKS reads more or fewer items than stand there. What they are is not known by their places, so
// only the same text has the same problem.
func (p *parser) sameNumber(theirs, ours int) {
	if theirs != ours {
		p.report(Problem{Code: Disagreement, Field: "data." + p.key, Subject: p.key + " " + fingerprint(p.text), Got: fmt.Sprintf("%d entries", theirs)})
	}
}

func (p *parser) extraDocument(line int) {
	if line > 0 {
		p.report(Problem{Place: Place{Line: line + p.line0, Column: 1}, Code: ExtraDocument, Field: "data." + p.key, Subject: p.key,
			Value: strings.TrimSpace(p.line(line + p.line0))})
	}
}

// walk reads the root of mapRoles or mapUsers, with items as EKS reads them (none if unreadable) in its two ways.
func (p *parser) walk(root *node, items, lenient []kept, unreadable bool) []Entry {
	root = resolve(root)
	if root.Kind != sequenceNode {
		p.report(Problem{Place: p.place(root), Code: NotAList, Field: "data." + p.key, Subject: p.key,
			Value: firstWords(root), Got: shape(root)})
		if root.Kind != mappingNode || !hasField(root, ARNField(p.key)) {
			return nil
		}
		// One entry whose dash is missing.
		root, unreadable = &node{Kind: sequenceNode, Content: []*node{root}}, true
	}
	number := len(root.Content)
	if unreadable {
		items = nil
	} else {
		p.sameNumber(len(items), number)
	}
	aligned := lenient
	if len(lenient) != number {
		aligned = nil
	}
	entries := p.walkItems(root, items, aligned, 0)
	if len(items) > number { // EKS reads them, wherever they come from
		entries = append(entries, bare(p.key, items)[number:]...)
	}
	if aligned == nil {
		p.unlisted(entries, lenient)
	}
	for i := number; aligned != nil && i < len(entries); i++ {
		p.reportDifferences(&entries[i], kept{}, false)
	}
	for i := range entries {
		entries[i].Recovered = unreadable
	}
	return entries
}

func hasField(mapping *node, name string) bool {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return true
		}
	}
	return false
}

// walkItems reads the items of a list; base is the index of the first.
func (p *parser) walkItems(list *node, items, lenient []kept, base int) []Entry {
	var entries []Entry
	for i, n := range list.Content {
		var truth, other *kept
		if i < len(items) {
			truth = &items[i]
		}
		if i < len(lenient) {
			other = &lenient[i]
		}
		entries = append(entries, p.item(n, base+i, truth, other))
	}
	return entries
}

// bare are entries without places.
func bare(key string, items []kept) []Entry {
	entries := make([]Entry, len(items))
	for i, k := range items {
		entries[i] = newEntry(key, i, Place{DataKey: key}, k)
	}
	return entries
}

func newEntry(key string, index int, at Place, k kept) Entry {
	e := Entry{Place: at, Index: index, ARN: Text{at, k.arn(key)}, Username: Text{at, k.Username}}
	for _, g := range k.Groups {
		e.Groups = append(e.Groups, Text{at, g})
	}
	return e
}
