package nodes

import "slices"

// Set are running nodes that need the same mapping.
type Set struct {
	Kind Kind
	// ByInstanceID says that the nodes are named for their EC2 instance, not for its private DNS name: then the session
	// name is their name (nodeadm, feature gate InstanceIdNodeName).
	ByInstanceID bool
	// Maybe says that the role is one of several that these nodes may have: nothing shows which Fargate profile a node
	// belongs to.
	Maybe bool
	// Names are the nodes, sorted; an instance that has not joined yet goes by its instance id.
	Names []string
	// NotReady and Joining count those among them that are not ready, and that have not joined yet.
	NotReady, Joining int
	// Unproven counts those that nothing but their Node object shows to be nodes of this cluster: no evidence that nodes
	// use the role.
	Unproven int
	// Doubt says what speaks against a set of View.Doubtful.
	Doubt string
}

// Same reports that two sets of one view hold the same nodes.
func (s Set) Same(o Set) bool {
	return s.Kind == o.Kind && s.ByInstanceID == o.ByInstanceID && slices.Equal(s.Names, o.Names)
}

// names are the nodes of several sets, sorted. Findings do without: there may be thousands, each about all nodes.
func names(sets []Set) []string {
	var all []string
	for _, s := range sets {
		all = append(all, s.Names...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Proven reports that more than Node objects shows at least one of the nodes to be a node of this cluster.
func (s Set) Proven() bool { return len(s.Names) > s.Joining+s.Unproven }

// ready is how many nodes of a set are ready.
func (s Set) ready() int { return len(s.Names) - s.NotReady - s.Joining }

// traceable reports that the role of such nodes can be found out, so that not to know it is a gap and not their
// nature.
func (s Set) traceable() bool { return s.Kind != Hybrid && s.Kind != Other }

// where are the sets for which keep holds.
func where(sets []Set, keep func(Set) bool) []Set {
	var kept []Set
	for _, s := range sets {
		if keep(s) {
			kept = append(kept, s)
		}
	}
	return kept
}
