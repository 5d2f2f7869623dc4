package baseline

import (
	"maps"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// markHidden marks findings about what the old version says too, in a value of which EKS read nothing, or not all: a
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
	values := map[string]*hiddenValue{}
	value := func(key string) *hiddenValue {
		if values[key] == nil {
			values[key] = newHiddenValue(key, before.Object.Data[key], after.Object.Data[key])
		}
		return values[key]
	}
	hidden := func(f rule.Finding) bool {
		// What is mapped twice may have its other half in the broken value.
		return broken[f.DataKey] || f.Category == rule.Repeat && len(broken) > 0 || f.Category == rule.Text && opaque[f.DataKey]
	}
	// What the old version had as well may be elsewhere now. Then it is new if the text that it was about is still there, and has
	// the same: these are two. A text that EKS cannot read says nothing about that: where a parser stops is not where the fault is.
	elsewhere, seen := map[string][]*rule.Finding{}, []*rule.Finding(nil)
	// An entry that was there has the first claim to what was written in it.
	for _, own := range []bool{true, false} {
		for i := range found {
			f := &found[i]
			if f.Preexisting && hidden(*f) && !value(f.DataKey).had(*f, own) && !own && !after.Unreadable[f.DataKey] {
				elsewhere[f.Key()] = append(elsewhere[f.Key()], f)
			}
		}
		for i := range found {
			f := &found[i]
			if f.Preexisting || f.AlwaysNew || f.Reading != nil || !treatments[f.Category].hidden || !hidden(*f) {
				continue
			}
			// Of two entries, both were there, or one of them is new.
			f.Preexisting = value(f.DataKey).had(*f, own) && (f.Category != rule.Repeat || f.Other == nil || value(f.Other.DataKey).hadAt(*f.Other, own))
			if f.Preexisting {
				seen = append(seen, f)
			}
		}
	}
	for _, f := range seen {
		if others := elsewhere[f.Key()]; len(others) > 0 {
			others[0].Preexisting = false
			elsewhere[f.Key()] = others[1:]
		}
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
