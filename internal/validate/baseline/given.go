package baseline

import (
	"fmt"
	"slices"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// unmarkGiven makes a finding new again where the edit gives somebody what the finding is about: the entry counts for its
// principal only since the edit, because before that its ARN matched nobody or another entry won; or the edit gives it more of
// a node's identity.
func unmarkGiven(found []rule.Finding, before, after *rule.Version, claims []nodes.Claim) {
	entries := map[string]*awsauth.Entry{}
	for _, e := range after.Entries() {
		entries[e.Path("")] = e
	}
	grown := map[string]bool{}
	for _, c := range claims {
		grown[c.Identity.Entry.Path("")] = true
	}
	for i := range found {
		f := &found[i]
		e := entries[f.Entry]
		switch {
		case !f.Preexisting || e == nil:
		case f.Gives == rule.GivesNodeIdentity:
			f.Preexisting = !grown[f.Entry]
		case !counts(e, after):
		case f.Reading != nil:
			f.Preexisting = !wasBeaten(e, before)
		case f.Gives == rule.GivesName:
			f.Preexisting = gaveBefore(e, f.Field, before)
		}
	}
}

// counts reports that an entry is one by which its principal authenticates.
func counts(e *awsauth.Entry, v *rule.Version) bool {
	return slices.ContainsFunc(v.Restored.Principals[e.Key()], func(id awsauth.Identity) bool { return id.Entry == e })
}

// gaveBefore reports that the principal had what a field of its entry gives.
func gaveBefore(e *awsauth.Entry, field string, before *rule.Version) bool {
	return slices.ContainsFunc(before.Restored.Principals[e.Key()], func(was awsauth.Identity) bool {
		for i, g := range e.Groups {
			if field == e.Path(fmt.Sprintf("groups[%d]", i)) {
				return was.Has(g.Value)
			}
		}
		return was.Username == e.Username.Value
	})
}

// wasBeaten reports that an entry such as this one existed before the edit, and that another one for its principal won.
func wasBeaten(e *awsauth.Entry, before *rule.Version) bool {
	winners := before.Restored.Principals[e.Key()]
	return len(winners) > 0 &&
		slices.ContainsFunc(before.Entries(), func(o *awsauth.Entry) bool { return o.Key() == e.Key() && alike(o, e) }) &&
		!slices.ContainsFunc(winners, func(w awsauth.Identity) bool { return alike(w.Entry, e) })
}

func alike(a, b *awsauth.Entry) bool {
	return a.Username.Value == b.Username.Value && slices.Equal(a.GroupNames(), b.GroupNames())
}
