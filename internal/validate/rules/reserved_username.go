package rules

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var reservedUsername = &rule.Rule{
	ID: "AA404", Name: "reserved-username", Severity: rule.Error, Category: rule.Grant,
	What: "a username begins with system:, eks:, aws:, amazon: or iam: and is not the template of a node; with aws: and an account ID it is a warning",
	Why:  "these names belong to Kubernetes and EKS: RBAC and this guard treat a caller with the username system:kube-controller-manager or eks:node-manager as that component",
	Bad:  strings.Replace(goodNodesAndCI, "username: ci", "username: eks:node-manager", 1), Good: goodNodesAndCI,
	SilencedBy: []rule.Silence{{Rule: "AA505", Same: rule.SamePrincipal}},
	Entry:      checkReserved,
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
		Message: fmt.Sprintf("%s begins with %s", nameIn(c.Entry, true, username), prefix),
		Why:     "Kubernetes and EKS reserve that prefix for their components: a caller with such a name can get the rights of one"}
	f.Fix = "write username: " + usernameInstead(c)
	switch {
	case strings.HasPrefix(username, awsauth.NodePrefix):
		f.Fix = "write username: " + awsauth.NodePrefix + awsauth.EC2PrivateDNSName + " for EC2 nodes, " +
			awsauth.NodePrefix + awsauth.SessionName + " for Fargate and hybrid nodes"
		if meant := awsauth.NearestPlaceholder(strings.TrimPrefix(username, awsauth.NodePrefix)); nodes.IsUsername(awsauth.NodePrefix + meant) {
			f.Fix, f.Yields = "write username: "+awsauth.NodePrefix+meant, rule.YieldsToRule
		}
	case accountUsername.MatchString(username):
		f.Severity = rule.Warning
		f.Why = "EKS reserves that prefix, although no component of EKS or Kubernetes has an account ID in its name"
	}
	c.Report(rule.AtUsername(c.Entry), f)
}

// usernameInstead is what to write: what the principal had before, or its name, before the rest of a template.
func usernameInstead(c *rule.EntryContext) string {
	if c.Before != nil {
		for _, id := range c.Before.Lookup(c.Entry.Subject()) {
			if id.Username != "" && privilege.ReservedPrefix(id.Username) == "" && plainScalar.MatchString(id.Username) {
				return id.Username
			}
		}
	}
	name := "NAME"
	if a, err := c.Entry.Principal(); err == nil && principal.IsName(a.Name) {
		name = a.Name
	}
	username := c.Entry.Username.Value
	if _, rest, _ := strings.Cut(username, ":"); strings.Contains(username, "{{") && plainScalar.MatchString(name+":"+rest) {
		return name + ":" + rest
	}
	return name
}
