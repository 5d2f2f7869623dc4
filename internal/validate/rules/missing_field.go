package rules

import (
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var missingField = &rule.Rule{
	ID: "AA106", Name: "missing-field", Severity: rule.Error, Category: rule.Text,
	What: "an entry without rolearn or userarn, or without a username; a username that is empty because the principal has no session name; an entry without groups is a warning",
	Why:  "EKS drops an entry without an ARN and keeps one without a username under the empty name; without groups the principal gets in but may do only what is bound to its username",
	Bad:  strings.Replace(goodNodesAndCI, "      username: ci\n", "", 1), Good: goodNodesAndCI,
	Object: checkMissing,
}

func checkMissing(c *rule.ObjectContext) {
	problems(sayMissing)(c)
	for _, e := range c.Entries() {
		if e.Templated() {
			nameless(c, e)
		}
	}
}

func sayMissing(p awsauth.Problem) (f rule.Finding) {
	switch p.Code {
	case awsauth.MissingField:
		f = rule.Finding{Message: p.Want + " is missing", Why: "and EKS drops the entry", Fix: "add " + p.Want + ": ..."}
		if p.Want == "username" {
			f.Why = "and EKS would let the principal in under the empty name"
		}
	case awsauth.NoGroups:
		f = rule.Finding{Severity: rule.Warning, Message: "no groups", Why: "so the principal gets in but may do only what is bound to its username",
			Fix: "add groups, or groups: [] if none are meant"}
	}
	return f
}

// nameless finds a username that renders to nothing, as if there were none.
func nameless(c *rule.ObjectContext, e *awsauth.Entry) {
	username := e.Username.Value
	if name, ok := awsauth.Literally(username, e.ARN.Value); !ok || name != "" || username == "" {
		return
	}
	a, _ := e.Principal() // without a principal a template is not literal
	c.Report(rule.AtUsername(e).Of(e.Name()), rule.Finding{Subject: "username",
		Message: fmt.Sprintf("the username %s is empty for %s, who has no session name", phrase.Quote(username), withArticle(a.Kind)),
		Why:     "and EKS authenticates callers under the empty name, so RBAC and the audit log cannot tell them apart", Fix: "write the name out"})
}
