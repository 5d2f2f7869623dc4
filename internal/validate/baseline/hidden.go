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
	old := map[string]*lineIndex{}
	lines := map[string][]string{}
	left := map[[3]string]int{} // how often the same may still be said of a line
	for i := range found {
		f := &found[i]
		// What is mapped twice may have its other half in the broken value.
		hidden := broken[f.DataKey] || f.Category == rule.Repeat && len(broken) > 0 || f.Category == rule.Text && opaque[f.DataKey]
		if f.Preexisting || f.AlwaysNew || f.Reading != nil || !treatments[f.Category].hidden || !hidden {
			continue
		}
		if old[f.DataKey] == nil {
			lines[f.DataKey] = strings.Split(after.Object.Data[f.DataKey], "\n")
			old[f.DataKey] = newLineIndex(before.Object.Data[f.DataKey])
		}
		words := f.Value // where the place is not known; it may have been on several lines
		if f.Line > 0 && f.Line <= len(lines[f.DataKey]) {
			line := lines[f.DataKey][f.Line-1]
			words = cmp.Or(strings.Trim(line, " \t\r\ufeff"), line) // a line of nothing but a tab
		}
		key := [3]string{f.DataKey, f.Key(), words}
		n, counted := left[key]
		switch {
		case counted:
		case f.Line > 0:
			n = old[f.DataKey].lines(words)
		default:
			n = old[f.DataKey].all(strings.Fields(words))
		}
		f.Preexisting = n > 0
		left[key] = n - 1
	}
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
