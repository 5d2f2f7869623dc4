package rules

import (
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var approvalExpired = &rule.Rule{
	ID: "AA407", Name: "approval-expired", Severity: rule.Warning, Category: rule.Grant,
	What: "a principal had a privileged group or username before the edit and still has it, and its approval in the policy has expired",
	Why:  "its approval has expired, but it still has the rights",
	Bad:  strings.NewReplacer("username: ci", "username: builder", "deployers", "system:masters").Replace(goodNodesAndCI), Good: goodNodesAndCI,
	Edit: checkExpired,
}

// checkExpired reports grants that nobody approves any longer. They do not count against the edit, which leaves them
// as they are.
func checkExpired(c *rule.EditContext) {
	for _, g := range c.Grants.Kept {
		if g.Standing != policy.Expired {
			continue
		}
		c.Report(grantPosition(g), rule.Finding{Subject: grantSubject(g), Preexisting: true,
			Message: fmt.Sprintf("the approval of %s for %s (policy line %d) expired on %s", phrase.Quote(g.Name), grantee(g), g.Approval.Line, g.Approval.Expires.Day()),
			Fix:     insteadOf(c, g) + ", or " + getApproval(c.Policy), Why: "the principal still has the rights"})
	}
}
