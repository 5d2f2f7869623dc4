package privilege

import (
	"maps"
	"slices"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// Change is what an edit changes about who is equivalent to cluster-admin.
type Change struct {
	// Given are the new grants: first those that work, then those that are only written (Grant.Meant). Kept are the
	// grants that worked before and do so now. What is written and does not work, and was so before, is in neither.
	Given, Kept []Grant
	// Unknown are names that the edit gives, and of which it is not known what RBAC makes of them.
	Unknown []Unknown
}

// Compare finds what an edit gives. old is nil if the object is created, updated if it is deleted.
func (r *Resolver) Compare(old, updated *awsauth.Version) Change {
	if updated == nil {
		return Change{}
	}
	had, hadMeant := r.grants(old)
	has, hasMeant := r.grants(updated)
	var c Change
	for _, k := range sorted(has) {
		g := has[k]
		if _, before := had[k]; before {
			c.Kept = append(c.Kept, g)
		} else {
			c.Given = append(c.Given, g)
		}
	}
	if old != nil && len(c.Given) > 0 {
		entries := map[string][]*awsauth.Entry{}
		for _, e := range old.Entries() {
			entries[e.Subject()] = append(entries[e.Subject()], e)
		}
		for i, g := range c.Given {
			c.Given[i].Reached = howReached(g, old.Restored, entries[g.Principal])
		}
	}
	for _, k := range sorted(hasMeant) {
		_, works := has[k]
		_, before := had[k]
		_, meantBefore := hadMeant[k]
		if !works && !before && !meantBefore {
			c.Given = append(c.Given, hasMeant[k])
		}
	}
	c.Unknown = r.unknown(old, updated)
	return c
}

func sorted(t table) []key { return slices.SortedFunc(maps.Keys(t), key.compare) }

// howReached says how a grant comes to work that entries of its principal, or its account, had written before.
func howReached(g Grant, before *awsauth.Access, entries []*awsauth.Entry) Reached {
	if g.Entry == nil {
		if _, mapped := before.Accounts[g.Account.Value]; mapped && len(before.Lookup(g.ARN)) > 0 {
			return EntryRemoved
		}
		return Written
	}
	for _, e := range entries {
		switch {
		case g.Username && e.Username.Value != g.Name, !g.Username && !slices.Contains(e.GroupNames(), g.Name):
		case e.ARN.Value != g.ARN:
			return ARNRepaired
		default:
			return OtherRemoved
		}
	}
	return Written
}
