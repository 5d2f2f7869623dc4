package rules

import (
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var breaksNodeMapping = &rule.Rule{
	ID: "AA505", Name: "breaks-node-mapping", Severity: rule.Error, Category: rule.Loss,
	What: "a node role has another username template or other groups than its kind of node needs (EC2, Windows, Fargate, hybrid), is mapped for two kinds of node or for other nodes than those that run with it, or has a group with {{EC2PrivateDNSName}} for nodes that are not on EC2",
	Why:  "nodes with that role cannot join, or turn NotReady within minutes",
	Bad:  strings.Replace(goodNodes, "[system:bootstrappers, system:nodes]", "[system:nodes]", 1), Good: goodNodes,
	Object: checkNodeMappings,
	Edit:   checkBrokenMappings,
}

// checkNodeMappings holds every entry against what nodes need, and against the nodes that have its role.
func checkNodeMappings(c *rule.ObjectContext) {
	for _, e := range c.Entries() {
		fault, faulty := mappingFaultOf(e)
		unserved := c.Fleet.Unserved(e, c.Now)
		useless := len(unserved.Sets) > 0 && nodes.KindMeant(e.Identity()) == nodes.None
		if faulty {
			f := fault.finding()
			if useless && !unserved.Doubtful {
				f.Why = nodes.Count(unserved.Sets) + " cannot authenticate with it: " + nodes.Which(unserved.Sets)
				f.Nodes = unserved.Sets
			}
			c.Report(fault.position(), f)
		}
		if len(unserved.Sets) > 0 && !(faulty && useless) { // else the fault says it
			c.Report(rule.AtUsername(e), liveMapping(e, unserved))
		}
	}
}

// liveMapping is about an entry that nodes have and cannot use. An entry that serves some of them is better than none,
// and so allowed: no entry can serve two kinds of node that need different usernames.
func liveMapping(e *awsauth.Entry, u nodes.Unserved) rule.Finding {
	cut := u.Sets
	kind, need := cut[0].Kind, cut[0].Needs()
	f := rule.Finding{Subject: "live nodes", Nodes: cut,
		Message: fmt.Sprintf("%s %s %s and cannot authenticate by this mapping: %s", nodes.Count(cut), nodes.Use(cut), named(e), nodes.Which(cut)),
		Fix:     fmt.Sprintf("write username: %s and groups: [%s]", need.Username, strings.Join(need.Groups, ", ")),
		Why:     fmt.Sprintf("%s nodes need another username or other groups", kind)}
	i := nodes.Barring(e.GroupNames())
	if i >= 0 && !kind.OnEC2() && need.HasGroups(e.Identity()) && e.Username.Value == need.Username {
		f.Fix, f.Why = "remove the group "+phrase.Quote(e.Groups[i].Value), "EKS can render it only for EC2 instances, so no other caller can authenticate"
	}
	switch {
	case u.Doubtful:
		f.Severity = rule.Warning
		f.Message = fmt.Sprintf("%s may use %s and cannot authenticate by this mapping: %s", nodes.Count(cut), named(e), nodes.Which(cut))
		f.Why = nodes.Doubted(cut)
	case u.ServesOthers && need.Username != e.Username.Value:
		f.Severity = rule.Warning
		f.Fix = fmt.Sprintf("create another role for the %s nodes, and map it with username: %s", kind, need.Username)
		f.Why = "other kinds of node use the role too, and a role has one username template"
	case u.ServesOthers:
		f.Severity = rule.Warning
	}
	return f
}

// checkBrokenMappings finds node roles that stay mapped while nodes can no longer use their mapping.
func checkBrokenMappings(c *rule.EditContext) {
	l, ok := nodeLosses(c)
	if !ok {
		return
	}
	for _, loss := range l.Broken {
		if !saidOf(loss, c.Own) {
			b := newBroken(loss)
			c.Report(b.position(), b.finding(c))
		}
	}
}
