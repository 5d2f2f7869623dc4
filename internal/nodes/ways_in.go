package nodes

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// WayIn is how nodes with one role authenticate.
type WayIn struct {
	Role string // the ARN as IAM has it; "" if it is not known
	Set  Set
	// Entry is the access entry that decides about the role, if there is one, and Mapping what aws-auth says of it: EKS
	// looks at the mapping only without the entry. Open says that the nodes can authenticate by the one that counts,
	// Unsure that nobody can say, since the entry's type is not known.
	Entry        *AccessEntry
	Mapping      *awsauth.Identity
	Open, Unsure bool
}

// WaysIn lists how all running nodes authenticate under aws-auth as it is, by role. Where the role is not known,
// neither is the way.
func (v *View) WaysIn(a *awsauth.Access, now time.Time) []WayIn {
	var ways []WayIn
	for _, role := range slices.Sorted(maps.Keys(v.Nodes)) {
		for _, s := range v.Nodes[role] {
			ways = append(ways, v.wayIn(role, s, a.Principals[role], now))
		}
	}
	for _, role := range slices.Sorted(maps.Keys(v.Doubtful)) {
		for _, s := range v.Doubtful[role] {
			ways = append(ways, WayIn{Role: cmp.Or(v.RoleARNs[role], role), Set: s, Unsure: true})
		}
	}
	for _, s := range v.Unplaced {
		w := WayIn{Set: s}
		if !s.Kind.mapped() { // whatever its role is, an access entry is the only way
			w.Open = v.NodeEntry(s.Kind, now)
			w.Unsure = !w.Open && (!v.KnowsAccess(now) || v.untyped())
		}
		ways = append(ways, w)
	}
	return ways
}

// wayIn is that of nodes whose role is known, and what aws-auth maps it to.
func (v *View) wayIn(role string, s Set, mapped []awsauth.Identity, now time.Time) WayIn {
	w := WayIn{Role: cmp.Or(v.RoleARNs[role], role), Set: s}
	if len(mapped) > 0 {
		w.Mapping = &mapped[0]
	}
	e, shadowed := v.Shadow(role, now)
	if !shadowed {
		w.Open = !v.Ignored() && signInByAny(mapped, s)
		return w
	}
	w.Entry = &e
	w.Open = e.covers(s.Kind)
	_, known := entryTypes[e.Type]
	w.Unsure = !known && !w.Open
	return w
}

// Shadowed are the entries of aws-auth that EKS does not look at, since an access entry decides about their principal.
func (v *View) Shadowed(a *awsauth.Access, now time.Time) []awsauth.Identity {
	var shadowed []awsauth.Identity
	for _, key := range a.Keys() {
		if _, ok := v.Shadow(key, now); ok || v.Ignored() {
			shadowed = append(shadowed, a.Principals[key]...)
		}
	}
	return shadowed
}
