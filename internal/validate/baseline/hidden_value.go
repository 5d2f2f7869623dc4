package baseline

import (
	"strings"
	"unicode"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// hiddenValue says what a value, of which EKS did not read all, had before the edit. Of several fragments with the same
// content, as many were there as the old text has.
type hiddenValue struct {
	key     string
	text    string     // the old one
	read    []*outline // of it: as it is written, and as it was meant
	updated *outline
	lines   []string           // of the new one
	taken   map[claim]bool     // its fragments that are taken for old ones
	whole   map[wholeLine]bool // whether all fragments of a line are
	stocks  map[want][]stock   // of each reading
	words   map[string]int     // how often they are in the old text
	said    map[[2]string]int  // how often the same was said of words without a place
}

// claim is a fragment of the new text, and what the old one must have for it.
type claim struct {
	fragment int
	want     want
}

type wholeLine struct {
	line int
	own  bool
}

// want is a fragment of the old text, and what that must lack: see rule.Finding.
type want struct {
	content
	lacks string
}

// stock is how many fragments of one reading of the old text are not taken yet, in all and of the entries for an ARN.
type stock struct {
	left int
	of   map[string]int
}

func newHiddenValue(key, old, updated string) *hiddenValue {
	return &hiddenValue{key: key, text: old, read: []*outline{outlineOf(old, false), outlineOf(old, true)}, updated: outlineOf(updated, false),
		lines: strings.Split(updated, "\n"), taken: map[claim]bool{}, whole: map[wholeLine]bool{}, stocks: map[want][]stock{}, said: map[[2]string]int{}}
}

// had reports that the old text has what a finding is about, and takes it. own: in an entry for the same ARN.
func (v *hiddenValue) had(f rule.Finding, own bool) bool {
	switch i := v.updated.at(f.Line, f.Column); {
	case i >= 0 && f.Other != nil && v.oneEntry(i, *f.Other):
		return v.hadFragment(i, want{content{again, v.updated.fragments[i].key, ""}, ""}, own)
	case i >= 0 && f.Lacks == "" && f.Value != "" && f.Value == strings.TrimSpace(v.lines[f.Line-1]):
		return v.hadLine(f.Line, own)
	case i >= 0:
		return v.hadFragment(i, want{v.updated.fragments[i].content, f.Lacks}, own)
	case own || f.Line > 0:
		return false
	}
	same := [2]string{f.Key(), f.Value} // the place is not known, and it may have been in several
	v.said[same]++
	return v.said[same] <= v.together(wordsOf(f.Value))
}

// oneEntry reports that what is at a place is a field of the same entry as a fragment.
func (v *hiddenValue) oneEntry(i int, at awsauth.Place) bool {
	j := v.updated.at(at.Line, at.Column)
	return at.DataKey == v.key && j >= 0 && v.updated.fragments[i].entry == v.updated.fragments[j].entry
}

// hadAt reports that the old text has what is at a place, and takes it.
func (v *hiddenValue) hadAt(p awsauth.Place, own bool) bool {
	i := v.updated.at(p.Line, p.Column)
	return i >= 0 && v.hadFragment(i, want{v.updated.fragments[i].content, ""}, own)
}

// hadLine reports that the old text has all that is on a line, and takes it.
func (v *hiddenValue) hadLine(line int, own bool) bool {
	key := wholeLine{line, own}
	if had, known := v.whole[key]; known {
		return had
	}
	first, behind := v.updated.lines[line-1], v.updated.lines[line]
	had := first < behind
	for i := first; i < behind; i++ {
		had = v.hadFragment(i, want{v.updated.fragments[i].content, ""}, own) && had
	}
	v.whole[key] = had
	return had
}

// hadFragment reports that the old text has what it must have for a fragment of the new one, and takes it. An entry that was
// there has a field only if it had it; what is no field may be of no entry.
func (v *hiddenValue) hadFragment(i int, w want, own bool) bool {
	as := claim{i, w}
	if v.taken[as] {
		return true
	}
	stocks := v.stock(w)
	field := w.kind == keyed || w.kind == again
	arn := v.updated.entries[v.updated.fragments[i].entry].arn
	for n, s := range stocks {
		if s.of[arn] > 0 || !own && s.left > 0 && !(field && v.read[n].arns[arn]) {
			v.taken[as] = true
		}
	}
	if v.taken[as] {
		for n := range stocks {
			stocks[n].left--
			stocks[n].of[arn]--
		}
	}
	return v.taken[as]
}

// stock is what each reading of the old text has of a content. What is lacking is lacking only if it was not meant to be there, too.
func (v *hiddenValue) stock(w want) []stock {
	stocks := v.stocks[w]
	if stocks == nil {
		for _, o := range v.read {
			s := stock{of: map[string]int{}}
			for _, i := range o.with(w.content) {
				if f := o.fragments[i]; o.lacked(f, w.lacks) && (w.lacks == "" || o.lenient) {
					s.left++
					s.of[o.entries[f.entry].arn]++
				}
			}
			stocks = append(stocks, s)
		}
		v.stocks[w] = stocks
	}
	return stocks
}

// together is how often some words may have been together in the old text: as often as the rarest.
func (v *hiddenValue) together(words []string) int {
	if len(words) == 0 {
		return 0
	}
	if v.words == nil {
		v.words = map[string]int{}
		for _, w := range wordsOf(v.text) {
			v.words[w]++
		}
	}
	least := v.words[words[0]]
	for _, w := range words[1:] {
		least = min(least, v.words[w])
	}
	return least
}

// wordsOf are the words of a text, without quotes, brackets and commas.
func wordsOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("[]{},\"'", r) })
}
