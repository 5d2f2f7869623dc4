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
	What: "a user, or a role that people assume, has the group system:nodes or system:bootstrappers or a username that begins with system:node:",
	Why:  "a node may read the secrets of every pod on it, so a caller with a node's identity gets them",
	Bad:  strings.Replace(goodNodesAndCI, "[deployers]", "[deployers, system:nodes]", 1), Good: goodNodesAndCI,
	Entry: checkNodeIdentity,
}

// checkNodeIdentity finds node identities in the wrong hands.
func checkNodeIdentity(c *rule.EntryContext) {
	e := c.Entry
	ofNode := strings.HasPrefix(e.Username.Value, awsauth.NodePrefix)
	group := slices.IndexFunc(e.Groups, func(g awsauth.Text) bool {
		return g.Value == awsauth.GroupNodes || g.Value == awsauth.GroupBootstrappers
	})
	if group < 0 && !ofNode {
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
	f := rule.Finding{Subject: "node identity", Gives: rule.GivesNodeIdentity,
		Message: fmt.Sprintf("%s has the node username %s", named(e), phrase.Quote(at.Value)),
		Why:     "a node's identity may read the secrets of every pod on that node"}
	if group >= 0 {
		f.Message = fmt.Sprintf("%s has the node group %s", named(e), phrase.Quote(at.Value))
	}
	switch {
	case a.Sessionless():
		f.Message += ", but it is " + withArticle(a.Kind)
		f.Fix = "write a username and groups of its own"
	case awsauth.HasSSOPrefix(a.Name):
		f.Message += ", but people assume it with IAM Identity Center (SSO)"
		f.Fix = "write a username and groups of its own, and map the role that the nodes use"
	case !ofNode:
		f.Message += ", but its username " + phrase.Quote(e.Username.Value) + " is not a node username"
		f.Fix = instead(c)
		if strings.Contains(e.Username.Value, awsauth.EC2PrivateDNSName) {
			at = rule.AtUsername(e) // that is what to change
			f.Why = "the API server treats only usernames that begin with " + awsauth.NodePrefix + " as nodes, so EC2 nodes with this role turn NotReady within minutes"
		}
	default:
		return
	}
	c.Report(at, f)
}

// instead is what to write where a role has a group of nodes and another username than a node's.
func instead(c *rule.EntryContext) string {
	ofNodes := []string{awsauth.GroupBootstrappers, awsauth.GroupNodes}
	remove := "remove " + phrase.List(slices.DeleteFunc(ofNodes, func(g string) bool { return !slices.Contains(c.Entry.GroupNames(), g) }))
	node := "write username: " + awsauth.NodePrefix + awsauth.EC2PrivateDNSName
	if strings.Contains(c.Entry.Username.Value, awsauth.EC2PrivateDNSName) {
		return node
	}
	if c.Before != nil && slices.ContainsFunc(c.Before.Lookup(c.Entry.Subject()), func(id awsauth.Identity) bool { return id.Username == c.Entry.Username.Value }) {
		return remove
	}
	return remove + ", or, if nodes use the role, " + node
}
