package rules

import (
	"fmt"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var cutsLiveNodes = &rule.Rule{
	ID: "AA503", Name: "cuts-live-nodes", Severity: rule.Error, Category: rule.Loss,
	What: "the loss of a role that live nodes sign in with, and no access entry covers; a warning if it may be no node's, and if an aws-auth that is created lacks it; if the guard does not know the running nodes, an error if none of the node roles that were mapped stays and a warning if one does; if the guard has just started, always an error",
	Why:  "within minutes every kubelet with that role is refused, the node turns NotReady, and its pods are evicted",
	Bad: `data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/ci
      username: ci
      groups: [deployers]
`, Good: goodNodesAndCI,
	Edit: checkCutNodes,
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
	for _, loss := range l.Gone {
		at := rule.AtKey(awsauth.MapRoles, loss.Was.Canonical).Of(awsauth.Subject(loss.Was.Canonical))
		c.Report(at, roleGone(c, loss, whyLast(l)))
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
		missing := awsauth.Identity{Canonical: arn, Username: need.Username, Groups: need.Groups}
		c.Report(rule.AtKey(awsauth.MapRoles, arn).Of(role), rule.Finding{Severity: rule.Warning, Subject: "unmapped", Nodes: sets,
			Message: fmt.Sprintf("the node role %s is not mapped, and %s %s it: %s",
				phrase.Quote(arn), nodes.Count(sets), nodes.Use(sets), nodes.Which(sets)),
			Why: nodes.Agree(sets, "so it turns NotReady", "so they turn NotReady") + " within minutes" + uncovered(c, role),
			Fix: "add this entry:" + entryText(missing)})
	}
}

// whyLast is why none of the roles that go may go.
func whyLast(l nodes.Losses) string {
	switch {
	case l.After > 0:
		return "and no node role that was mapped before stays, while running nodes keep the role they have"
	case len(l.Gone) > 1:
		return "and it is one of the last by which nodes can sign in"
	}
	return "and it is the last by which nodes can sign in"
}

// roleGone says whom the loss of a mapping costs, as far as that is known.
func roleGone(c *rule.EditContext, l nodes.Loss, last string) rule.Finding {
	known := c.Fleet.KnowsNodes(c.Now)
	gone := phrase.Whole(l.Was.Canonical) + " is no longer mapped"
	f := rule.Finding{Subject: "gone", Message: gone, Fix: "keep this entry:" + entryText(l.Was), Nodes: l.Cut}
	switch {
	case len(l.Cut) > 0:
		return cutOff(c, l, f)
	case c.Fleet.Starting():
		f.Why = notYet
		f.Fix = "try again in a few seconds, or " + f.Fix
	case l.Fatal && len(l.Maybe) > 0:
		f.Message += ", and " + mayUse(l.Maybe)
		f.Why = last + untraced(c)
	case l.Fatal && c.Fleet == nil:
		f.Why = last + ": every node with it turns NotReady within minutes"
	case l.Fatal:
		f.Why = last + ", and " + blind(c) + ": every node with it turns NotReady within minutes"
	case len(l.Maybe) > 0:
		f.Severity = rule.Warning
		f.Message += ", and " + mayUse(l.Maybe)
		f.Why = nodes.Agree(l.Maybe, "and nothing tells which role it has", "and nothing tells which role they have") +
			untraced(c)
		f.Fix = "make sure that they do not use the role any more, or keep the entry"
	case len(l.Doubt) > 0 && known:
		f.Severity = rule.Warning
		f.Message += ", and " + mayUse(l.Doubt)
		f.Why = nodes.Doubted(l.Doubt)
		f.Fix = nodes.Agree(l.Doubt, "make sure that it is no node", "make sure that they are no nodes") +
			", or keep the entry"
	case len(l.Ready) > 0 && known:
		return readyInSpite(l.Ready, f)
	default:
		f.Severity = rule.Warning
		f.Why = "and " + blind(c) + ": those with this role turn NotReady within minutes"
		f.Fix = "make sure that no node uses the role any more, or keep the entry"
	}
	return f
}

// cutOff is about running nodes that can no longer authenticate.
func cutOff(c *rule.EditContext, l nodes.Loss, f rule.Finding) rule.Finding {
	role := awsauth.Subject(l.Was.Canonical)
	f.Message += ", and " + nodes.Count(l.Cut) + " " + nodes.Use(l.Cut) + " it: " + nodes.Which(l.Cut)
	f.Why = nodes.Agree(l.Cut, "so it turns", "so they turn") + " NotReady within minutes" + uncovered(c, role)
	f.Fix += nodes.Agree(l.Cut, ", or take the node out of service first", ", or take the nodes out of service first")
	if e, ok := c.Fleet.Entry(role, c.Now); ok && e.Outlived() {
		f.Fix += ", or delete the access entry and create it again first"
	}
	return f
}

// readyInSpite is about nodes that are ready although what is known of them says that they cannot authenticate by the
// mapping.
func readyInSpite(ready []nodes.Set, f rule.Finding) rule.Finding {
	f.Severity = rule.Warning
	f.Message += ", and " + nodes.Count(ready) + " " + nodes.Use(ready) + " it: " + nodes.Which(ready)
	f.Why = nodes.Agree(ready, "and it is ready", "and they are ready") +
		fmt.Sprintf(", although a mapping for %s nodes has another username or other groups", ready[0].Kind)
	f.Fix = nodes.Agree(ready, "make sure that it authenticates", "make sure that they authenticate") +
		" by something else, or keep the entry"
	return f
}

// blind says that the running nodes are not known, and why.
func blind(c *rule.EditContext) string {
	if why := c.Fleet.Doubt(c.Now); why != "" {
		return "the guard does not know the live nodes (" + why + ")"
	}
	return "the guard does not know the live nodes"
}

// untraced says what is in the way of finding out the roles of nodes.
func untraced(c *rule.EditContext) string {
	if c.Fleet == nil || c.Fleet.NodesKnown.Problem == "" {
		return ""
	}
	return " (" + c.Fleet.NodesKnown.Problem + ")"
}
