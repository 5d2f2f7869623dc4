// Package fix writes aws-auth as it was meant where that is a matter of keystrokes and not of intent: tabs and no-break
// spaces, blanks at the end of a line, the path of a role ARN, a session instead of its role, the letter case of a key.
//
// In goes the text of a manifest or of one value; out comes the same text with those places changed and nothing else:
// comments, order and style stay. A fix is kept only if what EKS reads gets better: fewer findings about how the text is
// written, or the same access where nothing was wrong, and every entry that was meant before is still there. So the
// package needs to know nothing of a mistake but what to write instead.
package fix

import (
	"cmp"
	"slices"
	"strings"
)

// Change is one fix.
type Change struct {
	Line int // in the text before, from 1
	What string
}

// Manifest fixes the aws-auth in the text of a manifest; other objects in it stay as they are.
func Manifest(text string) (fixed string, changes []Change) {
	text, mark := strings.CutPrefix(text, byteOrderMark)
	fixed, changes = fix(text, readManifest)
	if mark {
		fixed = byteOrderMark + fixed
	}
	return fixed, changes
}

const byteOrderMark = "\ufeff"

// Value fixes the value of a data key.
func Value(dataKey, text string) (fixed string, changes []Change) {
	return fix(text, func(text string) *reading { return readValue(dataKey, text) })
}

// edit replaces some bytes of a text.
type edit struct {
	from, to int
	text     string
}

// kind is one sort of mistake.
type kind struct {
	what string
	// edits are what to replace where; each may have to do without the others.
	edits func(r *reading) []edit
	// harmless fixes are kept as well if nothing was wrong and nobody's access changes.
	harmless bool
}

// Characters that are taken for spaces, and lines that are not where they belong because of them.
var (
	spaceKinds = []kind{
		{what: "no-break space", edits: noBreakSpaces},
		{what: "tab", edits: tabsBetweenWords},
	}
	indentKinds = []kind{
		{what: "tab in the indentation", edits: indentAs(fitting)},
		{what: "tab in the indentation", edits: indentAs(tabStops(2))},
		{what: "tab in the indentation", edits: indentAs(tabStops(4))},
		{what: "tab in the indentation", edits: indentAs(tabStops(8))},
	}
)

// kinds are tried in this order: what can be read only without some mistake comes after it.
var kinds = slices.Concat(spaceKinds, indentKinds, []kind{
	{what: "letter case of a data key", edits: dataKeys},
	{what: "letter case of a field", edits: fieldNames},
	{what: "path of a role ARN, or session of a role", edits: roleARNs},
	{what: "blanks at the end of a line", edits: trailingBlanks, harmless: true},
})

// mostWork bounds how many bytes are read again to find out which fixes are good; a text may have a megabyte.
const mostWork = 8 << 20

func fix(text string, read func(string) *reading) (fixed string, changes []Change) {
	f := &fixer{now: read(text), read: read, tries: max(2*len(kinds), min(300, mostWork/(len(text)+1)))}
	f.all()
	if f.now.unparsable || f.now.unreadable > 0 {
		if f.together() {
			f.all()
		}
	}
	slices.SortStableFunc(f.changes, func(a, b Change) int { return cmp.Compare(a.Line, b.Line) })
	return f.now.text, f.changes
}

// fixer is a text on the way.
type fixer struct {
	now     *reading
	read    func(string) *reading
	tries   int
	changes []Change
}

// all tries all kinds until nothing more gets better: a fix may be worth something only after another.
func (f *fixer) all() {
	for done := -1; done < len(f.changes); {
		done = len(f.changes)
		f.each()
	}
}

// each tries all kinds: the edits of each together, and then one by one.
func (f *fixer) each() {
	for _, k := range kinds {
		edits := k.edits(f.now)
		if f.try(k, edits) || len(edits) == 1 {
			continue
		}
		for i := len(edits) - 1; i >= 0; i-- { // from the end, so that the places of the others stay
			f.try(k, edits[i:i+1])
		}
	}
}

// together tries several kinds at once, where two mistakes each keep a value from being read and none is worth fixing
// alone.
func (f *fixer) together() bool {
	text, done := f.now, []Change(nil)
	for _, k := range spaceKinds {
		edits := k.edits(text)
		done = append(done, text.changes(k, edits)...)
		text = f.read(apply(text.text, edits))
	}
	for _, k := range indentKinds {
		edits := k.edits(text)
		if next := f.read(apply(text.text, edits)); f.now.fixedBy(next, false) {
			f.changes = slices.Concat(f.changes, done, text.changes(k, edits))
			f.now = next
			return true
		}
	}
	return false
}

func (f *fixer) try(k kind, edits []edit) bool {
	if f.tries == 0 || len(edits) == 0 {
		return false
	}
	f.tries--
	next := f.read(apply(f.now.text, edits))
	if !f.now.fixedBy(next, k.harmless) {
		return false
	}
	f.changes = append(f.changes, f.now.changes(k, edits)...)
	f.now = next
	return true
}

// changes are what some edits are for the reader.
func (r *reading) changes(k kind, edits []edit) []Change {
	changes := make([]Change, 0, len(edits))
	for _, e := range edits {
		changes = append(changes, Change{1 + strings.Count(r.text[:e.from], "\n"), k.what})
	}
	return changes
}

// apply makes edits, which are sorted and do not overlap.
func apply(text string, edits []edit) string {
	var b strings.Builder
	at := 0
	for _, e := range edits {
		b.WriteString(text[at:e.from])
		b.WriteString(e.text)
		at = e.to
	}
	b.WriteString(text[at:])
	return b.String()
}
