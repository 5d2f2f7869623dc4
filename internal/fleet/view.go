package fleet

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
)

// shape is what the nodes of one set have in common.
type shape struct {
	kind  nodes.Kind
	byID  bool
	maybe bool
	doubt string
}

// state is what a set counts of a node.
type state struct{ ready, joining, unproven bool }

// index collects nodes by role and shape; the role "" is not known.
type index map[string]map[shape]*nodes.Set

func (x index) add(role string, s shape, name string, is state) {
	if x[role] == nil {
		x[role] = map[shape]*nodes.Set{}
	}
	set := x[role][s]
	if set == nil {
		set = &nodes.Set{Kind: s.kind, ByInstanceID: s.byID, Maybe: s.maybe, Doubt: s.doubt}
		x[role][s] = set
	}
	set.Names = append(set.Names, name)
	switch {
	case is.joining:
		set.Joining++
	case !is.ready:
		set.NotReady++
	}
	if is.unproven {
		set.Unproven++
	}
}

// sets are the nodes with a role, in a fixed order.
func (x index) sets(role string) []nodes.Set {
	sets := make([]nodes.Set, 0, len(x[role]))
	for _, s := range x[role] {
		slices.Sort(s.Names)
		s.Names = slices.Clip(s.Names)
		sets = append(sets, *s)
	}
	slices.SortFunc(sets, func(a, b nodes.Set) int {
		return strings.Compare(string(a.Kind)+a.Names[0]+a.Doubt, string(b.Kind)+b.Names[0]+b.Doubt)
	})
	return sets
}

// View puts the facts together: nodes by role, without the role's path, and what is known about access entries.
func (f *Facts) View() *nodes.View {
	p := &placement{Facts: f, nodes: index{}, doubtful: index{}, fargate: f.fargateRoles(), claims: f.claims(),
		joined: make(map[naming]bool, len(f.Nodes)), placed: make(map[string]string, len(f.Nodes))}
	for name, n := range f.Nodes {
		p.node(name, n)
	}
	for _, instances := range []map[string]Instance{f.Named, f.Starting} {
		for id, i := range instances {
			p.named(id, i)
		}
	}
	for id := range f.Starting {
		p.starting(id)
	}
	return p.view()
}

// placement is where nodes are put, while a view is made.
type placement struct {
	*Facts
	nodes, doubtful index // the second holds the nodes that something speaks against
	fargate         []string
	claims          map[string]claim
	joined          map[naming]bool
	placed          map[string]string // by name: the role of the node's instance
}

// naming is an instance, and whether its Node is named for its id.
type naming struct {
	instance string
	byID     bool
}

func (p *placement) add(role string, s shape, name string, is state) {
	if s.doubt != "" {
		p.doubtful.add(role, s, name, is)
	} else {
		p.nodes.add(role, s, name, is)
	}
}

// node puts in a Node object.
func (p *placement) node(name string, n Node) {
	s, is := shape{kind: n.Kind(), doubt: p.doubt(n, p.claims)}, state{ready: n.Ready, unproven: true}
	id := n.Instance()
	switch {
	case s.kind == nodes.Fargate && len(p.fargate) > 0:
		s.maybe = len(p.fargate) > 1
		for _, role := range p.fargate {
			p.add(role, s, name, is)
		}
		return
	case id == "":
		p.add("", s, name, is)
		return
	}
	i, known := p.instance(id)
	if i.Gone && !n.Ready {
		return // the Node object will go as well
	}
	s.byID = name == id
	if s.doubt == "" { // else the instance may still be about to join
		p.joined[naming{id, s.byID}] = true
		p.placed[name] = p.role(i)
	}
	if known {
		s.kind = i.kind()
		is.unproven = !p.proven(n, i, p.claims[id])
		is.joining = n.NeverReady && !is.unproven && s.doubt == ""
	}
	p.add(p.role(i), s, name, is)
}

// named adds the Nodes that have an instance's name. A node authenticates as the instance that it is named for,
// whatever its provider id says: that stays when another instance gets the name before the Node object is deleted,
// and somebody who may create nodes can have written it before the node joined.
func (p *placement) named(id string, i Instance) {
	for _, name := range []string{id, strings.ToLower(i.DNSName)} {
		n, ok := p.Nodes[name]
		role := p.role(i)
		if !ok || n.NeverReady || n.Instance() == id || p.placed[name] == role || p.Cluster == "" || i.Cluster != p.Cluster {
			continue
		}
		s := shape{kind: i.kind(), byID: name == id}
		p.nodes.add(role, s, name, state{ready: n.Ready, unproven: true})
		p.joined[naming{id, s.byID}], p.placed[name] = true, role
	}
}

// starting puts in an instance that is about to become a node.
func (p *placement) starting(id string) {
	i, _ := p.instance(id)
	role := p.role(i)
	s := shape{kind: i.kind(), byID: p.nodes.namedByID(role)}
	if p.joined[naming{id, s.byID}] || i.Gone || i.Profile == "" {
		return // where its Node is named unlike the others, that may be another's doing
	}
	p.nodes.add(role, s, id, state{joining: true})
}

// view is what has been put in, and the rest of the facts.
func (p *placement) view() *nodes.View {
	v := &nodes.View{Nodes: make(map[string][]nodes.Set, len(p.nodes)), RoleARNs: make(map[string]string, len(p.nodes)),
		Unplaced: p.nodes.sets(""), NodesKnown: p.NodesKnown, Mode: p.Mode,
		Entries: make(map[string]nodes.AccessEntry, len(p.Entries)), AccessKnown: p.AccessKnown}
	for kind, roles := range p.Assigned {
		for _, arn := range roles {
			if v.Assigned == nil {
				v.Assigned = map[string][]nodes.Kind{}
			}
			role := awsauth.Subject(arn)
			v.Assigned[role] = append(v.Assigned[role], kind)
		}
	}
	for role := range p.nodes {
		if role != "" {
			v.Nodes[role] = p.nodes.sets(role)
		}
	}
	for role := range p.doubtful {
		if v.Doubtful == nil {
			v.Doubtful = map[string][]nodes.Set{}
		}
		v.Doubtful[role] = p.doubtful.sets(role)
	}
	if v.NodesKnown.Problem == "" {
		v.NodesKnown.Problem = strangers(v.Doubtful)
	}
	for _, arn := range slices.Concat(slices.Collect(maps.Values(p.Profiles)), p.FargateRoles) {
		if role := awsauth.Subject(arn); v.Nodes[role] != nil || v.Doubtful[role] != nil {
			v.RoleARNs[role] = arn
		}
	}
	for _, e := range p.Entries {
		subject := awsauth.Subject(e.ARN)
		e.PrincipalCreated = p.PrincipalCreated[subject]
		v.Entries[subject] = e
	}
	return v
}

// namedByID reports that the nodes on EC2 that have joined with the role are named for their instances: those that
// come will be, too.
func (x index) namedByID(role string) bool {
	byID := false
	for s, set := range x[role] {
		if set.Joining == len(set.Names) {
			continue
		}
		if !s.byID {
			return false
		}
		byID = true
	}
	return byID
}

// knowledge is what was found out at a moment, good for the time that it is worth something.
func knowledge(at time.Time, problem string) nodes.Knowledge {
	k := nodes.Knowledge{At: at, Problem: problem}
	if !at.IsZero() {
		k.Expires = at.Add(staleAfter)
	}
	return k
}
