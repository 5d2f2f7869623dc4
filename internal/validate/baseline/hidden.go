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
	budgets := map[string]*lineBudget{}
	spend := func(f rule.Finding) bool {
		key := f.DataKey
		if budgets[key] == nil {
			budgets[key] = newLineBudget(before.Object.Data[key], after.Object.Data[key])
		}
		return budgets[key].spend(f)
	}
	for _, f := range found {
		if f.Preexisting && (broken[f.DataKey] || opaque[f.DataKey]) {
			spend(f)
		}
	}
	for i := range found {
		f := &found[i]
		// What is mapped twice may have its other half in the broken value.
		hidden := broken[f.DataKey] || f.Category == rule.Repeat && len(broken) > 0 || f.Category == rule.Text && opaque[f.DataKey]
		if f.Preexisting || f.AlwaysNew || f.Reading != nil || !treatments[f.Category].hidden || !hidden {
			continue
		}
		f.Preexisting = spend(*f)
	}
}

// lineBudget says which lines of a new text the old one had: of several lines with the same words, as many as there were.
type lineBudget struct {
	old   *lineIndex
	lines []string          // of the new text
	taken map[int]bool      // the lines of the new text that are taken for old ones
	left  map[string]int    // by words, how many lines may still be taken
	said  map[[2]string]int // how often the same was said of words without a place
}

func newLineBudget(old, updated string) *lineBudget {
	return &lineBudget{newLineIndex(old), strings.Split(updated, "\n"), map[int]bool{}, map[string]int{}, map[[2]string]int{}}
}

// spend reports that a finding is about a line of the old text, and takes the line for that one.
func (l *lineBudget) spend(f rule.Finding) bool {
	if f.Line == 0 || f.Line > len(l.lines) { // the place is not known, and it may have been on several lines
		same := [2]string{f.Key(), f.Value}
		l.said[same]++
		return l.said[same] <= l.old.all(strings.Fields(f.Value))
	}
	if l.taken[f.Line] {
		return true
	}
	line := l.lines[f.Line-1]
	words := cmp.Or(strings.Trim(line, " \t\r\ufeff"), line) // a line of nothing but a tab
	n, counted := l.left[words]
	if !counted {
		n = l.old.lines(words)
	}
	l.left[words] = max(n-1, 0)
	l.taken[f.Line] = n > 0
	return n > 0
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
