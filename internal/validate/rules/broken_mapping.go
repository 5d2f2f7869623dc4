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

// broken, of breaks_node_mapping.go, is a node role that stays mapped by an edit after which nodes can no longer use its mapping. What is wrong with an
// entry by itself is in mapping_fault.go.
type broken struct {
	nodes.Loss
	is awsauth.Identity // what the role is mapped to now
	// kind are the nodes that are lost, as far as is known, and need what they need.
	kind nodes.Kind
	need nodes.Mapping
	// bars is the index of the group that keeps them out, -1 if none does.
	bars int
	// renamed says that the username is neither what they need nor what it was.
	renamed bool
}

func newBroken(l nodes.Loss) broken {
	b := broken{Loss: l, is: l.Is[0], kind: nodes.KindOf(l.Was)}
	b.need = b.kind.Needs()
	if sets := slices.Concat(l.Cut, l.Maybe, l.Doubt); len(sets) > 0 {
		b.kind, b.need = sets[0].Kind, sets[0].Needs()
	}
	b.renamed = b.is.Username != b.need.Username && b.is.Username != l.Was.Username
	b.bars = -1
	if !b.renamed && !b.kind.OnEC2() {
		b.bars = nodes.Barring(b.is.Groups)
	}
	return b
}

// saidOf reports that what was found in the new mapping itself, and is new, says of all the nodes that they are lost.
func saidOf(l nodes.Loss, own []rule.Finding) bool {
	principal := awsauth.Subject(l.Is[0].Canonical)
	return slices.ContainsFunc(own, func(f rule.Finding) bool {
		return f.Principal == principal && !f.Preexisting && f.Severity == rule.Error &&
			!slices.ContainsFunc(l.Cut, func(s nodes.Set) bool { return !slices.ContainsFunc(f.Nodes, s.Same) })
	})
}

func (b broken) position() rule.Position {
	e := b.is.Entry
	switch {
	case b.bars >= 0:
		return rule.AtGroup(e, b.bars)
	case b.renamed:
		return rule.AtUsername(e)
	}
	at := rule.At(e, "groups", awsauth.Text{Place: e.Username.Place, Value: strings.Join(b.is.Groups, ", ")})
	if len(e.Groups) > 0 {
		at.Place = e.Groups[0].Place
	}
	return at
}

func (b broken) finding(c *rule.EditContext) rule.Finding {
	f := rule.Finding{Subject: "node mapping", Nodes: b.Cut}
	f.Severity, f.Why = b.cost(c)
	switch {
	case b.bars >= 0:
		f.Message = fmt.Sprintf("%s gets the group %s, which EKS can render only for EC2 instances", namedARN(b.Was.Canonical), phrase.Quote(b.is.Groups[b.bars]))
		f.Fix = "remove the group " + phrase.Quote(b.is.Groups[b.bars])
	case b.renamed:
		f.Message = fmt.Sprintf("%s is no longer mapped as %s, but as %s", namedARN(b.Was.Canonical), b.need.Username, phrase.Quote(b.is.Username))
		if template := strings.TrimPrefix(b.need.Username, awsauth.NodePrefix); strings.HasPrefix(b.is.Username, awsauth.NodePrefix) && !nodes.IsUsername(b.is.Username) {
			f.Why = "EKS replaces " + template + " only if it is written exactly so; " + f.Why
		}
		f.Fix = "write username: " + b.need.Username
	default:
		missing := b.missing()
		f.Message = lacksGroups(b.Was.Canonical, missing)
		f.Fix = "write groups: [" + strings.Join(append(slices.Clone(b.is.Groups), missing...), ", ") + "]" + inPlaceOf(b.is.Groups)
	}
	if c.Fleet.Starting() && len(b.Cut) == 0 {
		f.Fix += ", or try again in a few seconds"
	}
	return f
}

// missing are the groups that the nodes need and do not get. Without system:bootstrappers they may have worked before.
func (b broken) missing() []string {
	var missing []string
	for _, g := range b.need.Groups {
		if !b.is.Has(g) && (g != awsauth.GroupBootstrappers || b.Was.Has(g)) {
			missing = append(missing, g)
		}
	}
	return missing
}

// cost says which nodes the mapping costs, as far as that is known.
func (b broken) cost(c *rule.EditContext) (s rule.Severity, why string) {
	known := !b.Fatal && c.Fleet.KnowsNodes(c.Now)
	switch {
	case len(b.Cut) > 0:
		return rule.Error, "within minutes " + nodes.Count(b.Cut) + nodes.Agree(b.Cut, " turns", " turn") + " NotReady: " +
			nodes.Which(b.Cut) + uncovered(c, awsauth.Subject(b.is.Canonical))
	case c.Fleet.Starting():
		return rule.Error, notYet
	case len(b.Maybe) > 0 && known:
		return rule.Warning, mayUse(b.Maybe)
	case len(b.Doubt) > 0 && known:
		return rule.Warning, mayUse(b.Doubt) + ", and " + nodes.Doubted(b.Doubt)
	case len(b.Ready) > 0 && known:
		return rule.Warning, nodes.Count(b.Ready) + " with this role " + nodes.Agree(b.Ready, "is", "are") + " ready: " + nodes.Which(b.Ready)
	}
	return rule.Error, fmt.Sprintf("%s nodes with this role turn NotReady within minutes", b.kind)
}
