package awsauth

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/agext/levenshtein"
)

// The fields that EKS reads of an item.
var fields = map[string][]string{
	MapRoles: {"rolearn", "username", "groups", "userid", "sso"},
	MapUsers: {"userarn", "username", "groups", "userid"},
}

// hiddenMeaning reports what stands in the text in one place and works in another: anchors, aliases, merge keys, tags.
func (p *parser) hiddenMeaning(n *node) {
	at := p.place(n)
	pr := Problem{Place: at, Field: "data." + p.key}
	if n.Anchor != "" {
		pr.Code, pr.Value, pr.Subject = Anchor, "&"+n.Anchor, p.key+" &"+n.Anchor
		p.report(pr)
	}
	if n.Kind == aliasNode {
		pr.Code, pr.Value, pr.Subject = Alias, "*"+n.Value, p.key+" *"+n.Value
		p.report(pr)
		return
	}
	if tagged(n) {
		pr.Code, pr.Value, pr.Subject = Tag, n.Tag, p.key+" "+n.Tag+" "+n.Value
		p.report(pr)
	}
	for i, c := range n.Content {
		if n.Kind == mappingNode && i%2 == 0 && isMerge(c) {
			p.report(Problem{Place: p.place(c), Field: "data." + p.key, Code: Merge, Value: "<<", Subject: p.key + " <<"})
		}
		p.hiddenMeaning(c)
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

// item reads one item. Without truth the entry holds what the nodes say; lenient is the other reading, if there is one.
func (p *parser) item(n *node, index int, truth, lenient *kept) Entry {
	at := p.place(n)
	n = resolve(n)
	if n.Kind != mappingNode {
		if !p.full() { // a megabyte of such items takes seconds to describe
			p.report(Problem{Place: at, Code: NotAMapping, Field: fieldPath(p.key, index, ""),
				Subject: p.key + " item " + firstWords(n), Value: firstWords(n), Got: shape(n)})
		}
		return Entry{Place: at, Index: index}
	}
	it := &item{parser: p, node: n, index: index, seen: map[string]*node{}, meant: map[string]*node{}, before: len(p.problems)}
	it.subject = it.guessSubject()
	it.keys()

	arnField := ARNField(p.key)
	arn, hasARN := it.text(arnField)
	username, hasUsername := it.text("username")
	groups := it.groups()
	it.text("userid")
	e := Entry{Place: at, Index: index, name: it.subject, ARN: arn, Username: username, Groups: groups, SSO: it.sso()}
	if !hasARN && (e.SSO == nil || p.key == MapUsers) {
		it.missing(arnField)
	}
	if !hasUsername {
		it.missing("username")
	}
	switch {
	case truth != nil:
		it.compare(&e, *truth)
	case e.SSO != nil:
		e.ARN.Value = ""
	}
	if !hasARN || e.ARN.Line == 0 {
		e.ARN.Place = at
	}
	if e.Username.Line == 0 {
		e.Username.Place = at
	}
	if lenient != nil {
		p.reportDifferences(&e, *lenient, it.tellsWhy())
		it.differencesToCome(&e)
	}
	return e
}

// differencesToCome reports what only the strict parser takes from misspelt keys, or will take once the value can be read; and the
// numbers, booleans and nulls that the two will read differently once the key is spelt right. The lenient one does not read these
// keys, so it is no news then.
func (it *item) differencesToCome(e *Entry) {
	add := func(what string, v *node) {
		n := resolve(v)
		if n.Kind != scalarNode {
			return
		}
		only := []difference{{subject: "-" + what + " " + n.Value}}
		if plain(n) && !tagged(n) && implicitType(n.Value) != "" {
			only = []difference{{subject: "-" + what + " "}, {subject: "+" + what + " " + n.Value}}
		}
		for _, d := range only {
			it.reportDifference(e, d, Reading{Explained: true, ToCome: true})
		}
	}
	for _, field := range fields[it.key] { // in one order
		v, ok := it.meant[field]
		if !ok {
			continue
		}
		switch field {
		case "username":
			add(field, v)
		case "groups":
			for _, g := range resolve(v).Content {
				add("group", g)
			}
		case ARNField(it.key):
			if n := resolve(v); n.Kind == scalarNode {
				it.reportDifference(e, difference{subject: "-" + field + " " + Key(n.Value)}, Reading{Explained: true, ToCome: true})
			}
		}
	}
}

// item is the reading of one mapping.
type item struct {
	*parser
	node    *node
	index   int
	subject string
	seen    map[string]*node // the value of every known key, spelt exactly
	meant   map[string]*node // that of a key that is spelt wrongly
	merged  bool
	before  int
}

// guessSubject names the item by what stays the same when lines move.
func (it *item) guessSubject() string {
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

func (it *item) problem(n *node, code Code, field string) Problem {
	return Problem{Place: it.place(n), Code: code, Field: fieldPath(it.key, it.index, field), Entry: it.subject, Subject: field}
}

// keys looks at every key of the item and files the values of those that EKS knows.
func (it *item) keys() {
	lines := map[string]int{}
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
		if first, dup := lines[name]; dup {
			pr := it.problem(k, DuplicateKey, name)
			pr.Value, pr.Want = name, fmt.Sprint(first)
			it.report(pr)
		} else {
			lines[name] = it.place(k).Line
		}
		switch known, meant := it.known(k); {
		case known != "":
			it.seen[known] = v
		case meant != "":
			it.meant[meant] = v
		}
	}
}

// nonText reports a key that is no text.
func (it *item) nonText(k *node) bool {
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

// known returns the field that k is, if it is spelt exactly as EKS spells it; all else is reported, with the field that
// was probably meant.
func (it *item) known(k *node) (field, meant string) {
	name := k.Value
	for _, f := range fields[it.key] {
		if name == f {
			return f, ""
		}
	}
	pr := it.problem(k, UnknownField, "")
	pr.Value = name
	pr.Subject = "key " + name
	other := ARNField(MapRoles)
	if it.key == MapRoles {
		other = ARNField(MapUsers)
	}
	switch f, ok := nearest(name, fields[it.key]); {
	case foldsTo(name, fields[it.key]) != "" && isASCII(name):
		pr.Code, pr.Want = WrongCaseField, foldsTo(name, fields[it.key])
	case !isASCII(name) && ok:
		pr.Code, pr.Want = LookAlikeKey, f
	case strings.EqualFold(name, other):
		pr.Code, pr.Want = MisplacedField, ARNField(it.key)
	case ok:
		pr.Want = f
	}
	it.report(pr)
	return "", pr.Want
}

func foldsTo(name string, names []string) string {
	for _, n := range names {
		if strings.EqualFold(name, n) {
			return n
		}
	}
	return ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// unjoined takes out what words are joined by. Making a Replacer costs more than a value of some hundred bytes.
var unjoined = strings.NewReplacer("-", "", "_", "", " ", "")

// nearest finds the name that was probably meant: at most two edits away, fewer for short words.
func nearest(s string, names []string) (string, bool) {
	plainer := strings.ToLower(unjoined.Replace(s))
	best, bestDistance := "", 3
	for _, n := range names {
		d := levenshtein.Distance(plainer, n, nil)
		if d < bestDistance && d*2 < len(n) {
			best, bestDistance = n, d
		}
	}
	return best, best != ""
}

func (it *item) missing(field string) {
	if it.merged || it.wronglySpelt(field) {
		return // said already, where the field stands
	}
	pr := it.problem(it.node, MissingField, field)
	pr.Want = field
	it.report(pr)
}

// wronglySpelt reports that a key of this item has been taken for a misspelling of field.
func (it *item) wronglySpelt(field string) bool {
	for _, pr := range it.problems[it.before:] {
		switch pr.Code {
		case UnknownField, WrongCaseField, LookAlikeKey, MisplacedField:
			if pr.Want == field {
				return true
			}
		}
	}
	return false
}

// text reads a field that must be text. The second result is false if the field is absent.
func (it *item) text(field string) (Text, bool) {
	if v, ok := it.seen[field]; ok {
		return it.textOf(v, field), true
	}
	if v, ok := it.meant[field]; ok {
		it.textOf(v, field) // what is wrong with it is not news when the key is mended
	}
	return Text{}, false
}

// textOf reads the value of a field that must be text.
func (it *item) textOf(v *node, field string) Text {
	at := it.place(v)
	n := resolve(v)
	if t := flowTemplate(n); t != "" {
		pr := it.problem(v, UnquotedTemplate, field)
		pr.Value = t
		it.report(pr)
		return Text{at, t}
	}
	if n.Kind != scalarNode {
		pr := it.problem(v, NotText, field)
		pr.Value, pr.Got = firstWords(n), shape(n)
		if n.Kind == mappingNode && len(n.Content) == 2 && n.Content[0].Kind == scalarNode && n.Content[1].Kind == scalarNode {
			pr.Want = n.Content[0].Value + ":" + n.Content[1].Value
		}
		it.report(pr)
		return Text{at, ""}
	}
	if isNull(n) || strings.TrimSpace(n.Value) == "" && field != "userid" {
		pr := it.problem(v, MissingField, field)
		pr.Want = field
		it.report(pr)
		return Text{at, ""}
	}
	it.implicit(n, v, field, field)
	it.unseen(n, v, field, field)
	return Text{at, n.Value}
}

// implicit reports a scalar that parsers take for something other than text.
func (it *item) implicit(n, at *node, field, subject string) {
	if !plain(n) || tagged(n) {
		return
	}
	if got := implicitType(n.Value); got != "" {
		pr := it.problem(at, ImplicitType, field)
		pr.Value, pr.Got, pr.Want, pr.Subject = n.Value, got, quote(n.Value), subject
		it.report(pr)
	}
}

// unseen reports what a text has in it though it does not stand there as such: escaped, or by the style of the scalar.
// ARNs and groups have rules of their own for white space.
func (it *item) unseen(n, at *node, field, subject string) {
	got := ""
	switch s := n.Value; {
	case field == "username" && strings.ContainsAny(s, "\n\r"):
		got = "a line break"
	case field == "username" && strings.Contains(s, "\t"):
		got = "a tab"
	case field == "username" && strings.TrimSpace(s) != s:
		got = "a space around it"
	default:
		for _, r := range s {
			if name := hidden(r); name != "" && !it.parser.unseen[r] {
				got = name
				break
			}
		}
	}
	if got == "" {
		return
	}
	pr := it.problem(at, HiddenCharacter, field)
	pr.Value, pr.Got, pr.Want, pr.Subject = n.Value, got, quote(visible(n.Value)), subject
	it.report(pr)
}

// visible is what a reader sees of a text.
func visible(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if hidden(r) != "" || r == '\n' || r == '\r' || r == '\t' {
			return -1
		}
		return r
	}, s))
}

func quote(s string) string { return `"` + s + `"` }

// groups reads the groups, as far as they are text.
func (it *item) groups() []Text {
	v, ok := it.seen["groups"]
	if !ok {
		if v, ok := it.meant["groups"]; ok {
			it.groupsOf(v)
		}
		if !it.merged && !it.wronglySpelt("groups") {
			it.report(it.problem(it.node, NoGroups, "groups"))
		}
		return nil
	}
	return it.groupsOf(v)
}

// groupsOf reads the value of groups.
func (it *item) groupsOf(v *node) []Text {
	n := resolve(v)
	if isNull(n) { // as good as absent, to every parser
		it.report(it.problem(v, NoGroups, "groups"))
		return nil
	}
	if n.Kind != sequenceNode {
		pr := it.problem(v, NotAListOfGroups, "groups")
		pr.Value, pr.Got = firstWords(n), shape(n)
		it.report(pr)
		return nil
	}
	var groups []Text
	for i, g := range n.Content {
		field := fmt.Sprintf("groups[%d]", i)
		at, g0 := it.place(g), g
		g = resolve(g)
		switch t := flowTemplate(g); {
		case t != "":
			pr := it.problem(g0, UnquotedTemplate, field)
			pr.Value = t
			pr.Subject = "group " + t
			it.report(pr)
			groups = append(groups, Text{at, t})
		case g.Kind != scalarNode:
			pr := it.problem(g0, NotText, field)
			pr.Value, pr.Got = firstWords(g), shape(g)
			pr.Subject = "group " + pr.Value
			if g.Kind == mappingNode && len(g.Content) == 2 && g.Content[0].Kind == scalarNode && g.Content[1].Kind == scalarNode {
				pr.Want = g.Content[0].Value + ":" + g.Content[1].Value
			}
			it.report(pr)
			groups = append(groups, Text{at, ""})
		case !tagged(g) && (g.Value == "" || isNull(g)):
			pr := it.problem(g0, EmptyGroup, field)
			pr.Subject = "empty group"
			if isNull(g) {
				pr.Got = "null"
			}
			it.report(pr)
			groups = append(groups, Text{at, ""})
		default:
			it.implicit(g, g0, field, "group "+g.Value)
			it.unseen(g, g0, field, "group "+g.Value)
			groups = append(groups, Text{at, g.Value})
		}
	}
	return groups
}

func (it *item) sso() *SSO {
	v, ok := it.seen["sso"]
	if !ok {
		return nil
	}
	s := &SSO{Place: it.place(v)}
	n := resolve(v)
	for i := 0; n.Kind == mappingNode && i+1 < len(n.Content); i += 2 {
		value := resolve(n.Content[i+1]).Value
		switch n.Content[i].Value {
		case "permissionSetName":
			s.PermissionSetName = value
		case "accountID":
			s.AccountID = value
		case "partition":
			s.Partition = value
		}
	}
	return s
}

// compare makes the entry hold what EKS reads, and reports a difference that nothing said so far explains.
func (it *item) compare(e *Entry, k kept) {
	same := e.ARN.Value == k.arn(it.key) && e.Username.Value == k.Username && len(e.Groups) == len(k.Groups)
	for i := 0; same && i < len(k.Groups); i++ {
		same = e.Groups[i].Value == k.Groups[i]
	}
	if same {
		return
	}
	if !it.explained() && e.SSO == nil && !it.hasAlias() {
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

// explained reports that something that was said of this item tells why EKS reads it differently.
func (it *item) explained() bool {
	return slices.ContainsFunc(it.problems[it.before:], func(pr Problem) bool { return pr.explains() })
}

// tellsWhy reports that a problem of this item explains why EKS's two readings of it may differ.
func (it *item) tellsWhy() bool {
	return it.hasAlias() || slices.ContainsFunc(it.problems[it.before:], func(pr Problem) bool {
		return pr.explains() && pr.Code != MissingField && !(pr.Code == UnknownField && pr.Want == "")
	})
}

// hasAlias reports that the item takes something from elsewhere, which hiddenMeaning has said.
func (it *item) hasAlias() bool {
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

// firstWords is the beginning of a node's text, for messages and subjects.
func firstWords(n *node) string {
	const limit = 60
	var b strings.Builder
	var write func(n *node)
	write = func(n *node) {
		if b.Len() >= limit {
			return
		}
		switch n.Kind {
		case scalarNode:
			b.WriteString(n.Value)
		case aliasNode:
			b.WriteString("*" + n.Value)
		case mappingNode:
			for i := 0; i+1 < len(n.Content) && b.Len() < limit; i += 2 {
				if i > 0 {
					b.WriteString(", ")
				}
				write(n.Content[i])
				b.WriteString(": ")
				write(n.Content[i+1])
			}
		case sequenceNode:
			for i, c := range n.Content {
				if b.Len() >= limit {
					break
				}
				if i > 0 {
					b.WriteString(", ")
				}
				write(c)
			}
		}
	}
	write(n)
	s := b.String()
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return s
}

// accounts reads mapAccounts.
func (p *parser) accounts() []Text {
	p.characters()
	if skippable(p.text) {
		return nil
	}
	truth, err := readAccounts(p.text)
	p.complaint = err
	root, extra, serr := compose(p.text)
	if serr != nil && err == nil {
		var text string
		var ok bool
		root, text, ok = p.composeAsRead(serr, func(text string) bool {
			others, err := readAccounts(text)
			return err == nil && slices.Equal(others, truth)
		})
		if !ok {
			p.reportOpaque(text, serr, "")
			return placedAccounts(truth, nil)
		}
		serr = nil
	}
	if serr != nil {
		p.unreadable = true
		if utf8.ValidString(p.text) { // else it is said already
			p.reportSyntax(p.better(serr), 0)
		}
		return placedAccounts(truth, nil)
	}
	p.tabs()
	p.extraDocument(extra)
	if root == nil || isNull(root) {
		p.sameNumber(len(truth), 0)
		return placedAccounts(truth, nil)
	}
	p.hiddenMeaning(root)
	root = resolve(root)
	if root.Kind != sequenceNode {
		p.unreadable = true
		p.report(Problem{Place: p.place(root), Code: NotAList, Field: "data." + p.key, Subject: p.key,
			Value: firstWords(root), Got: shape(root)})
		return placedAccounts(truth, nil)
	}
	var accounts []Text
	for i, n := range root.Content {
		if t, ok := p.account(n, i); ok {
			accounts = append(accounts, t)
		}
	}
	same := func(t string, a Text) bool { return t == a.Value }
	if !slices.EqualFunc(truth, accounts, same) {
		if !p.explained() {
			p.report(Problem{Place: p.place(root), Code: Disagreement, Field: "data." + p.key, Subject: p.key + " " + fingerprint(p.text),
				Value: firstWords(root), Got: strings.Join(truth, ", ")})
		}
		return placedAccounts(truth, accounts)
	}
	return accounts
}

// account reads one item of mapAccounts; ok is false if EKS drops it.
func (p *parser) account(n *node, index int) (t Text, ok bool) {
	at := p.place(n)
	n = resolve(n)
	pr := Problem{Place: at, Field: fieldPath(p.key, index, ""), Subject: p.key + " " + firstWords(n), Value: firstWords(n), Got: shape(n)}
	if n.Kind != scalarNode {
		pr.Code = NotText
		p.report(pr)
		return Text{}, false
	}
	if plain(n) && !tagged(n) {
		pr.Want = quote(n.Value)
		switch got := implicitType(n.Value); {
		case len(n.Value) > 1 && n.Value[0] == '0' && allDigits(n.Value):
			pr.Code = LeadingZero
			p.report(pr)
		case got != "" && !allDigits(n.Value):
			pr.Code, pr.Got = ImplicitType, got
			p.report(pr)
		}
	}
	return Text{at, n.Value}, true
}

// placedAccounts are the accounts that EKS reads, with the places of equal ones in the text.
func placedAccounts(truth []string, seen []Text) []Text {
	out := make([]Text, len(truth))
	for i, a := range truth {
		out[i] = Text{Place{DataKey: MapAccounts}, a}
		if j := slices.IndexFunc(seen, func(s Text) bool { return s.Value == a }); j >= 0 {
			out[i].Place = seen[j].Place
		}
	}
	return out
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
