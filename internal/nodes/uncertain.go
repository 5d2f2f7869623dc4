package nodes

import (
	"slices"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// mayHave reports that nodes whose role is not known may have this one. A hybrid node's role is not one that nodes in
// AWS use: it is made for hybrid nodes.
func (v *View) mayHave(s Set, principal string) bool {
	a, err := awsauth.ParseARN(principal)
	return err == nil && a.Kind == awsauth.KindRole && (s.traceable() || len(v.Nodes[principal]) == 0)
}

// otherWay reports that nodes whose role is not known may still authenticate: by another mapping, or by an access
// entry. Of nodes of another provider it is not even known that they authenticate by IAM.
func (v *View) otherWay(a *awsauth.Access, s Set, now time.Time) bool {
	if s.Kind == Other || v.NodeEntry(s.Kind, now) {
		return true
	}
	for key, ids := range a.Principals {
		if _, shadowed := v.Shadow(key, now); !shadowed && v.mayHave(s, key) && signInByAny(ids, s) {
			return true
		}
	}
	return false
}

// readyWithoutMapping are nodes that are ready although, by what is known of them, the mapping of their role was never one
// by which they can authenticate. What is known of them must be wrong, so the mapping may be what they need. There are
// none unless the edit takes all that belongs to nodes from the role.
func (v *View) readyWithoutMapping(role string, c awsauth.Change) []Set {
	if !slices.ContainsFunc(c.Before, hasNodePart) || slices.ContainsFunc(c.After, hasNodePart) {
		return nil
	}
	return where(slices.Concat(v.Nodes[role], v.Doubtful[role]), func(s Set) bool {
		return s.ready() > 0 && s.Kind.mapped() && !signInByAny(c.Before, s)
	})
}
