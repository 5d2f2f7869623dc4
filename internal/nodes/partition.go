package nodes

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// Partition is the cluster's own partition by the node roles that are mapped, which are always in the cluster's own
// account; "" if they do not tell. Either version may be nil.
func Partition(old, updated *awsauth.Version) string {
	before, after := mappedIn(old), mappedIn(updated)
	own := before.ofNodes()
	if own == "" {
		return after.ofNodes()
	}
	if updated == nil || after[own].nodes > 0 {
		return own
	}
	// All of them move: the edit breaks or fixes them, and the other principals tell which.
	most := before[own].principals + after[own].principals
	for _, name := range awsauth.Partitions {
		if n := before[name].principals + after[name].principals; n > most {
			own, most = name, n
		}
	}
	return own
}

// partitions are how many principals are mapped in each partition that EKS knows, and how many of them for nodes.
type partitions map[string]struct{ principals, nodes int }

func mappedIn(v *awsauth.Version) partitions {
	in := partitions{}
	if v == nil {
		return in
	}
	for _, ids := range v.Restored.Principals {
		a, _ := ids[0].Entry.Principal() // what EKS matches is one
		name := strings.ToLower(a.Partition)
		if !slices.Contains(awsauth.Partitions, name) {
			continue
		}
		n := in[name]
		n.principals++
		if KindOf(ids[0]) != None {
			n.nodes++
		}
		in[name] = n
	}
	return in
}

// ofNodes is the partition with the most node roles; of two with as many, the one with more principals; or "".
func (in partitions) ofNodes() string {
	names := slices.SortedFunc(maps.Keys(in), func(a, b string) int {
		return cmp.Or(cmp.Compare(in[b].nodes, in[a].nodes), cmp.Compare(in[b].principals, in[a].principals))
	})
	if len(names) == 0 || in[names[0]].nodes == 0 || len(names) > 1 && in[names[0]] == in[names[1]] {
		return ""
	}
	return names[0]
}
