package rules

import (
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var foreignAccount = &rule.Rule{
	ID: "AA303", Name: "foreign-account", Severity: rule.Error, Category: rule.Principal,
	What: "a principal of another account that the policy does not know, or whose account cannot be read (then as AA302); not asked with IAM off",
	Why:  "another account's administrators decide who may assume its roles",
	Bad:  strings.Replace(goodNodesAndCI, "111122223333:role/ci", "444455556666:role/ci", 1), Good: goodNodesAndCI,
	Edit: ofBrought(foreign),
}

func foreign(b brought) (f rule.Finding, ok bool) {
	switch {
	case b.answer.Existence == principal.Foreign:
		return b.unknownAccount(), true
	case b.answer.Existence == principal.Unverified && b.answer.Reason == principal.ReasonForeign:
		return b.closedAccount(), true
	}
	return f, false
}

func (b brought) unknownAccount() rule.Finding {
	f := rule.Finding{Message: fmt.Sprintf("%s is in account %s, which the policy does not know", b.written(), b.arn.Account),
		Why: "and the administrators there decide who may assume its roles",
		Fix: "add the account to the policy under accounts, with a roleARN to look principals up, or trust: unchecked"}
	if meant := b.didYouMean(); meant != "" {
		f.Fix = meant + " If not, " + f.Fix
	}
	return f
}

// closedAccount is about an account that the policy knows and that could not be read.
func (b brought) closedAccount() rule.Finding {
	f := rule.Finding{Severity: b.severityOfUnverified(), Message: fmt.Sprintf("%s is in account %s, which could not be read", b.written(), b.arn.Account),
		Why: phrase.Whole(b.answer.Detail),
		Fix: "name a role of that account which the guard may assume as its roleARN in the policy, or set trust: unchecked for the account"}
	if own := b.c.Partition; own != "" && !strings.EqualFold(own, b.arn.Partition) { // no role leads from one partition to another
		f.Fix = "write the ARN of a principal in " + own
	}
	return f
}
