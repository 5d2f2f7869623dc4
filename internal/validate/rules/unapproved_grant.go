package rules

import (
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var unapprovedGrant = &rule.Rule{
	ID: "AA401", Name: "unapproved-grant", Severity: rule.Error, Category: rule.Grant,
	What: "a principal that gets into a privileged group (system:masters, the policy's own, the break-glass groups, the approvers' groups) and did not have it before, without an approval in the policy; also when a repaired ARN or a removed duplicate makes an old entry work",
	Why:  "the API server lets system:masters do everything, without asking RBAC or any webhook's match for it",
	Bad:  strings.Replace(goodNodesAndCI, "deployers", "system:masters", 1), Good: goodNodesAndCI,
	Edit: checkListedGroups,
}

func checkListedGroups(c *rule.EditContext) {
	for _, g := range c.Grants.Given {
		if g.Kind == privilege.ListedGroup {
			reportUnapproved(c, g)
		}
	}
}
