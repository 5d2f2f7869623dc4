package awsauth

import (
	"strings"
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
