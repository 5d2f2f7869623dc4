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
	text    string     // the old one
	read    []*outline // of it: as it is written, and as it was meant
	updated *outline
	lines   []string           // of the new one
	taken   map[claim]bool     // its fragments that are taken for old ones
	whole   map[wholeLine]bool // whether all fragments of a line are
	stocks  map[want]*stock
	words   map[string]int    // how often they are in the old text
	said    map[[2]string]int // how often the same was said of words without a place
}

// claim is a fragment of the new text, and what the old one must have lacked: see rule.Finding.
type claim struct {
	fragment int
	lacks    string
}

type wholeLine struct {
	line int
	own  bool
}

type want struct {
	content
	lacks string
}

// stock is how many fragments of the old text are not taken yet, in all and of the entries for an ARN.
type stock struct {
	left int
	of   map[string]int
}

func newHiddenValue(old, updated string) *hiddenValue {
	return &hiddenValue{text: old, read: []*outline{outlineOf(old, false), outlineOf(old, true)}, updated: outlineOf(updated, false),
		lines: strings.Split(updated, "\n"), taken: map[claim]bool{}, whole: map[wholeLine]bool{}, stocks: map[want]*stock{}, said: map[[2]string]int{}}
}

// had reports that the old text has what a finding is about, and takes it. own: in an entry for the same ARN.
func (v *hiddenValue) had(f rule.Finding, own bool) bool {
	if f.Line > 0 && f.Line <= len(v.lines) {
		if f.Lacks == "" && f.Value != "" && f.Value == strings.TrimSpace(v.lines[f.Line-1]) {
			return v.hadLine(f.Line, own)
		}
		return v.hadAt(awsauth.Place{Line: f.Line, Column: f.Column}, f.Lacks, own)
	}
	if own {
		return false
	}
	same := [2]string{f.Key(), f.Value} // the place is not known, and it may have been in several
	v.said[same]++
	return v.said[same] <= v.together(wordsOf(f.Value))
}

// hadAt reports that the old text has what is at a place, without what it lacks, and takes it.
func (v *hiddenValue) hadAt(p awsauth.Place, lacks string, own bool) bool {
	i := v.updated.at(p.Line, p.Column)
	return i >= 0 && v.hadFragment(i, lacks, own)
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
		had = v.hadFragment(i, "", own) && had
	}
	v.whole[key] = had
	return had
}

// hadFragment reports that the old text has a fragment of the new one, without what it lacks, and takes it.
func (v *hiddenValue) hadFragment(i int, lacks string, own bool) bool {
	as := claim{i, lacks}
	if v.taken[as] {
		return true
	}
	f := v.updated.fragments[i]
	s, arn := v.stock(want{f.content, lacks}), v.updated.entries[f.entry].arn
	if s.left == 0 || own && s.of[arn] == 0 {
		return false
	}
	s.left--
	s.of[arn]--
	v.taken[as] = true
	return true
}

// stock is what the old text has of a content, in the reading that has more of it.
func (v *hiddenValue) stock(w want) *stock {
	if s := v.stocks[w]; s != nil {
		return s
	}
	most := &stock{}
	for _, o := range v.read {
		s := &stock{of: map[string]int{}}
		for _, i := range o.with(w.content) {
			if f := o.fragments[i]; o.lacked(f, w.lacks) {
				s.left++
				s.of[o.entries[f.entry].arn]++
			}
		}
		if s.left > most.left {
			most = s
		}
	}
	v.stocks[w] = most
	return most
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
