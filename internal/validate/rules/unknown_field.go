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

func sayUnknownField(p described) (f rule.Finding) {
	value := phrase.Quote(p.Value)
	switch p.Code {
	case awsauth.WrongCaseField:
		f = rule.Finding{Message: p.in("EKS writes " + value + " as " + p.Want), Fix: "write " + p.Want, Why: "some versions of its parser ignore the field"}
	case awsauth.MisplacedField:
		other := awsauth.MapUsers
		if p.DataKey == awsauth.MapUsers {
			other = awsauth.MapRoles
		}
		f = rule.Finding{Message: p.in(value + " has no meaning in " + p.DataKey), Fix: "move the entry to " + other + ", or write " + p.Want,
			Why: "EKS drops an entry without " + p.Want}
		switch a, err := awsauth.ParseARN(p.around.arn()); {
		case err != nil:
		case a.Kind == awsauth.KindUser && p.DataKey == awsauth.MapRoles, a.Kind == awsauth.KindRole && p.DataKey == awsauth.MapUsers:
			f.Fix = "move the entry to " + other + "; " + orAddKey(other)
		case a.Kind == awsauth.KindUser, a.Kind == awsauth.KindRole:
			f.Fix = "write " + p.Want
		}
	case awsauth.UnknownField:
		f = rule.Finding{Message: p.in(value + " is not a field of " + p.DataKey), Fix: "remove it; the fields are " + awsauth.ARNField(p.DataKey) + ", username and groups",
			Why: "EKS ignores it without an error"}
		if p.Want != "" {
			f.Fix = "write " + p.Want
		}
	}
	return f
}
