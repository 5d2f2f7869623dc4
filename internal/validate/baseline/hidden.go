package baseline

import (
	"cmp"
	"maps"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// markHidden marks findings about lines that the old version has too, in a value of which EKS read nothing, or not all: a
// syntax error hides what else is wrong, and a --- what is behind it, and fixing it must not be denied for that. Where EKS read
// the value and other parsers do not, only faults of the text were hidden: what EKS reads is known.
// Findings about grants are never marked here.
func markHidden(found []rule.Finding, before, after *rule.Version) {
	broken := cutShort(before.Problems)
	maps.Copy(broken, before.Unreadable)
	opaque := withProblem(before.Problems, func(p awsauth.Problem) bool { return p.Code == awsauth.OnlyEKSReads })
	if len(broken) == 0 && len(opaque) == 0 {
		return
	}
	l := lineBudget{before: before, after: after, old: map[string]*lineIndex{}, lines: map[string][]string{}, said: map[[3]string]int{}, spent: map[[2]string]map[int]bool{}}
	for _, f := range found {
		if f.Preexisting && (broken[f.DataKey] || opaque[f.DataKey]) {
			l.spend(f)
		}
	}
	for i := range found {
		f := &found[i]
		// What is mapped twice may have its other half in the broken value.
		hidden := broken[f.DataKey] || f.Category == rule.Repeat && len(broken) > 0 || f.Category == rule.Text && opaque[f.DataKey]
		if f.Preexisting || f.AlwaysNew || f.Reading != nil || !treatments[f.Category].hidden || !hidden {
			continue
		}
		f.Preexisting = l.spend(*f)
	}
}

// lineBudget says which lines of the new version the old one had: of several lines with the same words, as many as there were.
type lineBudget struct {
	before, after *rule.Version
	old           map[string]*lineIndex
	lines         map[string][]string
	said          map[[3]string]int          // how often the same is said of words without a place
	spent         map[[2]string]map[int]bool // by data key and words, the lines of the new version that are taken for old ones
}

// spend reports that a finding is about a line of the old version, and takes the line for that one.
func (l *lineBudget) spend(f rule.Finding) bool {
	key := f.DataKey
	if l.old[key] == nil {
		l.lines[key] = strings.Split(l.after.Object.Data[key], "\n")
		l.old[key] = newLineIndex(l.before.Object.Data[key])
	}
	if f.Line == 0 || f.Line > len(l.lines[key]) { // the place is not known, and it may have been on several lines
		same := [3]string{key, f.Key(), f.Value}
		l.said[same]++
		return l.said[same] <= l.old[key].all(strings.Fields(f.Value))
	}
	line := l.lines[key][f.Line-1]
	words := cmp.Or(strings.Trim(line, " \t\r\ufeff"), line) // a line of nothing but a tab
	spent := l.spent[[2]string{key, words}]
	if spent == nil {
		spent = map[int]bool{}
		l.spent[[2]string{key, words}] = spent
	}
	if !spent[f.Line] && len(spent) >= l.old[key].lines(words) {
		return false
	}
	spent[f.Line] = true
	return true
}

// cutShort are the data keys of which EKS may not read all: there is something that is no YAML, or a second document.
func cutShort(problems []awsauth.Problem) map[string]bool {
	return withProblem(problems, func(p awsauth.Problem) bool {
		return p.Code == awsauth.Syntax || p.Code == awsauth.ExtraDocument || p.Code == awsauth.NotUTF8 && p.Want != ""
	})
}

// withProblem are the data keys that have such a problem.
func withProblem(problems []awsauth.Problem, such func(awsauth.Problem) bool) map[string]bool {
	keys := map[string]bool{}
	for _, p := range problems {
		if such(p) {
			keys[p.DataKey] = true
		}
	}
	return keys
}
