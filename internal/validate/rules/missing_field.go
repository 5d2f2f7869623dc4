package rules

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var missingField = &rule.Rule{
	ID: "AA106", Name: "missing-field", Severity: rule.Error, Category: rule.Text,
	What: "an entry without rolearn or userarn, or without a username; a username that is empty because the principal has no session name; an entry without groups is a warning",
	Why:  "EKS drops an entry without an ARN and keeps one without a username under the empty name; without groups the principal can authenticate but may do only what is bound to its username",
	Bad:  strings.Replace(goodNodesAndCI, "      username: ci\n", "", 1), Good: goodNodesAndCI,
	Object: checkMissing,
}

func checkMissing(c *rule.ObjectContext) {
	problems(func(p described) rule.Finding { return sayMissing(c, p) })(c)
	for _, e := range c.Entries() {
		if e.Templated() {
			nameless(c, e)
		}
	}
}

func sayMissing(c *rule.ObjectContext, p described) (f rule.Finding) {
	switch p.Code {
	case awsauth.MissingField:
		f = sayMissingField(c, p)
	case awsauth.NoGroups:
		f = sayNoGroups(c, p)
	}
	return f
}

func sayMissingField(c *rule.ObjectContext, p described) rule.Finding {
	f := rule.Finding{Message: p.entry() + " has no " + p.Want, Why: "EKS drops the entry", Lacks: p.Want}
	if p.Want == "username" {
		f.Fix, f.Why = "write username: "+exampleName(p)+", or another name", "EKS would authenticate the principal with an empty username"
		return f
	}
	f.Fix = "write " + p.Want + ": arn:" + cmp.Or(c.Partition, "aws") + ":iam::ACCOUNT:" + strings.TrimSuffix(p.Want, "arn") + "/NAME"
	if username := p.around.username(); p.entry() == thisEntry && username != "" {
		f.Message = "the entry with username " + shown(username) + " has no " + p.Want
	}
	above := fieldLine.FindStringSubmatch(p.around.line(p.around.at - 1))
	if line, ok := strings.CutPrefix(p.around.body(), "- "); ok && above != nil && above[2] != "" && above[3] == p.Want {
		f.Fix = "write " + phrase.Bare(strings.TrimSpace(line)) + " without the -, as a field of the entry above"
	}
	return f
}

// exampleName is a username for a principal: the last part of its ARN.
func exampleName(p described) string {
	if a, err := awsauth.ParseARN(p.around.arn()); err == nil && a.Name != "" {
		return phrase.Bare(a.Name)
	}
	return "on-call"
}

// sayNoGroups says which groups the principal had, if it had any.
func sayNoGroups(c *rule.ObjectContext, p described) rule.Finding {
	f := rule.Finding{Severity: rule.Warning, Message: p.entry() + " has no groups", Fix: "add its groups, or groups: [] if none are meant",
		Why: "it can authenticate, and may do only what is bound to its username", Lacks: "groups"}
	if _, missing, ok := (surroundings{p.around.value, p.around.at + 1}).groupsAbove(); ok {
		f.Fix = "indent the lines below groups: " + spaces(missing) + " more"
		return f
	}
	for _, had := range mapped(c.Old, p.Entry) {
		if len(had.Groups) > 0 && repeatable(had.Groups) {
			groups := phrase.Bare(strings.Join(had.Groups, ", "))
			f.Message, f.Fix = p.entry()+" loses all its groups in this edit: it had "+groups, "write groups: ["+groups+"], unless it is meant to have none"
		}
	}
	return f
}

// nameless finds a username that renders to nothing, as if there were none.
func nameless(c *rule.ObjectContext, e *awsauth.Entry) {
	username := e.Username.Value
	if name, ok := awsauth.Literally(username, e.ARN.Value); !ok || name != "" || username == "" {
		return
	}
	a, _ := e.Principal() // without a principal a template is not literal
	c.Report(rule.AtUsername(e).Of(e.Name()), rule.Finding{Subject: "username",
		Message: fmt.Sprintf("the username %s of %s is empty, since %s has no session name", phrase.Quote(username), phrase.Bare(e.ARN.Value), withArticle(a.Kind)),
		Fix:     "write the name out", Why: "EKS authenticates callers with an empty username, so RBAC and the audit log cannot tell them apart"})
}
