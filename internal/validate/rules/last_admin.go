package rules

import (
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var lastAdmin = &rule.Rule{
	ID: "AA507", Name: "last-admin", Severity: rule.Warning, Category: rule.Loss,
	What: "the loss of the last mapping to a privileged group, or to what the cluster's RBAC makes as good as system:masters",
	Why:  "only the cluster's creator, or an access entry, can administer the cluster then",
	Bad:  goodNodesAndCI, Good: strings.Replace(goodNodesAndCI, "deployers", "system:masters", 1),
	Edit: checkLastAdmin,
}

func checkLastAdmin(c *rule.EditContext) {
	if c.Operation != rule.Update || c.Fleet.Ignored() || firstAdmin(c, c.New) != "" || adminElsewhere(c) {
		return
	}
	last := firstAdmin(c, c.Old)
	if last == "" {
		return
	}
	f := rule.Finding{Subject: "admins",
		Message: fmt.Sprintf("no admin is left in aws-auth, %s was the last", phrase.Quote(last)),
		Why:     "so only the cluster's creator or an access entry can administer the cluster",
		Fix:     "keep one admin mapping, or make sure that an access entry is there"}
	if c.Fleet.KnowsAccess(c.Now) {
		f.Why = "and no access entry has AmazonEKSClusterAdminPolicy, so only the cluster's creator can administer the cluster"
		f.Fix = "keep one admin mapping, or create an access entry with that policy first"
	}
	c.Report(rule.Position{Field: "data", DataKey: awsauth.MapRoles, Value: last}, f)
}
