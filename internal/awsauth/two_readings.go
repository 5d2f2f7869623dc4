package awsauth

import (
	"slices"
	"strings"
)

// readings are the items of a list in EKS's two readings, one for each list item.
type readings struct{ strict, lenient []decodedItem }

// item is the readings of one item.
func (r readings) item(i int) readings { return readings{r.strict[i : i+1], r.lenient[i : i+1]} }

func (r readings) equal(o readings) bool {
	return slices.EqualFunc(r.strict, o.strict, decodedItem.equal) && slices.EqualFunc(r.lenient, o.lenient, decodedItem.equal)
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
func differences(key string, e *Entry, k decodedItem) []difference {
	arn := k.arn(key)
	same := arn == e.ARN.Value
	if same && k.Username == e.Username.Value && slices.Equal(k.Groups, e.GroupNames()) {
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
func (p *parser) reportDifferences(e *Entry, k decodedItem, explained bool) {
	found := differences(p.key, e, k)
	if len(found) == 0 {
		return
	}
	e.lenient = &k
	reading := identity(e.Name(), k.arn(p.key), k.Username, k.Groups)
	for _, d := range found {
		if p.full() {
			return
		}
		p.reportDifference(e, d, Reading{Identity: reading, Grants: d.grants, Explained: explained})
	}
}

func (p *parser) reportDifference(e *Entry, d difference, reading Reading) {
	p.report(Problem{Place: e.Place, Code: TwoReadings, Field: e.Path(""), Entry: e.Name(), Subject: "reading " + d.subject,
		Value: e.Name(), Got: d.words, Reading: reading})
}

// differencesToCome reports what only the strict parser takes from misspelt keys, or will take once the value can be read; and the
// numbers, booleans and nulls that the two will read differently once the key is spelt right. The lenient one does not read these
// keys, so it is no news then.
func (it *itemReader) differencesToCome(e *Entry) {
	for _, w := range it.words(it.meant) {
		switch {
		case w.what == ARNField(it.key):
			it.reportToCome(e, "-"+w.what+" "+Key(w.node.Value))
		case w.typed():
			it.reportTypedToCome(e, w)
		default:
			it.reportToCome(e, "-"+w.what+" "+w.node.Value)
			if w.what == "username" { // of which an entry always has one: the lenient parser has it empty
				it.reportToCome(e, "+username ")
			}
		}
	}
}

// typedToCome reports the numbers, booleans and nulls of an item of which the strict parser reads nothing. The lenient one takes them
// for text, and the strict one will not once it can read the item: that is no news when something else in the item is fixed.
func (it *itemReader) typedToCome(e *Entry) {
	for _, w := range it.words(it.seen) {
		if w.typed() {
			it.reportTypedToCome(e, w)
		}
	}
}

func (it *itemReader) reportTypedToCome(e *Entry, w word) {
	it.reportToCome(e, "-"+w.what+" ")
	it.reportToCome(e, "+"+w.what+" "+w.node.Value)
}

func (it *itemReader) reportToCome(e *Entry, subject string) {
	it.reportDifference(e, difference{subject: subject}, Reading{Explained: true, ToCome: true})
}

// word is a scalar of a field in which the two readings can differ. what is its name in a difference.
type word struct {
	what string
	node *node
}

func (w word) typed() bool {
	return plain(w.node) && !tagged(w.node) && implicitType(w.node.Value) != ""
}

// words are the scalars in the values of the fields in which the two readings can differ, in the order of the fields.
func (it *itemReader) words(of map[string]*node) []word {
	var words []word
	for _, field := range fields[it.key] {
		v, ok := of[field]
		if !ok {
			continue
		}
		what, nodes := field, []*node{v}
		switch field {
		case "username", ARNField(it.key):
		case "groups":
			what, nodes = "group", resolve(v).Content
		default:
			continue
		}
		for _, n := range nodes {
			if n = resolve(n); n.Kind == scalarNode {
				words = append(words, word{what, n})
			}
		}
	}
	return words
}

// unlisted reports what the lenient reading keeps and no entry holds, where the two do not have the same number of items.
func (p *parser) unlisted(entries []Entry, lenient []decodedItem) {
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
