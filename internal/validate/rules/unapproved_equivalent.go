package rules

import (
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var unapprovedEquivalent = &rule.Rule{
	ID: "AA402", Name: "unapproved-equivalent", Severity: rule.Error, Category: rule.Grant,
	What: "a principal gets, without an approval in the policy, a group or username that the cluster's RBAC makes equivalent to cluster-admin, also by mapAccounts, or a username that the policy exempts or lists as an approver; if RBAC could not be read enough to know, it is a warning, or an error if the policy says privileged.onUnreadable: deny, or if the guard has just started and has not read it yet",
	Why:  "a subject that is bound to cluster-admin, may escalate, bind or impersonate, or can run code in kube-system can do everything, although system:masters is written nowhere",
	Bad:  strings.Replace(goodNodesAndCI, "[deployers]", "[ops]", 1), Good: goodNodesAndCI,
	SilencedBy: []rule.Silence{{Rule: "AA404", Same: rule.SameField}},
	Edit:       checkEquivalents,
}

func checkEquivalents(c *rule.EditContext) {
	for _, g := range c.Grants.Given {
		if g.Kind == privilege.Equivalent {
			reportUnapproved(c, g)
		}
	}
	checkUnknown(c)
}

// checkUnknown reports names that may be equivalent to cluster-admin, where RBAC could not be read, or not all of it. It
// stops after the first warning, since they all have the same cause.
func checkUnknown(c *rule.EditContext) {
	reported := map[grantedName]bool{} // a template is reported once, for the first name that it can become
	for _, u := range c.Grants.Unknown {
		if reported[nameOf(u.Grant)] {
			continue
		}
		f, found := sayUnknown(c, u)
		if !found {
			continue
		}
		reported[nameOf(u.Grant)] = true
		if c.Report(grantPosition(u.Grant), f); f.Severity == rule.Warning {
			return
		}
	}
}
