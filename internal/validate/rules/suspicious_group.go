package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var suspiciousGroup = &rule.Rule{
	ID: "AA107", Name: "suspicious-group", Severity: rule.Error, Category: rule.Text,
	What:   "a group with spaces in or around it, an empty one (a warning if it is written as an empty string), several groups in one string (a warning if all are your own), or one a typo away from a group that Kubernetes or EKS knows; system:unauthenticated",
	Why:    "a group that nothing is bound to gives nothing, without an error: nodes with system:node do not join, an admin with system:master may do nothing; a caller with system:unauthenticated does not get system:authenticated",
	Bad:    strings.Replace(goodNodesAndCI, " [deployers]", "\n        - deployers\n         - viewers", 1),
	Good:   strings.Replace(goodNodesAndCI, " [deployers]", "\n        - deployers\n        - viewers", 1),
	Object: checkGroups,
}

// maxTyped bounds for how many groups the lines around them are looked at. No report shows more findings.
const maxTyped = 1000

func checkGroups(c *rule.ObjectContext) {
	problems(sayEmptyGroup)(c)
	values, typed := texts{object: c.Object}, 0
	for _, e := range c.Entries() {
		for i, g := range e.Groups {
			f, odd := oddGroup(g.Value)
			if !odd && strings.Contains(g.Value, "{{") {
				f, odd = oddTemplate(g.Value, e)
			}
			if odd {
				f.Subject = g.Value
				f.Message += ", in the entry for " + named(e)
				if typed++; typed > maxTyped {
					c.Report(rule.AtGroup(e, i).Of(e.Name()), f)
					continue
				}
				f.Fix, f.Lines = typedInstead(c, e, g.Value, values.around(awsauth.Problem{Place: g.Place}), f.Fix)
				c.Report(rule.AtGroup(e, i).Of(e.Name()), f)
			}
		}
	}
}

// typedInstead is what to type in the place of an odd group, where its line or the old version shows it; else fix stays.
func typedInstead(c *rule.ObjectContext, e *awsauth.Entry, g string, s surroundings, fix string) (string, []string) {
	words := strings.Fields(g)
	switch meant, _ := nearGroup(strings.TrimSpace(g)); {
	case meant == policy.Masters: // nobody should type it because a message says so
		approved := "or get " + policy.Masters + " approved: " + c.Policy.Ask("approvals", "privileged.approvals")
		if lost := groupsBefore(c.Old, e.ARN.Value, s); len(lost) > 0 {
			return "write " + s.asTyped(lost) + ", as before, " + approved, nil
		}
		return removeIt + ", " + approved, nil
	case strings.Contains(g, " - "):
		return itemsBelow(s, strings.Split(g, " - "), fix)
	case strings.HasPrefix(fix, "write one group per line") && len(words) <= 5 && !slices.ContainsFunc(words, unfit):
		if _, rest := cut(s.own()); isGroup(rest) {
			return "write one group per line: " + s.asTyped(words), nil
		}
		return "write " + s.asTyped(words), nil
	case fix == "write "+phrase.Bare(strings.TrimSpace(g)) && s.body() != "":
		return "write " + s.asTyped([]string{g}), nil
	}
	return fix, nil
}

// unfit reports what no message offers as a group to type.
func unfit(g string) bool {
	near, _ := nearGroup(g)
	return near == policy.Masters || !plainScalar.MatchString(g)
}

// itemsBelow are several groups on lines of their own, with the indentation of the line that is to be replaced; where that is no item of
// a block, fix stays.
func itemsBelow(s surroundings, groups []string, fix string) (string, []string) {
	indent, rest := cut(s.own())
	if !strings.HasPrefix(rest, "- ") || strings.Trim(indent, " ") != "" {
		return fix, nil
	}
	lines := make([]string, len(groups))
	for i, g := range groups {
		lines[i] = indent + "- " + phrase.Bare(strings.TrimSpace(g))
	}
	return "write one group per line:", lines
}

func sayEmptyGroup(p described) (f rule.Finding) {
	if p.Code != awsauth.EmptyGroup {
		return f
	}
	f = rule.Finding{Message: p.entry() + " has an empty group", Fix: "remove the item", Why: "nothing is bound to it"}
	if p.Got == "" { // written so on purpose, as the EMR add-on of EKS Blueprints does; RBAC takes no subject without a name
		f.Severity, f.Fix, f.Why = rule.Warning, "remove the item, or write groups: [] if none are meant", "nothing can be bound to it"
	}
	return f
}

// oddTemplate says what is odd about what a group becomes; odd is false if nothing is.
func oddTemplate(g string, e *awsauth.Entry) (f rule.Finding, odd bool) {
	a, err := e.Principal()
	if err != nil {
		return f, false
	}
	t := awsauth.ParseTemplate(g, a)
	switch {
	case t.Literal() && t.Text() == "":
		return rule.Finding{Message: fmt.Sprintf("the group %s is empty, since %s has no session name", phrase.Quote(g), withArticle(a.Kind)),
			Fix: "remove it", Why: "nothing is bound to it"}, true
	case t.Literal() && t.Text() == awsauth.GroupUnauthenticated:
		return rule.Finding{Message: "the group " + phrase.Quote(g) + " is " + awsauth.GroupUnauthenticated, Fix: "remove it", Why: whyNotUnauthenticated}, true
	}
	if _, can := t.CanBe(policy.Masters); can {
		return f, false // there is worse to say of it
	}
	if by, can := t.CanBe(awsauth.GroupUnauthenticated); can && !t.Literal() {
		how := "for some callers"
		if by != "" {
			how = "with the session name " + phrase.Quote(by)
		}
		return rule.Finding{Message: fmt.Sprintf("the group %s can become %s %s", phrase.Quote(g), awsauth.GroupUnauthenticated, how),
			Fix: "write a string of your own with another beginning before the {{", Why: whyNotUnauthenticated}, true
	}
	return f, false
}
