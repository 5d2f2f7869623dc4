package nodes

import (
	"slices"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// lossFinder goes through the changes of an edit. It remembers what it finds out about nodes whose role is not known:
// there may be thousands of losses.
type lossFinder struct {
	Edit
	otherWay map[int]bool // which of View.Unplaced have another way to authenticate
	guesses  map[int]int  // how many of the roles that are lost each of the others may have
}

func (e Edit) losses() []Loss {
	finder := lossFinder{e, map[int]bool{}, map[int]int{}}
	var losses []Loss
	for _, c := range awsauth.Diff(e.Old, e.New) {
		if len(c.Before) == 0 || c.Account {
			continue
		}
		if l, ok := finder.loss(c); ok {
			losses = append(losses, l)
		}
	}
	for i := range losses {
		for _, u := range losses[i].guessed {
			s := e.View.Unplaced[u]
			s.Maybe = finder.guesses[u] > 1
			losses[i].Cut = append(losses[i].Cut, s)
		}
	}
	return losses
}

// loss is what a change costs; ok is false if nothing.
func (e *lossFinder) loss(c awsauth.Change) (l Loss, ok bool) {
	role := awsauth.Subject(c.Principal)
	if role != awsauth.Key(c.Principal) {
		return Loss{}, false // a blank before or behind the ARN: it matches nobody
	}
	l = Loss{Was: c.Before[0], Is: c.After}
	entry, shadowed := e.View.Shadow(role, e.Now)
	// Before the nodes are known, nothing can show that an entry for people does not decide about them.
	if shadowed && (entry.ofNodes() || !e.View.Starting()) {
		l.Doubt = where(e.View.Doubtful[role], func(s Set) bool {
			return s.ready() > 0 && entry.excludes(s) && !signInByAny(c.After, s)
		})
		return l, len(l.Doubt) > 0 && slices.ContainsFunc(c.Before, hasNodePart)
	}
	if e.View != nil {
		e.weigh(&l, role, c)
	}
	if len(l.Cut)+len(l.guessed)+len(l.Maybe)+len(l.Doubt)+len(l.Ready) > 0 {
		return l, true
	}
	return l, l.structural() && !e.View.KnowsNodes(e.Now)
}

// structural reports that the role was mapped as a node's and is no longer, no matter which nodes use it.
func (l Loss) structural() bool {
	kind := KindOf(l.Was)
	return kind != None && !slices.ContainsFunc(l.Is, func(id awsauth.Identity) bool { return serves(id, kind) })
}

// weigh finds the nodes that a change of their role, or of one that may be theirs, costs.
func (e *lossFinder) weigh(l *Loss, role string, c awsauth.Change) {
	v := e.View
	lockedOut := func(s Set) bool { return signInByAny(c.Before, s) && !signInByAny(c.After, s) }
	l.Cut = where(v.Nodes[role], lockedOut)
	l.Doubt = append(where(v.Doubtful[role], lockedOut),
		where(v.Doubtful[""], func(s Set) bool { return lockedOut(s) && v.mayHave(s, role) })...)
	l.Ready = v.readyWithoutMapping(role, c)
	for i, s := range v.Unplaced {
		if !lockedOut(s) || !v.mayHave(s, role) {
			continue
		}
		other, asked := e.otherWay[i]
		if !asked {
			other = v.otherWay(e.New, s, e.Now)
			e.otherWay[i] = other
		}
		if other || !s.traceable() && len(v.Doubtful[role]) > 0 { // it may be a role of nodes in AWS
			l.Maybe = append(l.Maybe, s)
		} else {
			e.guesses[i]++
			l.guessed = append(l.guessed, i)
		}
	}
}
