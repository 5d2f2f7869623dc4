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

var selfLockout = &rule.Rule{
	ID: "AA506", Name: "self-lockout", Severity: rule.Error, Category: rule.Loss,
	What: "the caller removes the mapping by which its own request was authenticated, removes its own rights, maps itself to a name that EKS cannot render for it, or moves itself from mapAccounts to another username",
	Why:  "the next request of the caller is denied, and perhaps nobody is left to undo the edit",
	Bad:  goodNodes, Good: goodNodesAndCI,
	Edit: checkSelfLockout,
}

// checkSelfLockout compares what the caller is now with what its next request would be.
func checkSelfLockout(c *rule.EditContext) {
	caller := principal.CallerOf(c.User)
	if c.Operation != rule.Update || c.Fleet.Ignored() || caller.ARN == "" {
		return
	}
	if _, shadowed := c.Fleet.Shadow(awsauth.Subject(caller.ARN), c.Now); shadowed {
		return // an access entry decides about the caller
	}
	mapped := c.Old.Effective.Lookup(caller.ARN)
	if len(mapped) == 0 {
		checkAccountLockout(c, caller)
		return
	}
	i := slices.IndexFunc(mapped, caller.CameInBy)
	if i < 0 {
		return
	}
	if still := c.New.Access().Lookup(caller.ARN); len(still) > 0 {
		checkOwnMapping(c, caller, mapped[i], worstFor(caller, still))
	} else {
		reportOwnRemoval(c, caller, mapped[i])
	}
}

// lockedOut is the finding about a caller's own mapping, which the edit removes or changes.
func lockedOut(message string) rule.Finding {
	return rule.Finding{Subject: "self", Message: message, Fix: "keep the entry as it is, or ask another admin to make this edit",
		Why: "EKS authenticated this very request by it, so you could not undo the edit"}
}

// atOwn is a mapping of the caller's, as an entry now has it or had it.
func atOwn(e *awsauth.Entry, place awsauth.Place, caller principal.Caller, was awsauth.Identity) rule.Position {
	return rule.At(e, "", awsauth.Text{Place: place, Value: was.Canonical}).Of(awsauth.Subject(caller.ARN))
}

// reportOwnRemoval is about a caller whose mapping is gone.
func reportOwnRemoval(c *rule.EditContext, caller principal.Caller, was awsauth.Identity) {
	f := lockedOut("this edit removes your own mapping " + namedARN(was.Canonical))
	putBack(&f, c, was, ", or ask another admin to make this edit", true)
	if c.New.Access().Accounts[caller.Account()].Value != "" {
		if username, groups := caller.Rendered(was); len(groups) == 0 && username == caller.ARN {
			return // mapAccounts gives the same
		}
		f.Why = "by mapAccounts you would authenticate with your ARN as username and without groups, so you could not undo the edit"
	}
	c.Report(atOwn(was.Entry, awsauth.Place{}, caller, was), f)
}

// checkOwnMapping compares a caller's mapping with what becomes of it.
func checkOwnMapping(c *rule.EditContext, caller principal.Caller, was, is awsauth.Identity) {
	report := func(message string, args ...any) {
		at := atOwn(is.Entry, is.Entry.Place, caller, was)
		at.DataKey = was.Entry.DataKey // also where the mapping moves to the other one
		c.Report(at, lockedOut(fmt.Sprintf(message, args...)))
	}
	if !caller.AdmittedBy(is) && (caller.AdmittedBy(was) || is.Sessions() > was.Sessions()) {
		report("after this edit EKS cannot render %s in your own mapping %s, so you can no longer authenticate",
			awsauth.EC2PrivateDNSName, namedARN(is.Canonical))
		return
	}
	username, groups := caller.Rendered(was)
	newUsername, newGroups := caller.Rendered(is)
	renamed := newUsername != username && len(groups) == 0
	switch lost := lostGroups(groups, newGroups); {
	case isAdmin(c, is) && !renamed:
		// whatever else goes, an admin can undo it
	case len(lost) > 0:
		report("this edit removes %s from your own mapping %s", phrase.Few(lost), namedARN(was.Canonical))
	case renamed:
		report("this edit changes your own username from %s to %s (%s)", phrase.Quote(username), phrase.Quote(newUsername), namedARN(was.Canonical))
	}
}

// lostGroups are the groups that a caller has no longer, with that of everybody if one of the new ones keeps the
// caller out.
func lostGroups(groups, newGroups []string) []string {
	var lost []string
	for _, g := range groups {
		if !slices.Contains(newGroups, g) {
			lost = append(lost, g)
		}
	}
	const kept = awsauth.GroupUnauthenticated
	if slices.Contains(newGroups, kept) && !slices.Contains(groups, kept) {
		lost = append(lost, policy.Everybody)
	}
	return lost
}

// worstFor is that of several mappings, of which EKS takes any one, by which the caller cannot authenticate, or the
// first.
func worstFor(caller principal.Caller, ids []awsauth.Identity) awsauth.Identity {
	if i := slices.IndexFunc(ids, func(id awsauth.Identity) bool { return !caller.AdmittedBy(id) }); i >= 0 {
		return ids[i]
	}
	return ids[0]
}
