package nodes

import (
	"slices"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// Unserved are nodes with the role of an entry that cannot authenticate by it.
type Unserved struct {
	Sets []Set
	// Doubtful says that they are none but those of View.Doubtful.
	Doubtful bool
	// ServesOthers says that other running nodes with the role can authenticate by the entry.
	ServesOthers bool
}

// Unserved are the nodes with the entry's role that cannot authenticate by it: running nodes, or else doubtful ones.
// An ARN with a path finds none, another rule says so. Where an access entry decides, aws-auth keeps nobody out.
func (v *View) Unserved(e *awsauth.Entry, now time.Time) Unserved {
	if v == nil || len(v.Nodes)+len(v.Doubtful) == 0 || v.Ignored() {
		return Unserved{}
	}
	role := e.Key()
	running, doubtful := v.Nodes[role], v.Doubtful[role]
	if len(running)+len(doubtful) == 0 {
		return Unserved{}
	}
	if _, shadowed := v.Shadow(role, now); shadowed {
		return Unserved{}
	}
	id := e.Identity()
	cannot := func(s Set) bool { return !SignsIn(id, s) }
	if cut := where(running, cannot); len(cut) > 0 {
		return Unserved{Sets: cut, ServesOthers: servesSome(running, cut)}
	}
	return Unserved{Sets: where(doubtful, cannot), Doubtful: true}
}

// servesSome reports that an entry serves some of the nodes with its role, if not those that are cut. How an instance
// will be named that has not joined is a guess, which somebody who may create nodes can have made: it excuses no entry that
// cuts off others.
func servesSome(all, cut []Set) bool {
	guess := func(s Set) bool { return len(s.Names) == s.Joining }
	joined := slices.ContainsFunc(cut, func(s Set) bool { return !guess(s) })
	return slices.ContainsFunc(all, func(s Set) bool {
		return !slices.ContainsFunc(cut, s.Same) && !(joined && s.ByInstanceID && guess(s))
	})
}
