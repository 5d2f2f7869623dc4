package awsauth

import (
	"fmt"
	"slices"
	"strings"
)

// itemReader reads one item of mapRoles or mapUsers, which is a mapping.
type itemReader struct {
	*parser
	node    *node
	index   int
	subject string
	seen    map[string]*node // the value of every known key, spelt exactly
	meant   map[string]*node // that of a key that is spelt wrongly
	spelt   map[string]bool  // the known keys that are in the item, spelt exactly; nil until has is asked
	merged  bool
	// explained says that a problem of this item explains why EKS reads it differently, and twoExplained that one explains
	// why its two readings differ.
	explained, twoExplained bool
}

// readItem reads one item. Without strict the entry holds what the nodes say; lenient is the other reading, if there is one.
func (p *parser) readItem(n *node, index int, strict, lenient *decodedItem) Entry {
	at := p.place(n)
	n = resolve(n)
	if n.Kind != mappingNode {
		if !p.full() { // a megabyte of such items takes seconds to describe
			p.report(Problem{Place: at, Code: NotAMapping, Field: fieldPath(p.key, index, ""),
				Subject: p.key + " item " + firstWords(n), Value: firstWords(n), Got: shape(n)})
		}
		return Entry{Place: at, Index: index}
	}
	it := &itemReader{parser: p, node: n, index: index, seen: map[string]*node{}, meant: map[string]*node{}}
	it.subject = it.guessSubject()
	it.keys()
	e := it.entry(at)
	switch {
	case strict != nil:
		it.compare(&e, *strict)
	case e.SSO != nil:
		e.ARN.Value = ""
	}
	if lenient != nil {
		p.reportDifferences(&e, *lenient, it.twoExplained || it.hasAlias())
		it.differencesToCome(&e)
		if strict == nil {
			it.typedToCome(&e)
		}
	}
	return e
}

// entry is what the nodes say.
func (it *itemReader) entry(at Place) Entry {
	e := Entry{Place: at, Index: it.index, name: it.subject}
	arnField := ARNField(it.key)
	var hasARN, hasUsername bool
	e.ARN, hasARN = it.text(arnField)
	e.Username, hasUsername = it.text("username")
	e.Groups = it.groups()
	it.text("userid")
	e.SSO = it.sso()
	if !hasARN {
		e.ARN.Place = at
		if e.SSO == nil || it.key == MapUsers {
			it.missing(arnField)
		}
	}
	if !hasUsername {
		e.Username.Place = at
		it.missing("username")
	}
	return e
}

// report reports a problem of the item.
func (it *itemReader) report(pr Problem) {
	it.parser.report(pr)
	it.explained = it.explained || pr.explains()
	it.twoExplained = it.twoExplained || pr.explains() && pr.Code != MissingField && (pr.Code != UnknownField || pr.Want != "")
}

// guessSubject names the item by what stays the same when lines move.
func (it *itemReader) guessSubject() string {
	want := ARNField(it.key)
	for pass := range 2 {
		for i := 0; i+1 < len(it.node.Content); i += 2 {
			k, v := it.node.Content[i], resolve(it.node.Content[i+1])
			if v.Kind != scalarNode || k.Kind != scalarNode {
				continue
			}
			if pass == 0 && strings.EqualFold(k.Value, want) || pass == 1 && strings.HasPrefix(strings.ToLower(v.Value), "arn:") {
				return Subject(v.Value)
			}
		}
	}
	return it.key + " item " + firstWords(it.node)
}

func (it *itemReader) problem(n *node, code Code, field string) Problem {
	return Problem{Place: it.place(n), Code: code, Field: fieldPath(it.key, it.index, field), Entry: it.subject, Subject: field}
}

// keys looks at every key of the item and files the values of those that EKS knows.
func (it *itemReader) keys() {
	first := map[string]*node{}
	for i := 0; i+1 < len(it.node.Content); i += 2 {
		k, v := it.node.Content[i], it.node.Content[i+1]
		if isMerge(k) {
			it.merged = true
			continue
		}
		if it.nonText(k) {
			continue
		}
		name := k.Value
		if one := first[name]; one != nil {
			pr := it.problem(k, DuplicateKey, name)
			pr.Value, pr.Other = name, it.place(one)
			it.report(pr)
		} else {
			first[name] = k
		}
		switch known, meant := it.known(k, v); {
		case known != "":
			it.seen[known] = v
		case meant != "":
			it.meant[meant] = v
		}
	}
}

// nonText reports a key that is no text.
func (it *itemReader) nonText(k *node) bool {
	if k.Kind != scalarNode {
		pr := it.problem(k, NonTextKey, "")
		pr.Got, pr.Value = shape(k), firstWords(k)
		it.report(pr)
		return true
	}
	if plain(k) && implicitType(k.Value) != "" {
		pr := it.problem(k, NonTextKey, "")
		pr.Got, pr.Value = "a "+implicitType(k.Value), k.Value
		pr.Subject = "key " + k.Value
		it.report(pr)
		return true
	}
	return false
}

func (it *itemReader) missing(field string) {
	if it.merged || it.meant[field] != nil {
		return // said already, where the field stands
	}
	pr := it.problem(it.node, MissingField, field)
	pr.Want = field
	it.report(pr)
}

// compare makes the entry hold what EKS reads, and reports a difference that nothing said so far explains.
func (it *itemReader) compare(e *Entry, k decodedItem) {
	if e.ARN.Value == k.arn(it.key) && e.Username.Value == k.Username && slices.Equal(k.Groups, e.GroupNames()) {
		return
	}
	if !it.explained && e.SSO == nil && !it.hasAlias() {
		pr := it.problem(it.node, Disagreement, "")
		pr.Value = firstWords(it.node)
		pr.Got = fmt.Sprintf("%s %q, username %q, groups %q", ARNField(it.key), k.arn(it.key), k.Username, k.Groups)
		pr.Subject = fingerprint(fmt.Sprintf("%q %q %v %s", e.ARN.Value, e.Username.Value, e.GroupNames(), pr.Got))
		it.report(pr)
	}
	e.ARN.Value, e.Username.Value = k.arn(it.key), k.Username
	groups := make([]Text, len(k.Groups))
	for i, g := range k.Groups {
		at := e.Place
		if i < len(e.Groups) && (e.Groups[i].Value == g || g == "") {
			at = e.Groups[i].Place
		}
		groups[i] = Text{at, g}
	}
	e.Groups = groups
}

// hasAlias reports that the item takes something from elsewhere, which hiddenMeaning has said.
func (it *itemReader) hasAlias() bool {
	if it.merged {
		return true
	}
	for _, c := range it.node.Content {
		if c.Kind == aliasNode || tagged(c) {
			return true
		}
		for _, g := range c.Content {
			if g.Kind == aliasNode || tagged(g) {
				return true
			}
		}
	}
	return false
}
