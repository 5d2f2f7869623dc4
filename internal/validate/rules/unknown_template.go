package rules

import (
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var unknownTemplate = &rule.Rule{
	ID: "AA206", Name: "unknown-template", Severity: rule.Error, Category: rule.Name,
	What:  "a placeholder inside other braces, and {{EC2PrivateDNSName}} for people or for nodes that are not on EC2; a warning for {{...}} that EKS does not know, for the session name of users, the root user and federated users, who have none, and for {{EC2PrivateDNSName}} in a username that is no node's",
	Why:   "EKS replaces one placeholder after another, also in the value of the one before; if the username or a group has {{EC2PrivateDNSName}}, only EC2 instances can authenticate; {{...}} that EKS does not know stays as it is, and a session name that is not there becomes nothing",
	Bad:   strings.NewReplacer("username: ci", `username: "ci:{{SessionName}}"`, "deployers", `deployers, "on:{{EC2PrivateDNSName}}"`).Replace(goodNodesAndCI),
	Good:  strings.Replace(goodNodesAndCI, "username: ci", `username: "ci:{{SessionName}}"`, 1),
	Entry: checkPlaceholders,
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
	for _, u := range awsauth.UnknownPlaceholders(at.Value) {
		f := rule.Finding{Severity: rule.Warning, Subject: "placeholder " + u, Message: phrase.Quote(u) + " is not one that EKS replaces",
			Why: "so it stays in the name as it is", Fix: "write one of " + strings.Join(awsauth.Placeholders, ", ")}
		if near := awsauth.NearestPlaceholder(u); near != "" {
			f.Fix = "write " + near
		}
		c.Report(at, f)
	}
	for _, n := range awsauth.Nested(at.Value) {
		c.Report(at, rule.Finding{Subject: "nested in " + kind + " " + at.Value, Message: phrase.Quote(n) + " has a placeholder inside other braces",
			Why: "and EKS replaces one placeholder after another, so the value of the first can complete the second",
			Fix: "write the name out, or put the placeholders side by side"})
	}
	a, err := c.Entry.Principal()
	if err != nil {
		return
	}
	checkSessionName(c, at, a)
	checkDNSName(c, at, a)
}

// checkSessionName finds the session name of a principal that has none.
func checkSessionName(c *rule.EntryContext, at rule.Position, a awsauth.ARN) {
	asked := strings.Contains(at.Value, awsauth.SessionName) || strings.Contains(at.Value, awsauth.SessionNameRaw)
	if !a.Sessionless() || !asked {
		return
	}
	if name, ok := awsauth.Literally(at.Value, c.Entry.ARN.Value); ok && name == "" {
		return // nothing is left of it, and other rules say so
	}
	c.Report(at, rule.Finding{Severity: rule.Warning, Subject: "session of a user", Message: phrase.Quote(at.Value) + " uses the session name",
		Why: "and " + withArticle(a.Kind) + " has none, so EKS replaces it with nothing", Fix: "write the name out"})
}

// checkDNSName finds {{EC2PrivateDNSName}} where others than EC2 instances are meant. One value that cannot be rendered for
// them is enough for EKS to deny them (aws-iam-authenticator pkg/server, renderTemplates).
func checkDNSName(c *rule.EntryContext, at rule.Position, a awsauth.ARN) {
	username := c.Entry.Username.Value
	ofInstances := strings.Contains(username, awsauth.EC2PrivateDNSName)
	if !strings.Contains(at.Value, awsauth.EC2PrivateDNSName) || ofInstances && strings.HasPrefix(username, awsauth.NodePrefix) && !a.Sessionless() {
		return // nodes on EC2
	}
	f := rule.Finding{Subject: "DNS name of no node", Message: phrase.Quote(at.Value) + " can be rendered only for EC2 instances",
		Fix: "write " + awsauth.SessionName + ", or write the name out"}
	switch {
	case a.Sessionless():
		f.Why, f.Fix = "and "+withArticle(a.Kind)+" is not one, so nobody can authenticate by this entry", "write the name out"
	case awsauth.HasSSOPrefix(a.Name):
		f.Why = "and no other caller can authenticate, so nobody can use this IAM Identity Center (SSO) role"
	case !ofInstances:
		f.Why, f.Fix = "and no other caller can authenticate, whatever the username", "remove it, or write "+awsauth.SessionName
	case admittedAll(c, a):
		f.Why = "and others who authenticate with this role today can no longer do so"
	default:
		f.Severity, f.Why = rule.Warning, "and no other caller can authenticate by this entry"
	}
	c.Report(at, f)
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
