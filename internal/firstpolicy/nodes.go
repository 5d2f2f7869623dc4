package firstpolicy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// addNodes proposes the roles that aws-auth maps for nodes. Those with which nodes are proven to run are required.
func (p *Proposal) addNodes(c Cluster) {
	p.NodeRoles, p.Required = kept(c.Policy.Nodes.Roles), kept(c.Policy.Required)
	if c.Nodes == nil {
		p.UnreadNodes = "the running nodes were not read"
	} else if trouble := trouble(c); trouble != "" {
		p.UnreadNodes = "the running nodes are not all known: " + phrase.Whole(trouble)
	}
	seen := map[string]bool{}
	for _, id := range c.AWSAuth.Restored.Winners {
		role := id.Entry.Key()
		arn, ok := principal(id.Canonical)
		if nodes.KindMeant(id) == nodes.None || !ok || seen[role] {
			continue
		}
		seen[role] = true
		if !c.Policy.NodeRole(arn) {
			p.NodeRoles = append(p.NodeRoles, Entry[string]{Value: arn, Notes: []string{evidence(c, id)}})
		}
		p.require(c, id, arn)
	}
}

// trouble is why the running nodes are not all known; "" if they are.
func trouble(c Cluster) string {
	known := c.Nodes.NodesKnown
	return cmp.Or(known.Problem, known.Doubt(c.Now))
}

// require proposes that the mapping of a role must stay while nodes run by it.
func (p *Proposal) require(c Cluster, id awsauth.Identity, arn string) {
	same := func(r policy.Required) bool { return awsauth.Subject(r.ARN) == awsauth.Subject(arn) }
	sets := running(c, id)
	if len(sets) == 0 || slices.ContainsFunc(c.Policy.Required, same) {
		return
	}
	r := policy.Required{ARN: arn, Username: id.Username}
	for _, s := range sets {
		for _, g := range s.Needs().Groups {
			if id.Has(g) && !slices.Contains(r.Groups, g) {
				r.Groups = append(r.Groups, g)
			}
		}
	}
	p.Required = append(p.Required, Entry[policy.Required]{Value: r, Notes: []string{use(sets)}})
}

// running are the nodes that authenticate by a mapping, and that more than a Node object shows to be of this cluster:
// EC2, or a node group or Fargate profile with that role.
func running(c Cluster, id awsauth.Identity) (sets []nodes.Set) {
	role := id.Entry.Key()
	if c.Nodes == nil || c.Nodes.Ignored() {
		return nil
	}
	if _, shadowed := c.Nodes.Shadow(role, c.Now); shadowed {
		return nil
	}
	for _, s := range c.Nodes.Nodes[role] {
		proven := s.Proven() || slices.Contains(c.Nodes.Assigned[role], s.Kind)
		if proven && !s.Maybe && nodes.SignsIn(id, s) {
			sets = append(sets, s)
		}
	}
	return sets
}

// use says which nodes use a role.
func use(sets []nodes.Set) string {
	return nodes.Count(sets) + " " + nodes.Use(sets) + " it: " + nodes.Which(sets)
}

// evidence says what shows that nodes use a role, or that it is to be checked.
func evidence(c Cluster, id awsauth.Identity) string {
	role := id.Entry.Key()
	sets := running(c, id)
	_, shadowed := c.Nodes.Shadow(role, c.Now)
	doubtful := c.Nodes != nil && len(c.Nodes.Doubtful[role])+len(c.Nodes.Nodes[role]) > 0
	switch {
	case len(sets) > 0:
		return use(sets)
	case c.Nodes.Ignored(), shadowed:
		return check + "an access entry decides about it, so the mapping has no effect"
	case c.Nodes != nil && len(c.Nodes.Assigned[role]) > 0:
		return "EKS gives it to " + kindsOf(c.Nodes.Assigned[role]) + " nodes"
	case doubtful:
		return check + "nodes name it, and nothing else shows that they belong to this cluster"
	case c.Nodes != nil && trouble(c) == "":
		return check + "no running node uses it; if none will, remove it here and in aws-auth"
	}
	return check + "mapped for nodes; it is not known whether a node uses it"
}

func kindsOf(kinds []nodes.Kind) string {
	var words []string
	for _, k := range kinds {
		words = append(words, string(k))
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " and ")
}
