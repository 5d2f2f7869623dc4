package rules

import (
	"fmt"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var wholeAccount = &rule.Rule{
	ID: "AA406", Name: "whole-account", Severity: rule.Error, Category: rule.Grant,
	What: "mapAccounts lists an account that the policy does not allow there",
	Why:  "every principal of the account, existing and future, can authenticate to the cluster, with its ARN as username",
	Bad:  goodNodes + "  mapAccounts: |\n    - \"444455556666\"\n", Good: goodNodes,
	Object: checkAccounts,
}

func checkAccounts(c *rule.ObjectContext) {
	for i, a := range c.Accounts {
		if known, ok := c.Policy.Account(a.Value); ok && known.MapAccounts || !principal.IsAccountID(a.Value) {
			continue
		}
		c.Report(rule.AtAccount(i, a), rule.Finding{Subject: a.Value, Message: fmt.Sprintf("account %s in mapAccounts lets every role and user in that account authenticate", phrase.Quote(a.Value)),
			Fix: "remove it (and mapAccounts with it, if nothing else is left there), and map only the roles that need access; or get mapAccounts: true set for the account: " + c.Policy.Ask("accounts", "accounts"),
			Why: "roles and users that are created later can authenticate too"})
	}
}
