package rules

import (
	"fmt"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var noEffect = &rule.Rule{
	ID: "AA508", Name: "no-effect", Severity: rule.Warning, Category: rule.Effect,
	What: "the edit of aws-auth changes nothing, since the cluster's authentication mode is API, or an access entry decides about the principal",
	Why:  "in mode API EKS ignores aws-auth; in mode API_AND_CONFIG_MAP an access entry for a principal wins over its entry in aws-auth",
	Bad:  goodNodesAndCI, Good: goodNodes,
	Edit: checkEffect,
}

// checkEffect says what of the edit EKS will not look at. Entries that the edit leaves alone are not reported: EKS itself
// writes both an access entry and a mapping for the node groups that it manages, and a warning for each of those on
// every edit would teach people not to read warnings.
func checkEffect(c *rule.EditContext) {
	if c.Fleet.Ignored() {
		c.Report(rule.AtField("data", ""), rule.Finding{Subject: "mode", Message: "this edit has no effect, since the cluster's authentication mode is API",
			Fix: "use access entries (`aws eks create-access-entry`)", Why: "in mode API EKS ignores aws-auth"})
		return
	}
	if c.Operation == rule.Delete || c.Fleet == nil || len(c.Fleet.Entries) == 0 {
		return
	}
	for _, change := range awsauth.Diff(c.Old.Access(), c.New.Access()) {
		if len(change.After) == 0 || change.Account {
			continue
		}
		entry, shadowed := c.Fleet.Shadow(awsauth.Subject(change.Principal), c.Now)
		if !shadowed {
			continue
		}
		what := "an access entry"
		if entry.Type != "" {
			what += " of type " + entry.Type
		}
		e := change.After[0].Entry
		c.Report(rule.At(e, "", e.ARN), rule.Finding{Subject: "shadowed",
			Message: fmt.Sprintf("%s has %s, so this entry has no effect", named(e), what),
			Fix:     "change the access entry instead, or delete it if aws-auth is to decide",
			Why:     "an access entry wins over aws-auth"})
	}
}
