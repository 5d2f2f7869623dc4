package awsauth

import (
	"slices"
	"sort"
	"strings"
)

// Change is one difference between two Access tables. Before is empty for a principal that gains access, After for
// one that loses it.
type Change struct {
	// Principal is a canonical ARN as written, or an account id if Account is set.
	Principal     string
	Account       bool
	Before, After []Identity
}

// Diff lists who gains, loses or changes what from old to new, sorted by principal: by effective access, not by text.
func Diff(old, updated *Access) []Change {
	var changes []Change
	for key, after := range updated.Principals {
		if before := old.Principals[key]; !sameIdentities(before, after) {
			changes = append(changes, Change{Principal: after[0].Canonical, Before: before, After: after})
		}
	}
	for key, before := range old.Principals {
		if _, ok := updated.Principals[key]; !ok {
			changes = append(changes, Change{Principal: before[0].Canonical, Before: before})
		}
	}
	for id := range updated.Accounts {
		if _, ok := old.Accounts[id]; !ok {
			changes = append(changes, Change{Principal: id, Account: true, After: []Identity{{Canonical: id}}})
		}
	}
	for id := range old.Accounts {
		if _, ok := updated.Accounts[id]; !ok {
			changes = append(changes, Change{Principal: id, Account: true, Before: []Identity{{Canonical: id}}})
		}
	}
	sort.Slice(changes, func(i, j int) bool {
		return strings.ToLower(changes[i].Principal) < strings.ToLower(changes[j].Principal)
	})
	return changes
}

// sameIdentities compares as sets: the order of groups makes no difference to the API server.
func sameIdentities(a, b []Identity) bool {
	if len(a) != len(b) {
		return false
	}
	if slices.EqualFunc(a, b, sameIdentity) {
		return true
	}
	form := func(ids []Identity) []string {
		out := make([]string, len(ids))
		for i, id := range ids {
			groups := slices.Clone(id.Groups)
			sort.Strings(groups)
			out[i] = id.Username + "\x00" + strings.Join(slices.Compact(groups), "\x00")
		}
		sort.Strings(out)
		return out
	}
	return slices.Equal(form(a), form(b))
}

func sameIdentity(a, b Identity) bool {
	return a.Username == b.Username && slices.Equal(a.Groups, b.Groups)
}
