package validate

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rules"
)

// settle decides how every finding counts, leaves out those that another one makes unnecessary, and sorts the rest.
func (v *Validator) settle(found []Finding, now time.Time) []Finding {
	settled := make([]Finding, 0, len(found))
	for _, f := range found {
		if v.weigh(&f, now); f.Severity != Off {
			settled = append(settled, f)
		}
	}
	settled = unsilenced(settled)
	slices.SortStableFunc(settled, compare)
	return settled
}

// weigh gives a finding the severity of the policy, and makes an error a warning if it existed before, or is waived. A rule
// that is off in the policy runs all the same; settle drops what it found.
func (v *Validator) weigh(f *Finding, now time.Time) {
	if s, ok := v.severities[f.Rule]; ok {
		f.Severity = s
	}
	if f.Severity != Error {
		return
	}
	if f.Preexisting && v.policy.Preexisting != policy.Deny {
		f.Severity = Warning
		return
	}
	w, standing := v.policy.Waived(f.Rule, f.Name, f.WaivableBy(), now)
	switch standing {
	case policy.Valid:
		f.Severity = Warning
		f.Message += fmt.Sprintf(" (waived in the policy, line %d: %s)", w.Line, w.Reason)
	case policy.Expired:
		f.Message += fmt.Sprintf(" (the waiver in the policy, line %d, expired on %s)", w.Line, w.Expires.Day())
	}
}

// unsilenced leaves out the findings that an error makes unnecessary.
func unsilenced(found []Finding) []Finding {
	errors := map[string][]Finding{} // by principal: there may be thousands of both
	onLine := map[place][]Finding{}
	for _, f := range found {
		if f.Severity == Error {
			errors[f.Principal] = append(errors[f.Principal], f)
			onLine[place{f.DataKey, f.Line}] = append(onLine[place{f.DataKey, f.Line}], f)
		}
	}
	return slices.DeleteFunc(found, func(f Finding) bool {
		saysIt := func(by Finding) bool { return by.Rule == f.Rule && by.SaidAt == 0 }
		if f.SaidAt > 0 && slices.ContainsFunc(onLine[place{f.DataKey, f.SaidAt}], saysIt) {
			return true
		}
		if f.Yields == rule.YieldsNever {
			return false
		}
		own, _ := rules.Lookup(f.Rule)
		return slices.ContainsFunc(errors[f.Principal], func(by Finding) bool { return silences(by, f, own.SilencedBy) }) ||
			f.Line > 0 && slices.ContainsFunc(onLine[place{f.DataKey, f.Line}], func(by Finding) bool { return silencesOnLine(by, own.SilencedBy) })
	})
}

// place is a line of a value.
type place struct {
	key  string
	line int
}

// silencesOnLine reports that an error makes the findings on its line unnecessary.
func silencesOnLine(by Finding, silencedBy []rule.Silence) bool {
	return slices.Contains(silencedBy, rule.Silence{Rule: by.Rule, Same: rule.SameLine})
}

// silences reports that an error about the same principal makes a finding unnecessary.
func silences(by, f Finding, silencedBy []rule.Silence) bool {
	if f.Yields == rule.YieldsToAny {
		return by.Rule != f.Rule
	}
	return slices.ContainsFunc(silencedBy, func(s rule.Silence) bool {
		switch {
		case s.Rule != by.Rule:
			return false
		case s.Same == rule.SameField:
			return by.Field == f.Field
		case s.Same == rule.SameEntry:
			return by.Entry == f.Entry
		case s.Same == rule.SameLine:
			return by.DataKey == f.DataKey && by.Line == f.Line
		}
		return true
	})
}

// compare puts errors first, then new findings before existing ones, and orders each of these by place. A finding without a
// line, such as that a role is gone, comes after those with one, which may be its cause.
func compare(a, b Finding) int {
	return cmp.Or(cmp.Compare(rank(a), rank(b)),
		cmp.Compare(slices.Index(awsauth.Keys, a.DataKey), slices.Index(awsauth.Keys, b.DataKey)),
		cmp.Compare(unplaced(a), unplaced(b)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
		cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Key(), b.Key()))
}

func unplaced(f Finding) int {
	if f.Line == 0 {
		return 1
	}
	return 0
}

// rank puts errors before warnings, and new warnings before existing ones.
func rank(f Finding) int {
	switch {
	case f.Severity == Error:
		return 0
	case !f.Preexisting:
		return 1
	}
	return 2
}
