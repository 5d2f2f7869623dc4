package rules

import (
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var suspiciousGroup = &rule.Rule{
	ID: "AA107", Name: "suspicious-group", Severity: rule.Error, Category: rule.Text,
	What:   "a group with spaces in or around it, an empty one (a warning if it is written as an empty string), several written as one, or one a typo away from a group that Kubernetes or EKS knows; system:unauthenticated",
	Why:    "a group that nothing is bound to gives nothing, without an error: nodes with system:node do not join, an admin with system:master may do nothing; whoever has system:unauthenticated does not get system:authenticated",
	Bad:    strings.Replace(goodNodesAndCI, " [deployers]", "\n        - deployers\n         - viewers", 1),
	Good:   strings.Replace(goodNodesAndCI, " [deployers]", "\n        - deployers\n        - viewers", 1),
	Object: checkGroups,
}

func checkGroups(c *rule.ObjectContext) {
	problems(sayEmptyGroup)(c)
	for _, e := range c.Entries() {
		for i, g := range e.Groups {
			message, why, fix := oddGroup(g.Value)
			if message == "" && strings.Contains(g.Value, "{{") {
				message, why, fix = oddTemplate(g.Value, e)
			}
			if message != "" {
				c.Report(rule.AtGroup(e, i).Of(e.Name()), rule.Finding{Subject: g.Value, Message: message, Why: why, Fix: fix})
			}
		}
	}
}

func sayEmptyGroup(p awsauth.Problem) (f rule.Finding) {
	if p.Code != awsauth.EmptyGroup {
		return f
	}
	f = rule.Finding{Message: "an empty group", Why: "and nothing is bound to it", Fix: "remove the item"}
	if p.Got == "" { // written so on purpose, as the EMR add-on of EKS Blueprints does; RBAC takes no subject without a name
		f.Severity, f.Why, f.Fix = rule.Warning, "and nothing can be bound to it", "remove the item, or write groups: [] if none are meant"
	}
	return f
}

// oddTemplate says what is odd about what a group becomes, or nothing.
func oddTemplate(g string, e *awsauth.Entry) (message, why, fix string) {
	a, err := e.Principal()
	if err != nil {
		return "", "", ""
	}
	t := awsauth.ParseTemplate(g, a)
	switch {
	case t.Literal() && t.Text() == "":
		return fmt.Sprintf("%s is an empty group for %s, who has no session name", phrase.Quote(g), withArticle(a.Kind)), "and nothing is bound to it", "remove it"
	case t.Literal() && t.Text() == awsauth.GroupUnauthenticated:
		return phrase.Quote(g) + " is " + awsauth.GroupUnauthenticated, whyNotUnauthenticated, "remove it"
	}
	if _, can := t.CanBe(policy.Masters); can {
		return "", "", "" // there is worse to say of it
	}
	if by, can := t.CanBe(awsauth.GroupUnauthenticated); can && !t.Literal() {
		how := "for some callers"
		if by != "" {
			how = "with the session name " + phrase.Quote(by)
		}
		return fmt.Sprintf("%s can become %s, %s", phrase.Quote(g), awsauth.GroupUnauthenticated, how), whyNotUnauthenticated, "put a text of your own with another beginning before the {{"
	}
	return "", "", ""
}
