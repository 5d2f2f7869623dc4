package nodes

import (
	"slices"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// Claim is a node identity that a principal did not have before the edit.
type Claim struct {
	awsauth.Identity
	// Is is what of it belongs to nodes.
	Is Identity
	// Had are the node identities of its principal before the edit, none of which covers this one.
	Had []Identity
}

// Claims lists the node identities that an edit gives. An entry in a value that EKS cannot read at the moment exists
// already, while one whose ARN matched nobody gave nothing. ignored says that EKS does not look at aws-auth.
func Claims(old, updated *awsauth.Version, ignored bool) []Claim {
	if updated == nil || ignored {
		return nil
	}
	had := map[string][]Identity{} // by the keys of a table
	for _, id := range given(old) {
		if is := IdentityOf(id); is != (Identity{}) {
			had[id.Entry.Key()] = append(had[id.Entry.Key()], is)
		}
	}
	var claims []Claim
	for _, id := range given(updated) {
		is := IdentityOf(id)
		if is == (Identity{}) {
			continue
		}
		c := Claim{Identity: id, Is: is, Had: had[id.Entry.Key()]}
		if !slices.ContainsFunc(c.Had, func(h Identity) bool { return h.Covers(c.Is) }) {
			claims = append(claims, c)
		}
	}
	return claims
}

// given are the identities that the entries of a version give once EKS can read all of it, and those that they give until
// then: while EKS cannot read mapRoles, an entry of mapUsers counts that one of mapRoles would win against.
func given(v *awsauth.Version) []awsauth.Identity {
	if v == nil {
		return nil
	}
	if v.Effective == v.Restored {
		return v.Restored.Winners
	}
	all := slices.Clone(v.Restored.Winners)
	for _, id := range v.Effective.Winners {
		same := func(o awsauth.Identity) bool { return o.Entry == id.Entry }
		if !slices.ContainsFunc(v.Restored.Principals[id.Entry.Key()], same) {
			all = append(all, id)
		}
	}
	return all
}

// UsedByNodes reports that running nodes authenticate with the role of a claim and such a username, or by an access
// entry. A Node object alone shows nothing: somebody who may create nodes can create one for any instance of the account. An
// instance that has not joined yet shows no more than that somebody may start one with the role and tag it: where IAM
// should have said who may assume the role, and does not (unsure), that is not enough; and nothing shows that it will
// be named for its instance.
func (v *View) UsedByNodes(c Claim, unsure bool, now time.Time) bool {
	if v == nil {
		return false
	}
	role := c.Entry.Key()
	uses := func(s Set) bool {
		return s.Needs().Username == c.Is.Username && (s.Proven() || s.Joining > 0 && !s.ByInstanceID && !unsure)
	}
	if slices.ContainsFunc(v.Nodes[role], uses) {
		return true
	}
	if slices.ContainsFunc(v.Assigned[role], func(k Kind) bool { return k.Needs().Username == c.Is.Username }) {
		return true // somebody who creates a node group may pass it the role (iam:PassRole)
	}
	entry, ok := v.Shadow(role, now)
	if !ok || !entry.ofNodes() || entry.covers(HyperPod) { // no mapping is for HyperPod nodes
		return false
	}
	return entryTypes[entry.Type].onEC2 == c.Is.NamedByEC2()
}
