package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// Terms are what an approval and a waiver have in common.
type Terms struct {
	Reason string
	// Expires is the moment from which it no longer counts; zero: never.
	Expires time.Time
	Line    int
}

// Standing says how an approval or a waiver counts.
type Standing int

// What Approved and Waived answer.
const (
	None    Standing = iota // there is none
	Expired                 // there was one
	Valid
)

// Approved says whether the principal with that canonical ARN may be in group at that moment, and by which approval.
func (p *Policy) Approved(canonicalARN, group string, now time.Time) (Approval, Standing) {
	return standing(p.Privileged.Approvals, func(a Approval) bool { return slices.Contains(a.Groups, group) && a.Matches(canonicalARN) }, now)
}

// ApprovedUsername is Approved for a username.
func (p *Policy) ApprovedUsername(canonicalARN, username string, now time.Time) (Approval, Standing) {
	return standing(p.Privileged.Approvals, func(a Approval) bool { return slices.Contains(a.Usernames, username) && a.Matches(canonicalARN) }, now)
}

// standing finds, among approvals or waivers, the first about a matter that counts at that moment, or else the
// last that has expired.
func standing[T interface{ Standing(now time.Time) Standing }](all []T, about func(T) bool, now time.Time) (best T, s Standing) {
	for _, one := range all {
		if !about(one) {
			continue
		}
		if best, s = one, one.Standing(now); s == Valid {
			break
		}
	}
	return best, s
}

// Standing says whether an approval or waiver counts at that moment: Valid or Expired.
func (t Terms) Standing(now time.Time) Standing {
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		return Expired
	}
	return Valid
}

// Matches says whether the approval is about the principal with that canonical ARN.
func (a Approval) Matches(canonicalARN string) bool { return MatchARN(a.ARN, canonicalARN) }

// Waived says whether a rule (id or name) is waived at that moment for one of the subjects, and by which waiver.
func (p *Policy) Waived(ruleID, ruleName string, subjects []string, now time.Time) (Waiver, Standing) {
	return standing(p.Waivers, func(w Waiver) bool { return w.About(ruleID, ruleName, subjects) }, now)
}

// About says whether the waiver is for a rule (id or name) and one of the subjects.
func (w Waiver) About(ruleID, ruleName string, subjects []string) bool {
	return (strings.EqualFold(w.Rule, ruleID) || strings.EqualFold(w.Rule, ruleName)) &&
		slices.ContainsFunc(subjects, func(s string) bool { return s != "" && awsauth.Subject(s) == awsauth.Subject(w.Subject) })
}
