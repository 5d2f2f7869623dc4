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
	read := p.decode()
	root, extra, syntaxErr := compose(p.text)
	if syntaxErr != nil {
		return p.readBroken(read, syntaxErr)
	}
	p.tabs()
	p.extraDocument(extra)
	return p.readRoot(root, read)
}

// decode reads the list as EKS does, in both ways.
func (p *parser) decode() (read readings) {
	read.strict, p.unreadable, p.complaint = decodeStrictly(p.key, p.text)
	read.lenient = decodeLeniently(p.key, p.text)
	if read.lenient == nil && !p.unreadable {
		read.lenient = make([]decodedItem, len(read.strict)) // it loses all of them
	}
	p.keptLeniently = len(read.lenient) > 0
	return read
}

// readBroken reads a text that is no YAML to the parser with the places. EKS may read it anyway.
func (p *parser) readBroken(read readings, syntaxErr *syntaxError) []Entry {
	if !p.unreadable || p.keptLeniently {
		root, text, ok := p.composeAsRead(syntaxErr, func(text string) bool { return p.readsAs(text, read) })
		switch {
		case ok:
			p.tabs()
			return p.readRoot(root, read)
		case !p.unreadable:
			p.tabs()
			return p.itemByItem(text, read, p.bestPlace(syntaxErr))
		}
	}
	if utf8.ValidString(p.text) { // else it is said already
		p.reportSyntax(p.bestPlace(syntaxErr))
	}
	entries := p.recover()
	p.unlisted(entries, read.lenient)
	return entries
}

// readRoot reads the list that a text consists of. root is nil if there is nothing in it.
func (p *parser) readRoot(root *node, read readings) []Entry {
	if root == nil || isNull(root) {
		entries := entriesWithoutPlaces(p.key, read.strict)
		p.sameNumber(len(read.strict), 0)
		p.unlisted(entries, read.lenient)
		return entries
	}
	p.hiddenMeaning(root)
	root = resolve(root)
	if root.Kind == sequenceNode {
		return p.readList(root, read, p.unreadable)
	}
	p.notAList(root)
	if root.Kind != mappingNode || !hasField(root, ARNField(p.key)) {
		return nil
	}
	// One entry whose dash is missing.
	return p.readList(&node{Kind: sequenceNode, Content: []*node{root}}, read, true)
}

// readList reads a list. If it is unreadable to EKS, the entries are what the nodes say.
func (p *parser) readList(list *node, read readings, unreadable bool) []Entry {
	number := len(list.Content)
	if !unreadable {
		p.sameNumber(len(read.strict), number)
	}
	beside := read
	if len(read.lenient) != number {
		beside.lenient = nil
	}
	entries := p.readItems(list, beside, 0)
	if len(read.strict) > number { // EKS reads them, wherever they come from
		entries = append(entries, entriesWithoutPlaces(p.key, read.strict)[number:]...)
	}
	if len(read.lenient) != number {
		p.unlisted(entries, read.lenient)
	} else {
		for i := number; i < len(entries); i++ {
			p.reportDifferences(&entries[i], decodedItem{}, false)
		}
	}
	for i := range entries {
		entries[i].Recovered = unreadable
	}
	return entries
}

// readItems reads the items of a list, of which base is the index of the first. What the readings do not have, the nodes say.
func (p *parser) readItems(list *node, read readings, base int) []Entry {
	entries := make([]Entry, 0, len(list.Content))
	for i, n := range list.Content {
		var strict, lenient *decodedItem
		if i < len(read.strict) {
			strict = &read.strict[i]
		}
		if i < len(read.lenient) {
			lenient = &read.lenient[i]
		}
		entries = append(entries, p.readItem(n, base+i, strict, lenient))
	}
	return entries
}

// sameNumber reports that EKS reads more or fewer items than stand there. What they are is not known by their places, so
// only the same text has the same problem.
func (p *parser) sameNumber(theirs, ours int) {
	if theirs != ours {
		pr := p.valueProblem(Disagreement, Place{}, fingerprint(p.text))
		pr.Got = fmt.Sprintf("%d entries", theirs)
		p.report(pr)
	}
}

// extraDocument reports that the text has a second document, which begins on a line; 0 if there is none.
func (p *parser) extraDocument(line int) {
	if line > 0 {
		pr := p.valueProblem(ExtraDocument, Place{Line: line + p.lineOffset, Column: 1}, "")
		pr.Value = strings.TrimSpace(p.line(pr.Line))
		p.report(pr)
	}
}

// notAList reports that the whole value is something else.
func (p *parser) notAList(root *node) {
	pr := p.valueProblem(NotAList, p.place(root), "")
	pr.Value, pr.Got = firstWords(root), shape(root)
	p.report(pr)
}

func hasField(mapping *node, name string) bool {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return true
		}
	}
	return false
}

// entriesWithoutPlaces are entries without places.
func entriesWithoutPlaces(key string, items []decodedItem) []Entry {
	entries := make([]Entry, len(items))
	for i, k := range items {
		entries[i] = newEntry(key, i, Place{DataKey: key}, k)
	}
	return entries
}

func newEntry(key string, index int, at Place, k decodedItem) Entry {
	e := Entry{Place: at, Index: index, ARN: Text{at, k.arn(key)}, Username: Text{at, k.Username}}
	for _, g := range k.Groups {
		e.Groups = append(e.Groups, Text{at, g})
	}
	return e
}
