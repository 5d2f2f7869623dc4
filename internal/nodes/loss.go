package nodes

import (
	"maps"
	"slices"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
)

// Edit is an edit of aws-auth, with all that is needed to find the nodes that can no longer authenticate after it.
type Edit struct {
	View *View
	Now  time.Time
	// Old and New are the access that a loss is measured by.
	Old, New *awsauth.Access
	// Unreadable says that EKS cannot read mapRoles after the edit: then no role is taken for deleted.
	Unreadable bool
	// MatchesNobody reports that nobody can authenticate by an entry because of how its ARN is written.
	MatchesNobody func(*awsauth.Entry) bool
}

// Losses are the node roles that nodes can no longer use after an edit, or may not be able to.
type Losses struct {
	// Before and After are how many node roles are mapped.
	Before, After int
	// Gone are the roles that are no longer mapped, Broken those whose mapping is another now.
	Gone, Broken []Loss
}

// Loss is a node role of which an edit takes the mapping away, or makes another. Nodes are known to use the role or,
// where that is not known, may.
type Loss struct {
	Was   awsauth.Identity
	Is    []awsauth.Identity // what the role is mapped to now
	Cut   []Set              // running nodes that can no longer authenticate
	Maybe []Set              // running nodes of which it is not known whether they have this role
	Doubt []Set              // Node objects with this role, or that may have it, which may be no nodes
	Ready []Set              // running nodes with this role that are ready and, by what is known, could not be by its mapping
	Fatal bool               // the edit must not be allowed
	// guessed are those of View.Unplaced, by index, that had no other way to authenticate and are cut.
	guessed []int
}

// Losses finds the roles by which nodes authenticated, or may have, and cannot any more. A role that no running node
// uses is none. deleted reports that IAM does not know a role of MayBeDeleted any more.
func (e Edit) Losses(deleted func(awsauth.ARN) bool) Losses {
	before, after := roles(e.Old), roles(e.New)
	isDeleted := map[string]bool{}
	for _, key := range e.worthAsking(before, after) {
		isDeleted[key] = deleted(arnOf(before[key]))
	}
	stays := e.keeps(before, after, isDeleted)
	l := Losses{Before: len(before), After: len(after)}
	for _, loss := range e.losses() {
		loss.Fatal = len(loss.Cut) > 0 || e.View.Starting() || !stays && !e.View.KnowsNodes(e.Now) ||
			len(after) == 0 && slices.ContainsFunc(loss.Maybe, Set.traceable)
		if len(loss.Is) > 0 {
			l.Broken = append(l.Broken, loss)
		} else {
			l.Gone = append(l.Gone, loss)
		}
	}
	return l
}

// Fatal reports that one of the losses must not be allowed.
func (l Losses) Fatal() bool { return fatal(l.Gone) || fatal(l.Broken) }

// GoneFatally reports that one of the roles that are no longer mapped must stay mapped.
func (l Losses) GoneFatally() bool { return fatal(l.Gone) }

func fatal(losses []Loss) bool {
	return slices.ContainsFunc(losses, func(l Loss) bool { return l.Fatal })
}

// roles are the principals by which nodes can authenticate, by the keys of a table.
func roles(a *awsauth.Access) map[string]awsauth.Identity {
	roles := map[string]awsauth.Identity{}
	for _, id := range a.Winners {
		if KindOf(id) != None {
			roles[id.Entry.Key()] = id // of several entries, the last
		}
	}
	return roles
}

// keeps reports that a node role which is mapped stays so. Where the nodes are not known, those that run have one of
// the roles that were mapped, and a new role beside these helps none of them. A role whose ARN matches nobody has no
// nodes: that is being fixed. Nor has one that IAM does not know any more (isDeleted): its credentials are void.
func (e Edit) keeps(before, after map[string]awsauth.Identity, isDeleted map[string]bool) bool {
	possible := false
	for key, was := range before {
		if isDeleted[key] || e.MatchesNobody(was.Entry) {
			continue
		}
		possible = true
		if _, ok := after[key]; ok {
			return true
		}
	}
	return !possible && len(after) > 0
}

// MayBeDeleted are the node roles about which IAM is to be asked: where the nodes are not known and none of the roles
// that were mapped stays, the edit may still be right if all of them were deleted.
func (e Edit) MayBeDeleted() []awsauth.ARN {
	before := roles(e.Old)
	var arns []awsauth.ARN
	for _, key := range e.worthAsking(before, roles(e.New)) {
		if a := arnOf(before[key]); principal.Askable(a) {
			arns = append(arns, a)
		}
	}
	return arns
}

// worthAsking are the keys of the roles of MayBeDeleted.
func (e Edit) worthAsking(before, after map[string]awsauth.Identity) []string {
	if e.View.Ignored() || e.View.KnowsNodes(e.Now) || e.Unreadable || len(after) == 0 || e.keeps(before, after, nil) {
		return nil
	}
	return slices.Sorted(maps.Keys(before))
}

func arnOf(id awsauth.Identity) awsauth.ARN {
	a, _ := awsauth.ParseARN(id.Canonical) // what EKS matches is one
	return a
}
