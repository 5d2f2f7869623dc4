package awsauth

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxProblems bounds what one value may report, and so the memory that a hostile megabyte can ask for.
const maxProblems = 10_000

// Parse reads the data of aws-auth. It goes on after the first problem and tells all it finds, in the order of the
// text. The Document is what EKS reads, also where there are problems; see Document.Unreadable for values of which
// EKS reads nothing.
func Parse(data map[string]string) (*Document, []Problem) { return Reparse(nil, data) }

// Reparse is Parse for a caller who has read a similar document before, or nil: what is written as it was is not read again.
// With it, a verdict on an edit of one role takes 0.8 ms instead of 2.7 ms with 100 roles, and 60 ms instead of 280 ms with
// 1 MiB. What it returns may be the previous document.
func Reparse(previous *Document, data map[string]string) (*Document, []Problem) {
	if previous.readFrom(data) {
		return previous, previous.problems
	}
	d := &Document{Unreadable: map[string]bool{}, Unread: map[string]bool{}, Complained: map[string]bool{}, data: map[string]string{}}
	for _, key := range Keys {
		text, ok := data[key]
		if !ok {
			continue
		}
		d.data[key] = text
		p := &parser{key: key, text: text}
		switch key {
		case MapRoles:
			d.Roles = p.mappings(previous.unchanged(key))
		case MapUsers:
			d.Users = p.mappings(previous.unchanged(key))
		case MapAccounts:
			d.Accounts = p.accounts()
		}
		if p.complaint != nil && !p.explained() {
			p.reportSyntax(fromMessage(p.complaint), 0)
		}
		if p.unreadable {
			d.Unreadable[key] = true
			d.Unread[key] = !p.keptLeniently
		}
		if p.complaint != nil {
			d.Complained[key] = true
		}
		d.problems = append(d.problems, p.problems...)
	}
	d.list()
	for _, e := range d.entries {
		if e.ARN.Value == "" && e.SSO == nil {
			d.Complained[e.DataKey] = true
		}
	}
	return d, d.problems
}

// parser reads one value.
type parser struct {
	key, text  string
	problems   []Problem
	unreadable bool
	// keptLeniently says that the lenient reading keeps something.
	keptLeniently bool
	// complaint is what EKS's own parser says. It is never left without a problem that explains it.
	complaint error
	// line0 is added to places: set while a part of the text is read by itself.
	line0 int
	// lines are those of the text, cut when the first is asked for; troubled are those where it stops being YAML.
	lines    []string
	troubled map[int]bool
	// unseen are the characters that were reported where they stand.
	unseen map[rune]bool
}

func (p *parser) place(n *node) Place {
	return Place{DataKey: p.key, Line: n.Line + p.line0, Column: n.Column}
}

func (p *parser) report(pr Problem) {
	switch {
	case len(p.problems) < maxProblems:
		pr.DataKey = p.key
		p.problems = append(p.problems, pr)
		if pr.Code == Syntax || pr.Code == NotUTF8 && pr.Want != "" {
			if p.troubled == nil {
				p.troubled = map[int]bool{}
			}
			p.troubled[pr.Line] = true
		}
	case len(p.problems) == maxProblems:
		// Named after the text, so that it is never taken for the same problem in another text.
		h := fnv.New64a()
		_, _ = h.Write([]byte(p.text))
		p.problems = append(p.problems, Problem{Place: Place{DataKey: p.key}, Code: TooMany, Field: "data." + p.key,
			Subject: fmt.Sprintf("%s %x", p.key, h.Sum64())})
	}
}

func (p *parser) reportSyntax(serr *syntaxError, line0 int) {
	if words := placeless(serr.text); serr.line < 1 && words != "" {
		serr.line = p.lineWith(words, line0)
	}
	serr.line = max(serr.line, 1)
	line := serr.line + line0
	if l := p.line(line); strings.Contains(l[:len(l)-len(strings.TrimLeft(l, " \t"))], "\t") {
		serr.text = "found a tab character that indents the line" // whatever it is that the parser noticed first
	}
	p.report(Problem{Place: Place{Line: line, Column: max(serr.column, 1)}, Code: Syntax, Field: "data." + p.key,
		Subject: p.key, Value: strings.TrimSpace(p.line(line)), Got: serr.text})
}

// full reports that nothing more will be reported.
func (p *parser) full() bool { return len(p.problems) > maxProblems }

// line is a line of the text by its number, "" if there is none.
func (p *parser) line(n int) string {
	if p.lines == nil {
		p.lines = strings.Split(p.text, "\n")
	}
	if n < 1 || n > len(p.lines) {
		return ""
	}
	return p.lines[n-1]
}

var complaintsWithoutLine = regexp.MustCompile(`(!!\w+)(?: value contains|$)|^(map merge)|anchor '([^']+)'`)

// placeless is what stands where a parser complains without saying where; "" if that is not known.
func placeless(complaint string) string {
	m := complaintsWithoutLine.FindStringSubmatch(complaint)
	switch {
	case m == nil:
		return ""
	case m[2] != "":
		return "<<"
	case m[3] != "":
		return "*" + m[3]
	}
	return m[1]
}

// lineWith is how many lines after another the first one with some words is, 0 if there is none.
func (p *parser) lineWith(words string, after int) int {
	p.line(1) // cuts the text
	return 1 + slices.IndexFunc(p.lines[min(after, len(p.lines)):], func(l string) bool { return strings.Contains(l, words) })
}

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

// better chooses the place to show: that of the parser with columns, unless EKS's own reads the text. (A text that
// only one parser reads is refused all the same.)
func (p *parser) better(serr *syntaxError) *syntaxError {
	if serr.line == 0 && p.complaint != nil {
		if e := fromMessage(p.complaint); e.line > 0 {
			return e
		}
	}
	return serr
}

// explained reports a problem that tells why EKS complains.
func (p *parser) explained() bool {
	return slices.ContainsFunc(p.problems, func(pr Problem) bool { return pr.explains() })
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

func (p *parser) extraDocument(line int) {
	if line > 0 {
		p.report(Problem{Place: Place{Line: line + p.line0, Column: 1}, Code: ExtraDocument, Field: "data." + p.key, Subject: p.key,
			Value: strings.TrimSpace(p.line(line + p.line0))})
	}
}

func lineOf(text string, line int) string {
	for ; line > 1; line-- {
		i := strings.IndexByte(text, '\n')
		if i < 0 {
			return ""
		}
		text = text[i+1:]
	}
	text, _, _ = strings.Cut(text, "\n")
	return text
}

// characters reports what a reader cannot see, and what YAML forbids.
func (p *parser) characters() {
	p.notUTF8()
	if !utf8.ValidString(p.text) {
		return
	}
	var inComment func(int) bool // worked out once it is asked for
	line, col := 1, 1
	for i, r := range p.text {
		name := hidden(r)
		if name != "" || r == '\r' {
			if inComment == nil {
				inComment = Comments(p.text)
			}
			if inComment(i) {
				name = hiddenInComment(p.text, i, r)
			}
		}
		if name != "" {
			if p.unseen == nil {
				p.unseen = map[rune]bool{}
			}
			p.unseen[r] = true
			p.report(Problem{Place: Place{Line: line, Column: col}, Code: HiddenCharacter, Field: "data." + p.key,
				Subject: fmt.Sprintf("%s %U in %s", p.key, r, wordAround(p.text, i)), Value: wordAround(p.text, i), Got: name})
		}
		col++
		if r == '\n' {
			line, col = line+1, 1
		}
	}
}

// notUTF8 reports a byte that is not valid UTF-8: EKS reads nothing of a value that has one. The API server stores such bytes
// from a body in protobuf as they are, and its JSON has U+FFFD in their place, so here U+FFFD may be one, wherever it stands.
// It comes before all other problems: what is left out of ten thousand must not be this one.
func (p *parser) notUTF8() {
	if !MayHideBytes(p.text) {
		return
	}
	first := strings.IndexRune(p.text, utf8.RuneError)
	count, invalid := 0, !utf8.ValidString(p.text)
	for _, r := range p.text[first:] {
		if r == utf8.RuneError {
			count++
		}
	}
	before := p.text[:first]
	begin := strings.LastIndexByte(before, '\n') + 1
	pr := Problem{Place: Place{Line: 1 + strings.Count(before, "\n"), Column: 1 + utf8.RuneCountInString(before[begin:])}, Code: NotUTF8,
		Field: "data." + p.key, Subject: p.key + " not UTF-8", Value: wordAround(p.text, first), Got: strconv.Itoa(count)}
	if invalid {
		pr.Want = "valid UTF-8"
	}
	p.report(pr)
}

// MayHideBytes reports a text with U+FFFD, by which the API server shows any byte that is not valid UTF-8, or with such a byte: two
// of them that are shown alike need not be the same.
func MayHideBytes(text string) bool {
	return strings.Contains(text, "\ufffd") || !utf8.ValidString(text)
}

// tabs reports the tabs of a text that EKS reads in spite of them: between a key and its value, at the end of a line.
// Not every YAML parser takes a tab there for a space. Comments may have them. They are counted, and not known by their
// lines: whoever mends what else is wrong with a line makes another line of it.
func (p *parser) tabs() {
	if !strings.Contains(p.text, "\t") || json.Valid([]byte(p.text)) {
		return // JSON may be indented with tabs, and every YAML parser reads JSON so
	}
	line := 0
	for l := range strings.Lines(p.text) {
		line++
		i := strings.IndexByte(l, '\t')
		if i < 0 || strings.HasPrefix(strings.TrimLeft(l[:i], " "), "#") || strings.Contains(l[:i], " #") {
			continue
		}
		p.report(Problem{Place: Place{Line: line, Column: utf8.RuneCountInString(l[:i]) + 1}, Code: Tab, Field: "data." + p.key,
			Subject: p.key + " tab", Value: strings.TrimSpace(l)})
	}
}

// wordAround is the run of non-blank characters around byte i, for messages.
func wordAround(text string, i int) string {
	const limit = 80
	from, to := i, i
	for from > 0 && i-from < limit && text[from-1] > ' ' {
		from--
	}
	for to < len(text) && to-i < limit && text[to] > ' ' {
		to++
	}
	return strings.ToValidUTF8(text[from:to], "\ufffd")
}

// hidden names a character that a reader cannot see or that changes how a line is shown; "" for all others.
func hidden(r rune) string {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return ""
	case r == 0xFEFF:
		return "a byte order mark (U+FEFF)"
	case r == 0x0085 || r == 0x2028 || r == 0x2029:
		return fmt.Sprintf("a line separator (%U)", r)
	case r < 0x20 || r >= 0x7f && r < 0xa0:
		return fmt.Sprintf("a control character (%U)", r)
	case r == 0x00A0 || r == 0x202F || r == 0x3000 || r >= 0x2000 && r <= 0x200A || r == 0x205F || r == 0x1680:
		return fmt.Sprintf("a blank that is not a plain blank (%U)", r)
	case r >= 0x200B && r <= 0x200D || r == 0x2060 || r == 0x180E || r == 0x00AD || r == 0x034F || r == 0x3164 || r == 0xFFA0 ||
		r == 0x115F || r == 0x1160 || r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0100 && r <= 0xE01EF:
		return fmt.Sprintf("an invisible character (%U)", r)
	case r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r == 0x200E || r == 0x200F || r == 0x061C:
		return fmt.Sprintf("a character that changes the direction of the text (%U)", r)
	case unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs):
		return fmt.Sprintf("an invisible character (%U)", r)
	}
	return ""
}
