package rules

import (
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var unapprovedGrant = &rule.Rule{
	ID: "AA401", Name: "unapproved-grant", Severity: rule.Error, Category: rule.Grant,
	What: "a principal gets, without an approval in the policy, a privileged group that it did not have before: system:masters, the policy's own, the break-glass groups, the approvers' groups; also when a corrected ARN or a removed duplicate makes an existing entry work",
	Why:  "the API server allows system:masters everything, without consulting RBAC",
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
