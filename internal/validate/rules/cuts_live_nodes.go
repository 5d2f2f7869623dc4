package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var cutsLiveNodes = &rule.Rule{
	ID: "AA503", Name: "cuts-live-nodes", Severity: rule.Error, Category: rule.Loss,
	What: "a role is no longer mapped that running nodes authenticate with and that no access entry covers; it is a warning if it may be no node's, or if an aws-auth that is created lacks it; if the guard does not know the running nodes, it is an error if none of the node roles that were mapped stays, and a warning if one does; if the guard has just started, it is always an error",
	Why:  "within minutes the API server denies every kubelet with that role, the node turns NotReady, and its pods are evicted",
	Bad: `data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/ci
      username: ci
      groups: [deployers]
`, Good: goodNodesAndCI,
	SilencedBy: []rule.Silence{{Rule: "AA202", Same: rule.SamePrincipal}},
	Edit:       checkCutNodes,
}

func checkCutNodes(c *rule.EditContext) {
	l, ok := nodeLosses(c)
	if !ok {
		return
	}
	if c.Operation == rule.Create {
		checkUnmapped(c)
		return
	}
	if mapRolesEmptied(c, l) {
		return // AA502 says it
	}
	hint := replaced(c)
	for i, loss := range l.Gone {
		at := rule.AtKey(awsauth.MapRoles, loss.Was.Canonical).Of(awsauth.Subject(loss.Was.Canonical))
		c.Report(at, roleGone(c, loss, whyLast(l), hint, i < maxPutBack))
	}
}

// checkUnmapped warns that an aws-auth which is created leaves out roles that running nodes use, as after a deletion
// that was to be a replacement. The creation itself takes nothing from anybody.
func checkUnmapped(c *rule.EditContext) {
	if len(c.New.Entries()) == 0 || c.New.Unreadable[awsauth.MapRoles] {
		return // another finding says it
	}
	for _, role := range c.Fleet.Unmapped(c.New.Access(), c.Now) {
		sets, arn := c.Fleet.Nodes[role], role
		if a, err := awsauth.ParseARN(c.Fleet.RoleARNs[role]); err == nil {
			arn = a.Canonical() // EKS matches no path
		}
		need := sets[0].Needs()
		fix := fmt.Sprintf("add an entry with rolearn: %s, username: %s, groups: [%s]", phrase.Whole(arn), need.Username, strings.Join(need.Groups, ", "))
		c.Report(rule.AtKey(awsauth.MapRoles, arn).Of(role), rule.Finding{Severity: rule.Warning, Subject: "unmapped", Nodes: sets, Fix: fix,
			Message: fmt.Sprintf("%s is not mapped, and %s %s it: %s", namedARN(arn), nodes.Count(sets), nodes.Use(sets), nodes.Which(sets)),
			Why:     nodes.Agree(sets, "it turns NotReady", "they turn NotReady") + " within minutes" + uncovered(c, role)})
	}
}

// whyLast is why none of the roles that go may go.
func whyLast(l nodes.Losses) string {
	switch {
	case l.After > 0:
		return "no node role that was mapped before stays, and running nodes keep the role they have"
	case len(l.Gone) > 1:
		return "it is one of the last roles by which nodes can authenticate"
	}
	return "it is the last role by which nodes can authenticate"
}

// roleGone says whom the loss of a mapping costs, as far as that is known.
func roleGone(c *rule.EditContext, l nodes.Loss, last, hint string, shown bool) rule.Finding {
	const notReady = "every node with this role turns NotReady within minutes"
	known := c.Fleet.KnowsNodes(c.Now)
	f := rule.Finding{Subject: "gone", Message: namedARN(l.Was.Canonical) + " is no longer mapped", Nodes: l.Cut, Yields: rule.YieldsToRule}
	putBack(&f, c, l.Was, hint, shown)
	switch {
	case len(l.Cut) > 0:
		f.Message += ": " + nodes.Count(l.Cut) + " " + nodes.LoseAccess(l.Cut) + ": " + nodes.Which(l.Cut)
		f.Why = nodes.Agree(l.Cut, "it turns", "they turn") + " NotReady within minutes" + uncovered(c, awsauth.Subject(l.Was.Canonical))
		putBack(&f, c, l.Was, hint+orRetire(c, l), shown)
	case c.Fleet.Starting():
		f.Why = notYet
		putBack(&f, c, l.Was, hint+", or try again in a few seconds", shown)
	case l.Fatal && len(l.Maybe) > 0:
		f.Message += ", and " + mayUse(l.Maybe)
		f.Why = last + untraced(c)
	case l.Fatal && c.Fleet == nil:
		f.Why = last + ": " + notReady
	case l.Fatal:
		f.Why = last + ", and " + blind(c) + ": " + notReady
	case len(l.Maybe) > 0:
		f.Message += ", and " + mayUse(l.Maybe)
		f.Why = nodes.Agree(l.Maybe, "the guard does not know which role it has", "the guard does not know which role they have") + untraced(c)
		onlyIf(&f, nodes.Agree(l.Maybe, "the node does not use the role", "the nodes do not use the role"))
	case len(l.Doubt) > 0 && known:
		f.Message += ", and " + mayUse(l.Doubt)
		f.Why = nodes.Doubted(l.Doubt)
		onlyIf(&f, nodes.Agree(l.Doubt, "it is no node of this cluster", "they are no nodes of this cluster"))
	case len(l.Ready) > 0 && known:
		f.Message += ", and " + nodes.Count(l.Ready) + " " + nodes.Use(l.Ready) + " it: " + nodes.Which(l.Ready)
		f.Why = nodes.Agree(l.Ready, "it is ready", "they are ready") +
			fmt.Sprintf(", although a mapping for %s nodes has another username or other groups", l.Ready[0].Kind)
		onlyIf(&f, nodes.Agree(l.Ready, "the node authenticates", "the nodes authenticate")+" by something else")
	default:
		f.Why = blind(c) + "; those with this role turn NotReady within minutes"
		onlyIf(&f, "no node uses the role any more")
	}
	return f
}

// replaced says that no entry of mapRoles is left of several, as when a second mapRoles: line takes the place of the first.
func replaced(c *rule.EditContext) string {
	if c.Old == nil || len(c.Old.Roles) < 2 || len(c.New.Roles) == 0 {
		return ""
	}
	had := map[string]bool{}
	for _, e := range c.Old.Roles {
		had[e.Key()] = true
	}
	if slices.ContainsFunc(c.New.Roles, func(e awsauth.Entry) bool { return had[e.Key()] }) {
		return ""
	}
	others := fmt.Sprintf("the other %d entries", len(c.Old.Roles)-1)
	if len(c.Old.Roles) == 2 {
		others = "the other entry"
	}
	return ", and " + others + " (if your editor still shows them, mapRoles: appears twice: delete the second mapRoles: line, " +
		"so that all entries are below the first)"
}

// onlyIf makes a finding a warning about something that the guard does not know.
func onlyIf(f *rule.Finding, so string) {
	f.Severity, f.Lines = rule.Warning, nil
	f.Fix = "keep the entry, unless " + so
}

// orRetire is what else there is to do where running nodes can no longer authenticate.
func orRetire(c *rule.EditContext, l nodes.Loss) string {
	or := nodes.Agree(l.Cut, ", or drain and remove the node first", ", or drain and remove the nodes first")
	if e, ok := c.Fleet.Entry(awsauth.Subject(l.Was.Canonical), c.Now); ok && e.Outlived() {
		or += ", or delete the access entry and create it again first"
	}
	return or
}

// blind says that the running nodes are not known, and why.
func blind(c *rule.EditContext) string {
	if why := c.Fleet.Doubt(c.Now); why != "" {
		return "the guard does not know the running nodes (" + why + ")"
	}
	return "the guard does not know the running nodes"
}

// untraced says what is in the way of finding out the roles of nodes.
func untraced(c *rule.EditContext) string {
	if c.Fleet == nil || c.Fleet.NodesKnown.Problem == "" {
		return ""
	}
	return " (" + c.Fleet.NodesKnown.Problem + ")"
}
