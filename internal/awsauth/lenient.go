package awsauth

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"

	yamlv2 "go.yaml.in/yaml/v2"
)

// EKS has shipped two readings of mapRoles and mapUsers: the strict one (truth.go), and yaml.v2 straight into the structs,
// which takes keys to the letter and scalars as they are written. Which one a version runs is not public. An entry holds what
// the strict one reads; where the lenient one reads something else, that is a problem of its own, so that no other problem
// that is there already can hide it.

// lenientRole and lenientUser keep an item's place in the list whatever is wrong with it: yaml.v2 drops one that does not fit.
type (
	lenientRole struct{ keptRole }
	lenientUser struct{ keptUser }
)

// UnmarshalYAML keeps what fits, as yaml.v2 does; what does not fit is missing in the result, and so is a difference.
func (r *lenientRole) UnmarshalYAML(unmarshal func(any) error) error {
	return unlessTyped(unmarshal(&r.keptRole))
}

// UnmarshalYAML is that of lenientRole.
func (u *lenientUser) UnmarshalYAML(unmarshal func(any) error) error {
	return unlessTyped(unmarshal(&u.keptUser))
}

func unlessTyped(err error) error {
	if wrong := new(yamlv2.TypeError); errors.As(err, &wrong) {
		return nil
	}
	return err
}

// readLeniently returns what the lenient reading keeps, one for each list item; nothing if it cannot read the text.
func readLeniently(key, text string) []kept {
	if key == MapUsers {
		var users []lenientUser
		if yamlv2.Unmarshal([]byte(text), &users) != nil {
			return nil
		}
		return keptOf(users)
	}
	var roles []lenientRole
	if yamlv2.Unmarshal([]byte(text), &roles) != nil {
		return nil
	}
	return keptOf(roles)
}

// sameItems compares two readings of a list.
func sameItems(a, b []kept) bool { return slices.EqualFunc(a, b, kept.equal) }

func (k kept) equal(o kept) bool {
	return k.RoleARN == o.RoleARN && k.UserARN == o.UserARN && k.Username == o.Username && (k.SSO == nil) == (o.SSO == nil) &&
		slices.Equal(k.Groups, o.Groups)
}

// difference is one thing that one reading of an entry has and the other does not: an edit may take differences away, and
// never bring one. subject names it by what it grants. What only the lenient reading grants is named with the principal that
// it grants it to, so that the same text in another entry is another difference; but for what YAML takes for a number, boolean
// or null, which grants nothing and stays the same while the ARN is being fixed.
type difference struct {
	subject, words string
	grants         bool
}

// differences compares an entry as it is held with its lenient reading.
func differences(key string, e *Entry, k kept) []difference {
	arn := k.arn(key)
	same := arn == e.ARN.Value
	if same && k.Username == e.Username.Value && slices.EqualFunc(k.Groups, e.Groups, func(g string, t Text) bool { return g == t.Value }) {
		return nil
	}
	var out []difference
	onlyStrict := func(what, value string) {
		out = append(out, difference{"-" + what + " " + value, "only the strict parser reads " + what + " " + quote(value), false})
	}
	onlyLenient := func(what, value string) {
		subject := "+" + what + " " + value
		typed := implicitType(value) != ""
		if !typed {
			if implicitType(arn) != "" {
				return // dropped with its entry, or given to nobody
			}
			subject += " of " + Key(arn)
		}
		out = append(out, difference{subject, "only the lenient parser reads " + what + " " + quote(value), !typed})
	}
	if !same && e.ARN.Value != "" {
		onlyStrict(ARNField(key), Key(e.ARN.Value))
	}
	if !same && arn != "" {
		onlyLenient(ARNField(key), arn)
	}
	if k.Username != e.Username.Value {
		onlyStrict("username", e.Username.Value)
	}
	if k.Username != e.Username.Value || !same {
		onlyLenient("username", k.Username)
	}
	left := map[string]int{}
	for _, g := range k.Groups {
		left[g]++
	}
	for _, g := range e.Groups {
		if left[g.Value]--; left[g.Value] < 0 {
			onlyStrict("group", g.Value)
		}
	}
	for _, g := range k.Groups {
		if left[g] > 0 || !same {
			left[g]--
			onlyLenient("group", g)
		}
	}
	return out
}

// identity is what a reading gives to whom; of an item that it drops, that it does.
func identity(name, arn, username string, groups []string) string {
	if arn == "" {
		return "\x00" + name
	}
	return strings.Join(append([]string{Key(arn), username}, groups...), "\x00")
}

// Lenient are the identities that the lenient reading has of a document, as far as they are known, as Problem.Reading names
// them; where EKS reads nothing of a value, what it would read of its items.
func (d *Document) Lenient() map[string]bool {
	have := map[string]bool{}
	for _, e := range d.entries {
		if k := e.lenient; k != nil {
			have[identity(e.Name(), k.arn(e.DataKey), k.Username, k.Groups)] = true
		} else {
			have[identity(e.Name(), e.ARN.Value, e.Username.Value, e.GroupNames())] = true
		}
	}
	return have
}

// reportDifferences reports where the lenient reading of an entry differs. explained says that another problem of
// the entry explains it.
func (p *parser) reportDifferences(e *Entry, k kept, explained bool) {
	found := differences(p.key, e, k)
	if len(found) == 0 {
		return
	}
	e.lenient = &k
	reading := identity(cmp.Or(e.name, Subject(e.ARN.Value)), k.arn(p.key), k.Username, k.Groups)
	for _, d := range found {
		if p.full() {
			return
		}
		p.reportDifference(e, d, Reading{Identity: reading, Grants: d.grants, Explained: explained})
	}
}

func (p *parser) reportDifference(e *Entry, d difference, reading Reading) {
	pr := Problem{Place: e.Place, Code: TwoReadings, Field: e.Path(""), Entry: cmp.Or(e.name, Subject(e.ARN.Value)), Subject: "reading " + d.subject,
		Got: d.words, Reading: reading}
	pr.Value = pr.Entry
	p.report(pr)
}

// unlisted reports what the lenient reading keeps and no entry holds, where the two do not have the same number of items.
func (p *parser) unlisted(entries []Entry, lenient []kept) {
	type words struct{ arn, username, groups string }
	have := map[words]int{}
	for i := range entries {
		e := &entries[i]
		have[words{e.ARN.Value, e.Username.Value, strings.Join(e.GroupNames(), "\x00")}]++
	}
	for _, k := range lenient {
		w := words{k.arn(p.key), k.Username, strings.Join(k.Groups, "\x00")}
		if have[w]--; w.arn == "" || have[w] >= 0 {
			continue
		}
		only := Entry{Place: Place{DataKey: p.key}, name: Subject(w.arn)}
		p.reportDifferences(&only, k, false)
	}
}

// readsAs reports that both readings of another text are those of this one.
func (p *parser) readsAs(text string, items, lenient []kept) bool {
	others, _, _ := readMappings(p.key, text)
	return sameItems(others, items) && sameItems(readLeniently(p.key, text), lenient)
}

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

// dashed cuts a list in block style at the lines that begin with a dash at the depth of the first one. Reading the parts
// shows whether they are its items.
func dashed(text string) (parts []chunk) {
	depth, line, offset, begin := -1, 0, 0, 0
	for l := range strings.Lines(text) {
		line++
		body := strings.TrimLeft(l, " ")
		if indent := len(l) - len(body); strings.HasPrefix(body, "-") && strings.TrimLeft(body[1:min(2, len(body))], " \t\r\n") == "" && (depth < 0 || indent == depth) {
			if depth >= 0 {
				parts[len(parts)-1].text = text[begin:offset]
			}
			depth, begin = indent, offset
			parts = append(parts, chunk{line: line})
		}
		offset += len(l)
	}
	if depth >= 0 {
		parts[len(parts)-1].text = text[begin:]
	}
	return parts
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
