package rules

import (
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var unknownField = &rule.Rule{
	ID: "AA105", Name: "unknown-field", Severity: rule.Error, Category: rule.Text,
	What: "a field that EKS does not know, or one spelt in another letter case",
	Why:  "EKS ignores fields that it does not know, without an error: the groups under a misspelt key are not given; some versions of its parser take another letter case, some do not",
	Bad:  strings.Replace(goodNodesAndCI, "groups: [deployers]", "group: [deployers]", 1), Good: goodNodesAndCI,
	Object: problems(sayUnknownField),
}

func sayUnknownField(p awsauth.Problem) (f rule.Finding) {
	value := phrase.Quote(p.Value)
	switch p.Code {
	case awsauth.WrongCaseField:
		f = rule.Finding{Message: value + " is not how EKS spells it", Why: "and some versions of its parser ignore the field", Fix: "write " + p.Want}
	case awsauth.MisplacedField:
		other := awsauth.MapUsers
		if p.DataKey == awsauth.MapUsers {
			other = awsauth.MapRoles
		}
		f = rule.Finding{Message: value + " has no meaning under " + p.DataKey, Why: "and EKS drops an entry without " + p.Want,
			Fix: "move the entry to " + other + ", or write " + p.Want}
	case awsauth.UnknownField:
		f = rule.Finding{Message: value + " is not a field of " + p.DataKey, Why: "and EKS ignores it without an error",
			Fix: "remove it; the fields are " + awsauth.ARNField(p.DataKey) + ", username and groups"}
		if p.Want != "" {
			f.Fix = "write " + p.Want
		}
	}
	return f
}
