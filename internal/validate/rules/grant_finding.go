package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// grantedName is a name that a principal has, as it is written. A template may be several grants.
type grantedName struct {
	principal, name string
	username        bool
}

func nameOf(g privilege.Grant) grantedName { return grantedName{g.Principal, g.Name, g.Username} }

// grantPosition is where the name of a grant is written, or else what gives it.
func grantPosition(g privilege.Grant) rule.Position {
	at := rule.Position{Field: "data." + awsauth.MapAccounts, DataKey: g.Account.DataKey,
		Place: g.Account.Place, Value: g.Account.Value}
	switch {
	case g.Entry == nil:
	case g.Username:
		at = rule.AtUsername(g.Entry)
	case g.Index < 0:
		at = rule.AtARN(g.Entry)
		at.Value = g.Name
	default:
		at = rule.AtGroup(g.Entry, g.Index)
		if at.Line == 0 {
			at.Place = g.Entry.ARN.Place
		}
	}
	return at.Of(g.Principal)
}

func grantSubject(g privilege.Grant) string {
	if g.Username {
		return "username " + g.Name
	}
	return g.Name
}

// reportUnapproved reports a new grant, unless all conditions are met.
func reportUnapproved(c *rule.EditContext, g privilege.Grant) (reported bool) {
	against := objectionsTo(c, g.Way)
	if len(against.reasons) == 0 {
		return false
	}
	f := rule.Finding{Subject: grantSubject(g), Message: sayGrant(g), Fix: insteadOf(c, g) + ", or " + against.remedy(), Why: strings.Join(against.reasons, "; ")}
	if how := reached[g.Reached]; how != "" {
		f.Why = how + "; " + f.Why
	}
	reserved := g.Username && privilege.ReservedPrefix(g.Name) != ""
	if reserved && !g.Approver && slices.Contains(c.Policy.Exempt.Usernames, g.Name) {
		f.Yields = rule.YieldsToRule // nobody may have such a name
	}
	c.Report(grantPosition(g), f)
	return true
}

// reached says how an entry that was there before comes to work now.
var reached = map[privilege.Reached]string{
	privilege.ARNRepaired:  "its ARN matched nobody before, so this is new",
	privilege.OtherRemoved: "EKS used another entry for it before, so this is new",
	privilege.EntryRemoved: "an entry of its own gave it another username before, so this is new",
}

// grantee is the ARN of the principal that has a grant, or the account.
func grantee(g privilege.Grant) string {
	canonical := g.ARN
	if a, err := awsauth.ParseARN(strings.TrimSpace(canonical)); err == nil {
		return namedARN(a.Canonical())
	}
	return phrase.Bare(phrase.Clip(canonical))
}

// sayGrant says who gets what by a grant.
func sayGrant(g privilege.Grant) string {
	what, evidence := "group "+phrase.Quote(g.Name), phrase.Whole(g.Evidence)
	if g.Username {
		what = "username " + phrase.Quote(g.Name)
	}
	switch {
	case g.Index < 0 && !g.Username:
		what += ", which everybody is in,"
	case g.Becomes != "" && g.Kind != privilege.Template:
		what += ", which is " + phrase.Bare(phrase.Clip(g.Becomes)) + ","
	}
	switch {
	case g.Entry == nil && g.Username:
		so := "which is equivalent to cluster-admin (" + evidence + ")"
		if g.Approver {
			so = "and so " + evidence
		}
		return fmt.Sprintf("account %s in mapAccounts gives %s its ARN as username, %s", phrase.Quote(g.Account.Value), grantee(g), so)
	case g.Kind == privilege.Template:
		return fmt.Sprintf("%s of %s can become %s (%s)", what, grantee(g), phrase.Bare(phrase.Clip(g.Becomes)), evidence)
	case g.Kind == privilege.Equivalent && !g.Approver:
		return fmt.Sprintf("%s makes %s equivalent to cluster-admin (%s)", what, grantee(g), evidence)
	}
	return fmt.Sprintf("%s gives %s %s", what, grantee(g), evidence)
}

// insteadOf is what to do to be without a grant.
func insteadOf(c *rule.EditContext, g privilege.Grant) string {
	switch {
	case g.Entry == nil && g.Username:
		return "remove account " + phrase.Bare(g.Account.Value) + " from mapAccounts, or keep an entry for " + grantee(g)
	case g.Username:
		return "write another username"
	case g.Name == policy.Everybody && g.Kind == privilege.ListedGroup:
		return "remove " + policy.Everybody + " from privileged.groups in the policy"
	case g.Name == policy.Everybody:
		return "remove that right from " + policy.Everybody + " in RBAC"
	}
	if g.Entry != nil && g.Index >= 0 {
		return insteadOfGroup(c.Old, g.Entry, g.Index)
	}
	return "remove " + phrase.Bare(g.Name)
}
