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
	What: "the principal is in another account, which the policy does not list, or in which IAM could not be asked (then iam.onUnverified counts, as for AA302); without IAM this is not checked",
	Why:  "the administrators of another account decide who may assume its roles",
	Bad:  strings.Replace(goodNodesAndCI, "111122223333:role/ci", "444455556666:role/ci", 1), Good: goodNodesAndCI,
	SilencedBy: []rule.Silence{{Rule: "AA204", Same: rule.SamePrincipal}},
	Edit:       ofBrought(foreign),
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
	f := rule.Finding{Message: fmt.Sprintf("%s is in account %s, which the policy does not list", b.written(), b.arn.Account),
		Fix: fmt.Sprintf("get account %s added to the policy: %s", b.arn.Account, b.c.Policy.Ask("accounts", "accounts")),
		Why: "the administrators of that account decide who may assume its roles"}
	if meant := b.didYouMean(); meant != "" {
		f.Fix = "write the correct account ID: " + meant + " If not, " + f.Fix
	}
	return f
}

// closedAccount is about an account that the policy lists, and in which IAM could not be asked.
func (b brought) closedAccount() rule.Finding {
	f := rule.Finding{Severity: b.severityOfUnverified(), Message: fmt.Sprintf("could not check %s: IAM in account %s could not be asked", b.written(), b.arn.Account),
		Fix: "get a roleARN that the guard may assume, or trust: unchecked, added for the account: " + b.c.Policy.Ask("accounts", "accounts"),
		Why: phrase.Whole(b.answer.Detail)}
	if own := b.c.Partition; own != "" && !strings.EqualFold(own, b.arn.Partition) { // no role leads from one partition to another
		f.Fix, f.Yields = "write the ARN of a principal in "+own, rule.YieldsToRule
	}
	return f
}
