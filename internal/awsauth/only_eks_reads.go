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

// before is the text before a line of it, as a YAML parser counts lines: a carriage return ends one too.
func before(text string, line int) string {
	lines := yamlLines(text)
	if line < 1 || line > len(lines) {
		return text
	}
	return text[:lines[line-1]]
}

// readsAs reports that both readings of another text are those of this one.
func (p *parser) readsAs(text string, read readings) bool {
	strict, _, _ := decodeStrictly(p.key, text)
	return read.equal(readings{strict, decodeLeniently(p.key, text)})
}

// composeAsRead reads into nodes what EKS reads of a text that is not quite YAML. same holds a variant of the text against
// it. ok is false if no variant is YAML and reads alike; text is then what is left to be read item by item.
func (p *parser) composeAsRead(syntaxErr *syntaxError, same func(text string) bool) (root *node, text string, ok bool) {
	text = p.text
	first, line := firstDocument(text)
	if line == 0 && strings.Contains(syntaxErr.text, "<document start>") {
		first = before(text, syntaxErr.line)
		line = 1 + strings.Count(first, "\n")
	}
	if line > 0 && same(first) {
		p.extraDocument(line)
		text = first
		if root, _, syntaxErr := compose(text); syntaxErr == nil {
			return root, text, true
		}
	}
	wide, lines := widened(text)
	if len(lines) == 0 || !same(wide) {
		return nil, text, false
	}
	root, _, syntaxErr = compose(wide)
	if syntaxErr != nil {
		return nil, text, false
	}
	p.reportNarrow(lines)
	return root, text, true
}

// reportNarrow reports comments without a space before them. They are counted, and not known by their lines, like tabs.
func (p *parser) reportNarrow(lines []int) {
	for _, n := range lines {
		l := p.line(n + p.lineOffset)
		at := narrowComment.FindStringIndex(l)
		if at == nil {
			continue
		}
		pr := p.valueProblem(NarrowComment, Place{Line: n + p.lineOffset, Column: len([]rune(l[:at[0]])) + 2}, "comment without a blank")
		pr.Value = strings.TrimSpace(l)
		p.report(pr)
	}
}

// itemByItem reads a list of which EKS reads every item, and the parser with the places not all. An item without nodes is
// known by its text alone: whatever is written in it, only the very same text may be taken for it.
func (p *parser) itemByItem(text string, read readings, syntaxErr *syntaxError) []Entry {
	parts := dashed(text)
	if len(parts) == 0 || len(parts) > maxRecovered || len(parts) != len(read.strict) || len(parts) != len(read.lenient) {
		return p.opaque(text, read, syntaxErr)
	}
	for i, c := range parts {
		if !p.readsAs(c.text, read.item(i)) {
			return p.opaque(text, read, syntaxErr)
		}
	}
	defer func() { p.lineOffset = 0 }()
	entries := make([]Entry, 0, len(parts))
	for i, c := range parts {
		p.lineOffset = c.line - 1
		entries = append(entries, p.itemAsRead(c, i, read.item(i), false)...)
	}
	return entries
}

// itemAsRead reads the text of one item that EKS reads, into nodes if that is possible. said says that it is already known to be no
// YAML.
func (p *parser) itemAsRead(c chunk, index int, read readings, said bool) []Entry {
	list, err := p.composeItem(c.text, read)
	if list != nil {
		p.hiddenMeaning(list)
		return p.readItems(list, read, index)
	}
	e := newEntry(p.key, index, Place{DataKey: p.key, Line: c.line, Column: 1}, read.strict[0])
	if !said {
		p.reportOpaque(c.text, err, Subject(e.ARN.Value), read)
	}
	p.reportDifferences(&e, read.lenient[0], true)
	return []Entry{e}
}

// composeItem reads a list of one item into nodes, in a form that EKS reads alike; nil if that cannot be.
func (p *parser) composeItem(text string, read readings) (list *node, err *syntaxError) {
	list, err = composeList(text)
	if err != nil {
		if wide, lines := widened(text); len(lines) > 0 && p.readsAs(wide, read) {
			if list, _ = composeList(wide); list != nil {
				p.reportNarrow(lines)
			}
		}
	}
	if list == nil || len(list.Content) != 1 {
		return nil, err
	}
	return list, nil
}

// opaque are entries of a text that only EKS reads, and that cannot be taken apart.
func (p *parser) opaque(text string, read readings, syntaxErr *syntaxError) []Entry {
	entries := entriesWithoutPlaces(p.key, read.strict)
	p.reportOpaque(text, syntaxErr, "", read)
	if len(read.strict) != len(read.lenient) {
		p.unlisted(entries, read.lenient)
		return entries
	}
	for i := range entries {
		p.reportDifferences(&entries[i], read.lenient[i], true)
	}
	return entries
}

// reportOpaque reports a text that EKS reads and other parsers do not. It is known by the text, but for the comments and blanks
// before and behind it, and by what EKS reads of it, which says that they are comments.
func (p *parser) reportOpaque(text string, syntaxErr *syntaxError, entry string, read readings) {
	if syntaxErr == nil {
		syntaxErr = &syntaxError{text: "not YAML"}
	}
	var words strings.Builder
	for _, item := range slices.Concat(read.strict, read.lenient) {
		fmt.Fprintf(&words, "\x00%q %q %q", item.arn(p.key), item.Username, item.Groups)
	}
	at := Place{Line: max(syntaxErr.line, 1) + p.lineOffset, Column: max(syntaxErr.column, 1)}
	pr := p.valueProblem(OnlyEKSReads, at, fingerprint(withoutEnds(text)+words.String()))
	pr.Entry, pr.Value, pr.Got = entry, strings.TrimSpace(p.line(at.Line)), syntaxErr.text
	p.report(pr)
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
