package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var templateGrants = &rule.Rule{
	ID: "AA403", Name: "template-grants", Severity: rule.Error, Category: rule.Grant,
	What: "the {{...}} of a group or username can become a privileged one",
	Why:  "a caller who assumes the role chooses the session name: with the session name masters, system:{{SessionName}} is system:masters",
	Bad:  strings.Replace(goodNodesAndCI, "deployers", `"system:{{SessionName}}"`, 1), Good: goodNodesAndCI,
	SilencedBy: []rule.Silence{{Rule: "AA404", Same: rule.SameField}},
	Entry:      checkTemplates,
	Edit:       checkApprovedTemplates,
}

// checkTemplates finds what templates can become without an approval.
func checkTemplates(c *rule.EntryContext) {
	e := c.Entry
	if !e.Templated() {
		return
	}
	for _, w := range c.Privileges.TemplateWays(e.ARN.Value, e.Username.Value, e.GroupNames()) {
		if w.Standing == policy.Valid {
			continue
		}
		at := rule.AtUsername(e)
		if !w.Username {
			at = rule.AtGroup(e, w.Index)
		}
		f := sayTemplate(e, at.Value, w.Username, templateTarget(c, w), w.Session)
		if exemptReserved(c, w) {
			f.Yields = rule.YieldsToRule // nobody may have such a name
		}
		c.Report(at, f)
	}
	checkReservedBeginning(c)
}

// checkApprovedTemplates finds new templates that can become what the policy approves, and that something else is
// against.
func checkApprovedTemplates(c *rule.EditContext) {
	reported := map[grantedName]bool{} // a template is reported once, for the first name that it can become
	for _, g := range c.Grants.Given {
		switch {
		case g.Kind != privilege.Template:
		case g.Meant:
			reportUnapproved(c, g)
		case !reported[nameOf(g)]:
			reported[nameOf(g)] = reportUnapproved(c, g)
		}
	}
}

// templateTarget is what a template becomes, and what that is.
func templateTarget(c *rule.EntryContext, w privilege.Way) string {
	group, _ := c.Privileges.Group(w.Becomes)
	known := group
	if w.Username {
		known, _ = c.Privileges.Username(w.Becomes)
	}
	switch {
	case exemptReserved(c, w):
		return phrase.Whole(w.Becomes)
	case known.Approver:
		return phrase.Whole(w.Becomes) + ", which gives " + w.Evidence
	case group.Kind != privilege.ListedGroup && w.Evidence != "":
		return phrase.Whole(w.Becomes) + ", which is equivalent to cluster-admin (" + phrase.Whole(w.Evidence) + ")"
	}
	return phrase.Whole(w.Becomes)
}

// exemptReserved reports that a username with a reserved prefix becomes one that the policy exempts.
func exemptReserved(c *rule.EntryContext, w privilege.Way) bool {
	return w.Username && slices.Contains(c.Policy.Exempt.Usernames, w.Becomes) && privilege.ReservedPrefix(w.Name) != ""
}

// checkReservedBeginning finds a username that can begin with a reserved prefix, and is not written so.
func checkReservedBeginning(c *rule.EntryContext) {
	e := c.Entry
	username := e.Username.Value
	of, _ := e.Principal() // where it is none, nothing is known of it
	t := awsauth.ParseTemplate(username, of)
	if t.Literal() && t.Text() == username || privilege.ReservedPrefix(username) != "" {
		return
	}
	for _, prefix := range privilege.ReservedPrefixes {
		if session, ok := t.CanBegin(prefix); ok {
			c.Report(rule.AtUsername(e), sayTemplate(e, username, true, prefix+"...", session))
			return
		}
	}
}

// sayTemplate says what a template can become; session is the session name that does it, if one does.
func sayTemplate(e *awsauth.Entry, template string, username bool, target, session string) rule.Finding {
	f := rule.Finding{Subject: "group " + template, Gives: rule.GivesName,
		Message: fmt.Sprintf("%s can become %s", nameIn(e, username, template), target),
		Fix:     "write the name out, or begin it with a prefix of your own, such as ci:" + awsauth.SessionName,
		Why:     "EKS puts that name together for some callers"}
	if username {
		f.Subject = "username " + template
	}
	if session != "" {
		f.Why = fmt.Sprintf("the caller chooses the session name, and with %s it is that name", phrase.Quote(session))
	}
	return f
}
