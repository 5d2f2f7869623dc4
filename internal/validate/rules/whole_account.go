package rules

import (
	"fmt"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var wholeAccount = &rule.Rule{
	ID: "AA406", Name: "whole-account", Severity: rule.Error, Category: rule.Grant,
	What: "an account in mapAccounts that the policy does not allow there",
	Why:  "every principal of the account, present and future, can sign in to the cluster, under its ARN as username",
	Bad:  goodNodes + "  mapAccounts: |\n    - \"444455556666\"\n", Good: goodNodes,
	Object: checkAccounts,
}

func checkAccounts(c *rule.ObjectContext) {
	for i, a := range c.Accounts {
		if known, ok := c.Policy.Account(a.Value); ok && known.MapAccounts || !principal.IsAccountID(a.Value) {
			continue
		}
		c.Report(rule.AtAccount(i, a), rule.Finding{Subject: a.Value, Why: "and those that are made later too",
			Message: fmt.Sprintf("account %s lets every role and user of it sign in", phrase.Quote(a.Value)),
			Fix:     "map the roles that are meant, or allow the account in the policy: accounts, mapAccounts: true"})
	}
}
