package validate

import (
	"cmp"
	"fmt"
	"index/suffixarray"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// markStanding marks what is wrong with lines that stood in a value of which EKS read nothing, or not all: a syntax error
// hides what else is wrong, and a --- what is behind it, and whoever mends it must not be refused for that. It holds for
// the text and the ARNs alone, never for what an entry is given.
func (p *pass) markStanding(findings []Finding) {
	broken := cutShort(p.old.problems)
	maps.Copy(broken, p.old.doc.Unreadable)
	lines := map[string][]string{}
	old := map[string]*haystack{}
	stood := map[[3]string]int{} // how often the same may still be said of a line
	for i := range findings {
		f := &findings[i]
		// What is mapped twice may have its other half in the broken value.
		hidden := broken[f.DataKey] || f.Rule == "AA108" && len(broken) > 0
		if f.Preexisting || f.inNew || f.reading || f.Rule >= "AA3" || !hidden {
			continue
		}
		if lines[f.DataKey] == nil {
			lines[f.DataKey] = strings.Split(p.new.object.Data[f.DataKey], "\n")
			old[f.DataKey] = newHaystack(p.old.object.Data[f.DataKey])
		}
		words := f.Value // where a place is not known; it may have stood there on several lines
		if f.Line > 0 && f.Line <= len(lines[f.DataKey]) {
			line := lines[f.DataKey][f.Line-1]
			words = cmp.Or(strings.Trim(line, " \t\r\ufeff"), line) // a line of nothing but a tab
		}
		key := [3]string{f.DataKey, f.key(), words}
		left, counted := stood[key]
		switch {
		case counted:
		case f.Line > 0:
			left = old[f.DataKey].lines(words)
		default:
			left = old[f.DataKey].all(strings.Fields(words))
		}
		f.Preexisting = left > 0
		stood[key] = left - 1
	}
}

// blameAwoken takes back that what a username or a template gives was there before, and what EKS's two readings take differently,
// where the entry counts for its principal only since the edit: its ARN matched nobody, or another entry won.
func (p *pass) blameAwoken(findings []Finding) {
	var entries map[string]*awsauth.Entry
	for i := range findings {
		f := &findings[i]
		if !f.Preexisting || !f.reading && f.Rule != "AA403" && f.Rule != "AA404" {
			continue
		}
		if entries == nil {
			entries = map[string]*awsauth.Entry{}
			for _, e := range p.new.doc.Entries() {
				entries[e.Path("")] = e
			}
		}
		e := entries[f.Field[:strings.IndexByte(f.Field, ']')+1]]
		if e == nil || !slices.ContainsFunc(p.new.restored.Principals[e.Key()], func(id awsauth.Identity) bool { return id.Entry == e }) {
			continue
		}
		if f.reading {
			f.Preexisting = !p.slept(e)
			continue
		}
		f.Preexisting = slices.ContainsFunc(p.old.restored.Principals[e.Key()], func(was awsauth.Identity) bool {
			for j, g := range e.Groups {
				if f.Field == e.Path(fmt.Sprintf("groups[%d]", j)) {
					return was.Has(g.Value)
				}
			}
			return was.Username == e.Username.Value
		})
	}
}

// slept reports that an entry such as this one was there before the edit, and that another one for its principal won.
func (p *pass) slept(e *awsauth.Entry) bool {
	winners := p.old.restored.Principals[e.Key()]
	return len(winners) > 0 && slices.ContainsFunc(p.old.doc.Entries(), func(o *awsauth.Entry) bool { return o.Key() == e.Key() && alike(o, e) }) &&
		!slices.ContainsFunc(winners, func(w awsauth.Identity) bool { return alike(w.Entry, e) })
}

func alike(a, b *awsauth.Entry) bool {
	return a.Username.Value == b.Username.Value && slices.Equal(a.GroupNames(), b.GroupNames())
}

// blameUnread takes back that faults of the text were there before, where EKS reads less of the value because of them than
// it did.
func (p *pass) blameUnread(findings []Finding) {
	less := map[string]bool{}
	for i := range findings {
		f := &findings[i]
		if !f.Preexisting || f.Rule >= "AA2" {
			continue
		}
		worse, asked := less[f.DataKey]
		if !asked {
			worse = p.readsLess(f.DataKey)
			less[f.DataKey] = worse
		}
		f.Preexisting = !worse
	}
}

// markReadBefore marks the differences of entries in a value that EKS could not read in the strict way, where the lenient reading
// of the entry is what it was, or would have been: nothing is new in it, and all that is new in the strict one is for the rules
// to judge. Where it could read nothing in either way, nothing can be lost; only what the lenient reading grants is new.
func (p *pass) markReadBefore(findings []Finding) {
	var had map[string]bool
	for i := range findings {
		f := &findings[i]
		if !f.reading || f.Preexisting || !p.old.doc.Unreadable[f.DataKey] {
			continue
		}
		if p.old.doc.Unread[f.DataKey] && !f.lenient.Grants {
			f.Preexisting = true
			continue
		}
		if had == nil {
			had = p.old.doc.Lenient()
		}
		f.Preexisting = had[f.lenient.Identity]
	}
}

// settleReadings takes back that faults of an entry were there before, where the edit brings a difference between EKS's two
// readings of the entry: the same fault of another text is another fault. A difference that a finding explains, or that was
// there before with one that does, is not reported as well.
func settleReadings(findings []Finding) []Finding {
	type text struct{ dataKey, entry string }
	brought := map[text]bool{}
	for _, f := range findings {
		if f.reading && !f.Preexisting {
			brought[text{f.DataKey, f.entry}] = true
		}
	}
	// What explains it: a finding about the entry, or else one about the whole value, such as an anchor.
	why := map[text]bool{}
	blame := func(whole bool, unexplained map[string]bool) {
		for i := range findings {
			f := &findings[i]
			at := text{f.DataKey, f.entry}
			if f.reading || f.Rule >= "AA108" || f.Severity != Error || (f.entry == "") != whole {
				continue
			}
			why[at] = true
			f.Preexisting = f.Preexisting && !brought[at] && !unexplained[f.DataKey]
		}
	}
	blame(false, nil)
	unexplained := map[string]bool{}
	for at := range brought {
		if !why[at] {
			unexplained[at.dataKey] = true
		}
	}
	blame(true, unexplained)
	told := map[text]bool{}
	return slices.DeleteFunc(findings, func(f Finding) bool {
		at := text{f.DataKey, f.entry}
		switch {
		case !f.reading:
			return false
		case f.lenient.Explained && (f.Preexisting || why[at] || why[text{f.DataKey, ""}]):
			return true
		case f.Preexisting && brought[at]: // the new one is reported
			return true
		case told[at]:
			return true
		}
		told[at] = true
		return false
	})
}

// readsLess reports that EKS could read a value and cannot any more, or not without a complaint; or that an entry which it
// read still stands there, behind what ends the text for EKS.
func (p *pass) readsLess(key string) bool {
	old, updated := p.old.doc, p.new.doc
	switch {
	case old.Unreadable[key]:
		return updated.Unread[key] && !old.Unread[key] // the lenient reading could read it
	case updated.Unreadable[key] || updated.Complained[key] && !old.Complained[key]:
		return true
	case !cutShort(p.new.problems)[key]:
		return false
	}
	still := map[string]bool{} // what stands there, less what EKS reads
	for _, arn := range arns.FindAllString(comments.ReplaceAllString(p.new.object.Data[key], ""), -1) {
		still[awsauth.Subject(arn)] = true
	}
	for _, e := range updated.Entries() {
		if e.DataKey == key {
			delete(still, e.Subject())
		}
	}
	return slices.ContainsFunc(old.Entries(), func(e *awsauth.Entry) bool { return e.DataKey == key && still[e.Subject()] })
}

var (
	comments = regexp.MustCompile(`(?m)^[ \t]*#.*$`)
	arns     = regexp.MustCompile(`(?i)\barn:[^\s'",\]}]+`)
)

// cutShort are the data keys of which EKS may not read all: there is something that is no YAML, or a second document.
func cutShort(problems []awsauth.Problem) map[string]bool {
	keys := map[string]bool{}
	for _, pr := range problems {
		if pr.Code == awsauth.Syntax || pr.Code == awsauth.ExtraDocument || pr.Code == awsauth.NotUTF8 && pr.Want != "" {
			keys[pr.DataKey] = true
		}
	}
	return keys
}

// haystack answers how many lines of a text hold some words. Its index keeps a megabyte with thousands of findings from
// being read through for each of them.
type haystack struct {
	text    string
	index   *suffixarray.Index
	answers map[string]int
}

func newHaystack(text string) *haystack {
	return &haystack{text: text, index: suffixarray.New([]byte(text)), answers: map[string]int{}}
}

// lines counts the lines that hold these words, of which there must be some: whole words, or half a key would stand in it.
func (h *haystack) lines(words string) int {
	if words == "" {
		return 0
	}
	n, known := h.answers[words]
	if known {
		return n
	}
	found := h.index.Lookup([]byte(words), -1)
	slices.Sort(found)
	end := 0 // of the last line that was counted
	for _, at := range found {
		if at < end || !h.whole(at, at+len(words)) {
			continue
		}
		next := len(h.text)
		if i := strings.IndexByte(h.text[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		if at+len(words) <= next { // words of several lines stand in none
			n, end = n+1, next
		}
	}
	h.answers[words] = n
	return n
}

// all counts how often all of some words may stand there together, if they do.
func (h *haystack) all(words []string) int {
	if len(words) == 0 {
		return 0
	}
	least := h.lines(words[0])
	for _, w := range words[1:] {
		least = min(least, h.lines(w))
	}
	return least
}

// whole reports that a part of the text neither begins nor ends inside of a word.
func (h *haystack) whole(from, to int) bool {
	inside := func(at int) bool {
		before, _ := utf8.DecodeLastRuneInString(h.text[:at])
		after, _ := utf8.DecodeRuneInString(h.text[at:])
		return inWord(before) && inWord(after)
	}
	return !inside(from) && !inside(to)
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
