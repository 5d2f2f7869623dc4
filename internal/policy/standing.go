package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

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
func standing[T interface{ expires() Date }](all []T, about func(T) bool, now time.Time) (best T, s Standing) {
	for _, one := range all {
		if !about(one) {
			continue
		}
		if best, s = one, one.expires().Standing(now); s == Valid {
			break
		}
	}
	return best, s
}

// Standing says whether what ends with that date counts at that moment: Valid or Expired.
func (d Date) Standing(now time.Time) Standing {
	if t := d.Time(); !t.IsZero() && !now.Before(t) {
		return Expired
	}
	return Valid
}

func (a Approval) expires() Date { return a.Expires }
func (w Waiver) expires() Date   { return w.Expires }

// Matches says whether the approval is about the principal with that canonical ARN.
func (a Approval) Matches(canonicalARN string) bool { return MatchARN(a.Principals(), canonicalARN) }

// Waived says whether a rule (id or name) is waived at that moment for one of the subjects, and by which waiver.
func (p *Policy) Waived(ruleID, ruleName string, subjects []string, now time.Time) (Waiver, Standing) {
	return standing(p.Waivers, func(w Waiver) bool { return w.About(ruleID, ruleName, subjects) }, now)
}

// About says whether the waiver is for a rule (id or name) and one of the subjects.
func (w Waiver) About(ruleID, ruleName string, subjects []string) bool {
	return (strings.EqualFold(w.Rule, ruleID) || strings.EqualFold(w.Rule, ruleName)) &&
		slices.ContainsFunc(subjects, func(s string) bool { return s != "" && awsauth.Subject(s) == awsauth.Subject(w.Subject) })
}
