package validate

import (
	"fmt"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

var effectFamily = family{
	edit: checkEffect,
	rules: []Rule{
		{ID: "AA508", Name: "no-effect", Severity: Warning,
			What: "an edit of aws-auth that changes nothing: the cluster's authentication mode is API, or an access entry decides about the principal",
			Why:  "in mode API EKS ignores aws-auth; in mode API_AND_CONFIG_MAP an access entry for a principal wins over its entry in aws-auth",
			Bad:  goodNodesAndCI, Good: goodNodes},
	},
}

// checkEffect says what of the edit EKS will not look at. Entries that the edit leaves alone are not told: EKS itself
// writes both an access entry and a mapping for the node groups that it manages, and a warning for each of those on every
// edit would teach people not to read warnings.
func checkEffect(p *pass) {
	if p.fleet.ignored() {
		p.report("AA508", Finding{Field: "data", subject: "mode", Message: "the cluster's authentication mode is API",
			Why: "so EKS does not look at aws-auth, and this edit has no effect", Fix: "use access entries (`aws eks create-access-entry`)"})
		return
	}
	if p.op == Delete || p.fleet == nil || len(p.fleet.Entries) == 0 {
		return
	}
	for _, c := range awsauth.Diff(p.table(p.old), p.table(p.new)) {
		if len(c.After) == 0 || c.Account {
			continue
		}
		entry, shadowed := p.fleet.shadow(awsauth.Subject(c.Principal), p.now)
		if !shadowed {
			continue
		}
		e := c.After[0].Entry
		what := "an access entry"
		if entry.Type != "" {
			what += " of type " + entry.Type
		}
		p.report("AA508", Finding{Field: e.Path(""), DataKey: e.DataKey, Line: e.ARN.Line, Column: e.ARN.Column, Value: redact(e.ARN.Value),
			entry: awsauth.Subject(c.Principal), subject: "shadowed",
			Message: fmt.Sprintf("%s has %s", q(e.ARN.Value), what), Why: "and an access entry wins over aws-auth, so this entry has no effect",
			Fix: "change the access entry instead, or delete it if aws-auth is to decide"})
	}
}
