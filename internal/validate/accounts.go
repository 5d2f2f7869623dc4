package validate

import (
	"fmt"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

var accountFamily = family{
	state: checkAccounts,
	rules: []Rule{
		{ID: "AA406", Name: "whole-account", Severity: Error,
			What: "an account in mapAccounts that the policy does not allow there",
			Why:  "every principal of the account, present and future, can sign in to the cluster, under its ARN as username",
			Bad:  goodNodes + "  mapAccounts: |\n    - \"444455556666\"\n", Good: goodNodes},
	},
}

func checkAccounts(p *pass) {
	for i, a := range p.at.doc.Accounts {
		if known, ok := p.policy.Account(a.Value); ok && known.MapAccounts || !accountID.MatchString(a.Value) {
			continue
		}
		p.report("AA406", Finding{Field: fmt.Sprintf("data.%s[%d]", awsauth.MapAccounts, i), DataKey: awsauth.MapAccounts, Line: a.Line, Column: a.Column,
			Value: a.Value, subject: a.Value, Message: fmt.Sprintf("account %s lets every role and user of it sign in", q(a.Value)), Why: "and those that are made later too",
			Fix: "map the roles that are meant, or allow the account in the policy: accounts, mapAccounts: true"})
	}
}
