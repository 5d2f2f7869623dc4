package rules

import (
	"fmt"
	"slices"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// checkAccountLockout is the part of self_lockout.go for a caller whom mapAccounts admits, under its ARN as username.
func checkAccountLockout(c *rule.EditContext, caller principal.Caller) {
	a, err := awsauth.ParseARN(caller.ARN)
	if err != nil || awsauth.Key(caller.Username) != awsauth.Key(caller.ARN) {
		return
	}
	was, mapped := c.Old.Effective.Accounts[a.Account]
	if !mapped {
		return
	}
	if ids := c.New.Access().Lookup(caller.ARN); len(ids) > 0 {
		checkOwnEntry(c, caller, worstFor(caller, ids), was.Value)
		return
	}
	if _, still := c.New.Access().Accounts[a.Account]; still {
		return
	}
	at := rule.Position{Field: "data." + awsauth.MapAccounts, DataKey: awsauth.MapAccounts, Value: was.Value}
	c.Report(at.Of(awsauth.Subject(caller.ARN)), rule.Finding{Subject: "self",
		Message: fmt.Sprintf("this edit removes account %s, by which you (%s) authenticate", phrase.Quote(was.Value), namedARN(caller.ARN)),
		Fix:     "keep the account, or first map " + phrase.Whole(caller.ARN), Why: "you could not undo the edit"})
}

// checkOwnEntry is about the mapping that a caller gets whom mapAccounts admitted so far: EKS looks at mapAccounts
// only for those who have none (aws-iam-authenticator pkg/server, doMapping), whether or not it can render it.
func checkOwnEntry(c *rule.EditContext, caller principal.Caller, is awsauth.Identity, account string) {
	username, groups := caller.Rendered(is)
	f := rule.Finding{Subject: "self", Fix: "remove the entry, or ask another admin to make this edit",
		Why: fmt.Sprintf("EKS uses a mapping before mapAccounts, by which it authenticated this very request (account %s), so you could not undo the edit",
			phrase.Quote(account))}
	switch own := namedARN(is.Canonical); {
	case !caller.AdmittedBy(is):
		f.Message = fmt.Sprintf("this edit maps you, %s, to a name that EKS cannot render for you, so you can no longer authenticate", own)
	case isAdmin(c, is):
		return
	case slices.Contains(groups, awsauth.GroupUnauthenticated):
		f.Message = fmt.Sprintf("this edit takes the group %s from you, %s", policy.Everybody, own)
	case username != caller.Username:
		f.Message = fmt.Sprintf("this edit changes your own username from %s to %s (%s)", phrase.Quote(caller.Username), phrase.Quote(username), own)
		if len(groups) > 0 { // they may be worth as much as the name
			f.Severity = rule.Warning
			f.Why = "what is bound to the first username is no longer yours then"
		}
	default:
		return
	}
	at := rule.At(is.Entry, "", awsauth.Text{Place: is.Entry.Place, Value: is.Canonical})
	c.Report(at.Of(awsauth.Subject(is.Canonical)), f)
}
