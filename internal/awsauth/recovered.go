package awsauth

import (
	"strings"
)

// maxRecovered bounds the work that a broken megabyte can ask for. A ConfigMap cannot hold as many entries with an ARN.
const maxRecovered = 20_000

// recover reads a value of which EKS keeps nothing item by item, so that one report shows all that is wrong and a fix
// can be distinguished from a new grant.
func (p *parser) recover() []Entry {
	var entries []Entry
	defer func() { p.lineOffset = 0 }()
	silent := len(p.problems) == 0
	for i, c := range brokenItems(p.text) {
		if i == maxRecovered {
			break
		}
		p.lineOffset = c.line - 1
		entries = append(entries, p.recoverItem(c, len(entries), silent)...)
	}
	for i := range entries {
		entries[i].Recovered = true
	}
	return entries
}

// recoverItem reads one item by itself: as it is, with blanks for its tabs, or else line by line. silent says that no syntax
// error was reported so far, so that there is none to report of an item.
func (p *parser) recoverItem(c chunk, index int, silent bool) []Entry {
	text := c.text
	if item, ok := misdashed(strings.TrimLeft(text, " \t")); ok {
		text = text[:len(text)-len(strings.TrimLeft(text, " \t"))] + "- " + item
		c.text = text
	}
	list, err := composeList(text)
	strict, unreadable, complaint := decodeStrictly(p.key, text)
	said := p.saidOfLines(c.line, c.line+strings.Count(text, "\n"))
	if list == nil && !unreadable && len(strict) == 1 {
		if lenient := decodeLeniently(p.key, text); len(lenient) == 1 {
			return p.itemAsRead(c, index, readings{strict, lenient}, said)
		}
	}
	if list == nil || unreadable {
		if err == nil && complaint != nil {
			err = fromMessage(complaint)
		}
		if err != nil && !silent && !said {
			p.reportSyntax(err)
		}
		text = spaced(text)
		if list, _ = composeList(text); list == nil {
			return p.readLines(c, index)
		}
		strict, _, _ = decodeStrictly(p.key, text)
	}
	p.hiddenMeaning(list)
	lenient := decodeLeniently(p.key, text)
	if len(lenient) != len(list.Content) {
		lenient = nil
	}
	return p.readItems(list, readings{strict, lenient}, index)
}

// composeList reads a list into nodes; nil if the text is something else.
func composeList(text string) (*node, *syntaxError) {
	root, _, err := compose(text)
	if err != nil || root == nil || root.Kind != sequenceNode {
		return nil, err
	}
	return root, nil
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
