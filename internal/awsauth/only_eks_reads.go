package awsauth

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
)

// Where EKS reads a text and the parser with the places does not, the rules would see entries without their keys. In generated
// texts the reason is a comment right after a quote or bracket, text after the end of the document, or a plain text in braces
// such as "-" or "a:"; the first two can be composed in another form, the third is left to itemByItem.

var narrowComment = regexp.MustCompile(`["'\]}]#`)

// widened puts a space before the comments that have none, which changes no line; lines are those that have one.
func widened(text string) (wide string, lines []int) {
	if !narrowComment.MatchString(text) {
		return text, nil
	}
	n := 0
	for l := range strings.Lines(text) {
		if n++; narrowComment.MatchString(l) {
			lines = append(lines, n)
		}
	}
	return narrowComment.ReplaceAllStringFunc(text, func(s string) string { return s[:1] + " #" }), lines
}

// firstDocument is the text up to the line, from 1, that ends the first document; line 0 if there is none.
func firstDocument(text string) (first string, line int) {
	begun, n, offset := false, 0, 0
	for l := range strings.Lines(text) {
		n++
		body := strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(l, "...") || begun && strings.HasPrefix(l, "---"):
			return text[:offset], n
		case body != "" && body[0] != '#' && body[0] != '%' && body != "---":
			begun = true
		}
		offset += len(l)
	}
	return text, 0
}

// before is the text before a line of it.
func (p *parser) before(line int) string {
	p.line(1) // cuts the text
	return p.text[:min(len(p.text), len(strings.Join(p.lines[:max(line-1, 0)], "\n"))+1)]
}

// readsAs reports that both readings of another text are those of this one.
func (p *parser) readsAs(text string, items, lenient []kept) bool {
	others, _, _ := readMappings(p.key, text)
	return sameItems(others, items) && sameItems(readLeniently(p.key, text), lenient)
}

// composeAsRead reads into nodes what EKS reads of a text that is not quite YAML. same holds a variant of the text against
// it. ok is false if no variant is YAML and reads alike; text is then what is left to be read item by item.
func (p *parser) composeAsRead(serr *syntaxError, same func(text string) bool) (root *node, text string, ok bool) {
	text = p.text
	first, line := firstDocument(text)
	if line == 0 && strings.Contains(serr.text, "<document start>") {
		first, line = p.before(serr.line), serr.line
	}
	if line > 0 && same(first) {
		p.extraDocument(line)
		text = first
		if root, _, serr := compose(text); serr == nil {
			return root, text, true
		}
	}
	wide, lines := widened(text)
	if len(lines) == 0 || !same(wide) {
		return nil, text, false
	}
	root, _, serr = compose(wide)
	if serr != nil {
		return nil, text, false
	}
	p.reportNarrow(lines)
	return root, text, true
}

// reportNarrow reports comments without a space before them. They are counted, and not known by their lines, like tabs.
func (p *parser) reportNarrow(lines []int) {
	for _, n := range lines {
		l := p.line(n + p.line0)
		at := narrowComment.FindStringIndex(l)
		if at == nil {
			continue
		}
		p.report(Problem{Place: Place{Line: n + p.line0, Column: len([]rune(l[:at[0]])) + 2}, Code: NarrowComment, Field: "data." + p.key,
			Subject: p.key + " comment without a blank", Value: strings.TrimSpace(l)})
	}
}

// itemByItem reads a list of which EKS reads every item, and the parser with the places not all. An item without nodes is
// known by its text alone: whatever is written in it, only the very same text may be taken for it.
func (p *parser) itemByItem(text string, items, lenient []kept, serr *syntaxError) []Entry {
	parts := dashed(text)
	if len(parts) == 0 || len(parts) > maxRecovered || len(parts) != len(items) || len(parts) != len(lenient) {
		return p.opaque(text, items, lenient, serr)
	}
	for i, c := range parts {
		if !p.readsAs(c.text, items[i:i+1], lenient[i:i+1]) {
			return p.opaque(text, items, lenient, serr)
		}
	}
	defer func() { p.line0 = 0 }()
	entries := make([]Entry, 0, len(items))
	for i, c := range parts {
		p.line0 = c.line - 1
		one, two := items[i:i+1], lenient[i:i+1]
		root, _, serr := compose(c.text)
		if serr != nil {
			if wide, lines := widened(c.text); len(lines) > 0 && p.readsAs(wide, one, two) {
				if root, _, _ = compose(wide); root != nil {
					p.reportNarrow(lines)
				}
			}
		}
		if root != nil && root.Kind == sequenceNode && len(root.Content) == 1 {
			p.hiddenMeaning(root)
			entries = append(entries, p.walkItems(root, one, two, i)...)
			continue
		}
		e := newEntry(p.key, i, Place{DataKey: p.key, Line: c.line, Column: 1}, items[i])
		p.reportOpaque(c.text, serr, Subject(e.ARN.Value), one, two)
		p.reportDifferences(&e, lenient[i], true)
		entries = append(entries, e)
	}
	return entries
}

// opaque are entries of a text that only EKS reads, and that cannot be taken apart.
func (p *parser) opaque(text string, items, lenient []kept, serr *syntaxError) []Entry {
	entries := bare(p.key, items)
	p.reportOpaque(text, serr, "", items, lenient)
	if len(items) != len(lenient) {
		p.unlisted(entries, lenient)
		return entries
	}
	for i := range entries {
		p.reportDifferences(&entries[i], lenient[i], true)
	}
	return entries
}

// reportOpaque reports a text that EKS reads and other parsers do not. It is known by the text, but for the comments and blanks
// before and behind it, and by what EKS reads of it, which says that they are comments.
func (p *parser) reportOpaque(text string, serr *syntaxError, entry string, readings ...[]kept) {
	if serr == nil {
		serr = &syntaxError{text: "not YAML"}
	}
	var read strings.Builder
	for _, k := range slices.Concat(readings...) {
		fmt.Fprintf(&read, "\x00%q %q %q", k.arn(p.key), k.Username, k.Groups)
	}
	line := max(serr.line, 1) + p.line0
	p.report(Problem{Place: Place{Line: line, Column: max(serr.column, 1)}, Code: OnlyEKSReads, Field: "data." + p.key, Entry: entry,
		Subject: p.key + " " + fingerprint(withoutEnds(text)+read.String()), Value: strings.TrimSpace(p.line(line)), Got: serr.text})
}

// withoutEnds is a text without the blank lines and comments before and behind it.
func withoutEnds(text string) string {
	for {
		l, rest, more := strings.Cut(text, "\n")
		if body := strings.TrimLeft(l, " \t\r"); !more || body != "" && body[0] != '#' {
			break
		}
		text = rest
	}
	for {
		text = strings.TrimRight(text, " \t\r\n")
		i := strings.LastIndexByte(text, '\n') + 1
		if !strings.HasPrefix(strings.TrimLeft(text[i:], " \t"), "#") {
			return text
		}
		text = text[:i]
	}
}

// fingerprint names a text.
func fingerprint(text string) string {
	h := fnv.New128a()
	_, _ = h.Write([]byte(text))
	return fmt.Sprintf("%x", h.Sum(nil))
}
