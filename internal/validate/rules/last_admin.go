package rules

import (
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var lastAdmin = &rule.Rule{
	ID: "AA507", Name: "last-admin", Severity: rule.Warning, Category: rule.Loss,
	What: "the last mapping to a privileged group, or to what the cluster's RBAC makes equivalent to cluster-admin, is removed",
	Why:  "only the cluster creator, or an access entry, can administer the cluster then",
	Bad:  goodNodesAndCI, Good: strings.Replace(goodNodesAndCI, "deployers", "system:masters", 1),
	SilencedBy: []rule.Silence{{Rule: "AA103", Same: rule.SamePrincipal}, {Rule: "AA502", Same: rule.SamePrincipal}}, // of all of aws-auth
	Edit:       checkLastAdmin,
}

func checkLastAdmin(c *rule.EditContext) {
	if c.Operation != rule.Update || c.Fleet.Ignored() || firstAdmin(c, c.New) != "" || adminElsewhere(c) {
		return
	}
	last := firstAdmin(c, c.Old)
	if last == "" {
		return
	}
	back := "put its entry back"
	if len(c.New.Access().Lookup(last)) > 0 {
		back = "give it its groups and username back"
	}
	f := rule.Finding{Subject: "admins", Yields: rule.YieldsToRule,
		Message: fmt.Sprintf("%s was the last admin in aws-auth", namedARN(last)),
		Fix:     back + ", unless an access entry has AmazonEKSClusterAdminPolicy",
		Why:     "only the cluster creator or an access entry can administer the cluster then"}
	if c.Fleet.KnowsAccess(c.Now) {
		f.Fix = back + ", or first create an access entry with AmazonEKSClusterAdminPolicy"
		f.Why = "no access entry has that policy, so only the cluster creator can administer the cluster then"
	}
	c.Report(rule.Position{Field: "data", DataKey: awsauth.MapRoles, Value: last}, f)
}
