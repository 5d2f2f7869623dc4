package rules

import (
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var unknownTemplate = &rule.Rule{
	ID: "AA206", Name: "unknown-template", Severity: rule.Error, Category: rule.Name,
	What:       "a username or group has a placeholder inside other braces, or {{EC2PrivateDNSName}} for people or for nodes that are not on EC2; it is a warning if EKS does not know the {{...}}, if a user, the root user or a federated user has no session name to put there, and if {{EC2PrivateDNSName}} is in a username that is not a node's",
	Why:        "EKS replaces one placeholder after another, also in the value of the one before; if the username or a group has {{EC2PrivateDNSName}}, only EC2 instances can authenticate; {{...}} that EKS does not know stays as it is, and a session name that does not exist becomes nothing",
	Bad:        strings.NewReplacer("username: ci", `username: "ci:{{SessionName}}"`, "deployers", `deployers, "on:{{EC2PrivateDNSName}}"`).Replace(goodNodesAndCI),
	Good:       strings.Replace(goodNodesAndCI, "username: ci", `username: "ci:{{SessionName}}"`, 1),
	SilencedBy: []rule.Silence{{Rule: "AA102", Same: rule.SameField}, {Rule: "AA404", Same: rule.SameField}, {Rule: "AA405", Same: rule.SameEntry}, {Rule: "AA505", Same: rule.SamePrincipal}},
	Entry:      checkPlaceholders,
}

func checkPlaceholders(c *rule.EntryContext) {
	e := c.Entry
	if !e.Templated() {
		return
	}
	checkPlaceholdersOf(c, rule.AtUsername(e), "username")
	for i := range e.Groups {
		checkPlaceholdersOf(c, rule.AtGroup(e, i), "groups")
	}
}

// checkPlaceholdersOf judges one username or group. kind is its field, without an index.
func checkPlaceholdersOf(c *rule.EntryContext, at rule.Position, kind string) {
	if !strings.Contains(at.Value, "{{") {
		return
	}
	written := nameIn(c.Entry, kind == "username", at.Value)
	for _, u := range awsauth.UnknownPlaceholders(at.Value) {
		f := rule.Finding{Severity: rule.Warning, Subject: "placeholder " + u, Message: written + " has " + phrase.Bare(u) + ", which EKS does not know",
			Fix: "write one of " + strings.Join(awsauth.Placeholders, ", "), Why: "EKS replaces only the placeholders that it knows, so this one stays in the name as it is"}
		if near := awsauth.NearestPlaceholder(u); near != "" {
			f.Fix = "write " + near
			if kind == "username" && nodes.IsUsername(strings.Replace(at.Value, u, near, 1)) {
				f.Yields = rule.YieldsToRule // it is no node's username, and another finding says to write that
			}
		}
		c.Report(at, f)
	}
	for _, n := range awsauth.Nested(at.Value) {
		c.Report(at, rule.Finding{Subject: "nested in " + kind + " " + at.Value, Message: written + " has a placeholder inside other braces: " + phrase.Quote(n),
			Fix: "write the name out, or put the placeholders side by side",
			Why: "EKS replaces one placeholder after another, so the value of the first can complete the second"})
	}
	a, err := c.Entry.Principal()
	if err != nil {
		return
	}
	checkSessionName(c, at, a, written)
	checkDNSName(c, at, a, written)
}

// checkSessionName finds the session name of a principal that has none.
func checkSessionName(c *rule.EntryContext, at rule.Position, a awsauth.ARN, written string) {
	asked := strings.Contains(at.Value, awsauth.SessionName) || strings.Contains(at.Value, awsauth.SessionNameRaw)
	if !a.Sessionless() || !asked {
		return
	}
	if name, ok := awsauth.Literally(at.Value, c.Entry.ARN.Value); ok && name == "" {
		return // nothing is left of it, and other rules say so
	}
	c.Report(at, rule.Finding{Severity: rule.Warning, Subject: "session of a user", Message: written + " uses the session name",
		Fix: "write the name out", Why: withArticle(a.Kind) + " has no session name, so EKS replaces it with nothing"})
}

// checkDNSName finds {{EC2PrivateDNSName}} where others than EC2 instances are meant. One value that cannot be rendered for
// them is enough for EKS to deny them (aws-iam-authenticator pkg/server, renderTemplates).
func checkDNSName(c *rule.EntryContext, at rule.Position, a awsauth.ARN, written string) {
	username := c.Entry.Username.Value
	ofInstances := strings.Contains(username, awsauth.EC2PrivateDNSName)
	if !strings.Contains(at.Value, awsauth.EC2PrivateDNSName) || ofInstances && strings.HasPrefix(username, awsauth.NodePrefix) && !a.Sessionless() {
		return // nodes on EC2
	}
	f := rule.Finding{Subject: "DNS name of no node", Message: written + " can be rendered only for EC2 instances",
		Fix: "write " + awsauth.SessionName + ", or write the name out"}
	switch {
	case a.Sessionless():
		f.Fix, f.Why = "write the name out", withArticle(a.Kind)+" is not an EC2 instance, so nobody can authenticate by this entry"
	case awsauth.HasSSOPrefix(a.Name):
		f.Why = "no other caller can authenticate, so nobody can use this IAM Identity Center (SSO) role"
	case !ofInstances:
		f.Fix, f.Why = "remove it, or write "+awsauth.SessionName, "no other caller can authenticate, whatever the username"
	case admittedAll(c, a):
		f.Why = "others who authenticate with this role today can no longer do so"
	default:
		f.Severity, f.Why = rule.Warning, "no other caller can authenticate by this entry"
	}
	if meantForNode(c.Entry, a) {
		f.Yields = rule.YieldsToRule
		f.Fix = "write username: " + awsauth.NodePrefix + awsauth.EC2PrivateDNSName + " if nodes use the role; if not, write the name out"
	}
	c.Report(at, f)
}

// meantForNode reports that an entry with {{EC2PrivateDNSName}} in its username is a node's, but for the beginning of the username.
func meantForNode(e *awsauth.Entry, a awsauth.ARN) bool {
	if a.Sessionless() || awsauth.HasSSOPrefix(a.Name) || !strings.Contains(e.Username.Value, awsauth.EC2PrivateDNSName) {
		return false
	}
	return e.Username.Value == awsauth.EC2PrivateDNSName || slices.ContainsFunc(e.GroupNames(), func(g string) bool {
		return g == awsauth.GroupNodes || g == awsauth.GroupBootstrappers
	})
}

// admittedAll reports that every session of the entry's principal could authenticate before the edit.
func admittedAll(c *rule.EntryContext, a awsauth.ARN) bool {
	if c.Before == nil {
		return false
	}
	ids := c.Before.Lookup(c.Entry.ARN.Value)
	if len(ids) > 0 {
		return slices.ContainsFunc(ids, func(id awsauth.Identity) bool { return id.Sessions() == awsauth.AnySession })
	}
	_, whole := c.Before.Accounts[a.Account]
	return whole
}
