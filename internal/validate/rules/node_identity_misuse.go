package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var nodeIdentityMisuse = &rule.Rule{
	ID: "AA405", Name: "node-identity-misuse", Severity: rule.Error, Category: rule.Grant,
	What: "system:nodes, system:bootstrappers or a system:node: username on a user, or on a role that people assume",
	Why:  "a node's identity may read the secrets of every pod on that node; whoever is no node gets them with it",
	Bad:  strings.Replace(goodNodesAndCI, "[deployers]", "[deployers, system:nodes]", 1), Good: goodNodesAndCI,
	Entry: checkNodeIdentity,
}

// checkNodeIdentity finds node identities in the wrong hands.
func checkNodeIdentity(c *rule.EntryContext) {
	e := c.Entry
	named := strings.HasPrefix(e.Username.Value, awsauth.NodePrefix)
	group := slices.IndexFunc(e.Groups, func(g awsauth.Text) bool {
		return g.Value == awsauth.GroupNodes || g.Value == awsauth.GroupBootstrappers
	})
	if group < 0 && !named {
		return
	}
	a, err := awsauth.ParseARN(strings.TrimSpace(e.ARN.Value))
	if err != nil {
		return
	}
	at := rule.AtUsername(e)
	if group >= 0 {
		at = rule.AtGroup(e, group)
	}
	given := phrase.Quote(at.Value)
	f := rule.Finding{Subject: "node identity", Gives: rule.GivesNodeIdentity,
		Why: "and a node's identity may read the secrets of every pod on that node"}
	switch {
	case a.Sessionless():
		f.Message = fmt.Sprintf("%s is given to %s, and no node signs in as one", given, withArticle(a.Kind))
		f.Fix = "give the user a name and groups of its own"
	case awsauth.HasSSOPrefix(a.Name):
		f.Message = given + " is given to an IAM Identity Center (SSO) role, which people assume"
		f.Fix = "map the role that the nodes use, and give people groups of their own"
	case !named:
		f.Message = fmt.Sprintf("%s is given to a role whose username %s is no node's", given, phrase.Quote(e.Username.Value))
		f.Fix = "leave the group out, or, if nodes use the role, write username: " + awsauth.NodePrefix + awsauth.EC2PrivateDNSName
	default:
		return
	}
	c.Report(at, f)
}
