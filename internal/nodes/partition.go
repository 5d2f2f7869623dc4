package nodes

import (
	"cmp"
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
	if updated == nil || after.in(own).nodes > 0 {
		return own
	}
	// All of them move: the edit breaks or fixes them, and the other principals tell which.
	most := before.in(own).principals + after.in(own).principals
	for _, name := range awsauth.Partitions {
		if n := before.in(name).principals + after.in(name).principals; n > most {
			own, most = name, n
		}
	}
	return own
}

// partitions are the partitions that EKS knows, in the order of awsauth.Partitions, with how many principals are mapped in
// each, and how many of them for nodes.
type partitions []struct{ principals, nodes int }

func mappedIn(v *awsauth.Version) partitions {
	in := make(partitions, len(awsauth.Partitions))
	if v == nil {
		return in
	}
	for _, id := range v.Restored.Winners {
		a, _ := id.Entry.Principal() // what EKS matches is one
		i := slices.Index(awsauth.Partitions, strings.ToLower(a.Partition))
		if i < 0 {
			continue
		}
		in[i].principals++
		if KindOf(id) != None {
			in[i].nodes++
		}
	}
	return in
}

func (p partitions) in(name string) struct{ principals, nodes int } {
	return p[slices.Index(awsauth.Partitions, name)]
}

// ofNodes is the partition with the most node roles; of two with as many, the one with more principals; or "".
func (p partitions) ofNodes() string {
	most, tied := 0, false
	for next := 1; next < len(p); next++ {
		switch cmp.Or(cmp.Compare(p[next].nodes, p[most].nodes), cmp.Compare(p[next].principals, p[most].principals)) {
		case 1:
			most, tied = next, false
		case 0:
			tied = true
		}
	}
	if p[most].nodes == 0 || tied {
		return ""
	}
	return awsauth.Partitions[most]
}
