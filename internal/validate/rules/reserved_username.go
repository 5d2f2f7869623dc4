package rules

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var reservedUsername = &rule.Rule{
	ID: "AA404", Name: "reserved-username", Severity: rule.Error, Category: rule.Grant,
	What: "a username that begins with system:, eks:, aws:, amazon: or iam: and is not the template of a node; a warning for aws: and an account id",
	Why:  "these names belong to Kubernetes and EKS: whoever has system:kube-controller-manager or eks:node-manager is taken for it, by RBAC and by this guard",
	Bad:  strings.Replace(goodNodesAndCI, "username: ci", "username: eks:node-manager", 1), Good: goodNodesAndCI,
	Entry: checkReserved,
}

// accountUsername is a username such as aws:{{AccountID}}:instance:{{SessionName}}, which aws-iam-authenticator's own
// documentation shows. No component of Kubernetes or EKS has such a name; RBAC is asked about it as about any other.
var accountUsername = regexp.MustCompile(`^aws:(?:\{\{AccountID\}\}|[0-9]{12}):`)

func checkReserved(c *rule.EntryContext) {
	username := c.Entry.Username.Value
	prefix := privilege.ReservedPrefix(username)
	if prefix == "" || nodes.IsUsername(username) {
		return
	}
	f := rule.Finding{Subject: username, Gives: rule.GivesName,
		Message: fmt.Sprintf("%s begins with %s", phrase.Quote(username), prefix),
		Why:     "and that prefix belongs to Kubernetes and EKS: whoever has such a name is taken for one of them"}
	rest := strings.TrimLeft(strings.TrimPrefix(username, prefix), ":")
	f.Fix = "write another name, for example " + phrase.Bare(phrase.Clip(rest))
	switch {
	case strings.HasPrefix(username, awsauth.NodePrefix):
		f.Fix = "write " + awsauth.NodePrefix + awsauth.EC2PrivateDNSName + " for EC2 nodes, " +
			awsauth.NodePrefix + awsauth.SessionName + " for Fargate and hybrid nodes"
	case rest == "":
		f.Fix = "write another name"
	case accountUsername.MatchString(username):
		f.Severity = rule.Warning
		f.Why = "and EKS reserves that prefix, although no name of EKS or Kubernetes has an account id after it"
	}
	c.Report(rule.AtUsername(c.Entry), f)
}
