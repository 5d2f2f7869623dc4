package rules

import (
	"errors"
	"fmt"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// sayUnknown is the finding of unapproved_equivalent.go about a name of which it is not known whether RBAC makes it
// equivalent to cluster-admin; found is false if the principal may have it even so.
func sayUnknown(c *rule.EditContext, u privilege.Unknown) (f rule.Finding, found bool) {
	remedies, needed := remediesOfUnknown(c, u)
	if !needed {
		return f, false
	}
	what, reason := sayUnread(c, u)
	f = rule.Finding{Severity: rule.Warning, Subject: grantSubject(u.Grant), Message: "could not check in RBAC " + what,
		Why: reason + ", so the guard cannot tell whether it is equivalent to cluster-admin"}
	if u.Username && privilege.ReservedPrefix(u.Name) != "" {
		f.Yields = rule.YieldsToRule // nobody may have such a name
	}
	if u.Whole {
		f.Why = reason + ", so the guard cannot tell whether one of them is equivalent to cluster-admin"
	}
	switch {
	case errors.Is(c.Privileges.Blind, privilege.ErrNotYet):
		f.Severity, f.Fix, f.Why = rule.Error, "try again in a few seconds", reason+", and it may be equivalent to cluster-admin"
		return f, true
	case c.Policy.Privileged.OnUnreadable == policy.Deny:
		f.Severity = rule.Error
		f.Why += ", and the policy says privileged.onUnreadable: deny"
	case c.Privileges.Partial == nil:
		f.Why = reason + ", and without RBAC only the groups that the policy names count as privileged"
		remedies = "set privileged.fromRBAC: false in the policy"
	}
	f.Fix = howToRead(c) + ", or " + remedies
	return f, true
}

// sayUnread says of what it is not known what it may do, and why.
func sayUnread(c *rule.EditContext, u privilege.Unknown) (what, reason string) {
	partial := c.Privileges.Partial
	if partial == nil {
		return fmt.Sprintf("what %s may do", nameUnknown(u)), phrase.Bare(c.Privileges.Blind.Error())
	}
	reason = phrase.Bare(partial.Why.Error())
	if u.Evidence != "" {
		reason = phrase.Whole(u.Evidence) + ", " + reason
	}
	return fmt.Sprintf("all that %s may do", nameUnknown(u)), reason
}

// howToRead is how the guard comes to read RBAC.
func howToRead(c *rule.EditContext) string {
	if c.Privileges.Partial == nil {
		return "allow the guard to read RBAC (docs/privileges.md)"
	}
	kinds := phrase.List(c.Privileges.Partial.Kinds)
	return "allow the guard in its ClusterRole to get, list and watch " + kinds + " (docs/privileges.md)"
}

// remediesOfUnknown says what to do so that the name may be given although RBAC is not known; needed is false if nothing
// is against it.
func remediesOfUnknown(c *rule.EditContext, u privilege.Unknown) (remedies string, needed bool) {
	if u.Whole {
		return "remove account " + phrase.Bare(u.Account.Value) + " from mapAccounts", true
	}
	w := u.Way
	if w.Approval, w.Standing = c.Privileges.Approved(u.ARN, w); w.Standing != policy.Valid {
		return getApproval(c.Policy), true
	}
	if _, literal := awsauth.Literally(u.Name, u.ARN); !literal {
		w.Kind = privilege.Template // one question to the authorizer covers all that the template can become
	}
	against := objectionsTo(c, w)
	return against.remedy(), len(against.reasons) > 0
}

// nameUnknown is whom or what a finding about an unknown name is about.
func nameUnknown(u privilege.Unknown) string {
	what := "group " + phrase.Quote(u.Name)
	if u.Username {
		what = "username " + phrase.Quote(u.Name)
	}
	switch {
	case u.Whole:
		return fmt.Sprintf("the ARNs of account %s, which mapAccounts makes usernames,", phrase.Quote(u.Account.Value))
	case u.Entry == nil:
		return fmt.Sprintf("%s, whose username is its ARN by account %s in mapAccounts,", grantee(u.Grant), phrase.Quote(u.Account.Value))
	case u.Becomes != "":
		return fmt.Sprintf("%s of %s, which can become %s,", what, grantee(u.Grant), phrase.Bare(phrase.Clip(u.Becomes)))
	}
	return what + " of " + grantee(u.Grant)
}
