package awsauth

import (
	"slices"
	"sort"
	"strings"
)

// Identity is what a mapping makes of a principal. Username and groups are templates, as written.
type Identity struct {
	// Canonical is the ARN that EKS compares with, as the entry writes it.
	Canonical string
	Username  string
	// Groups are for reading only.
	Groups []string
	Entry  *Entry
}

// Identity is what the entry would make of its principal.
func (e *Entry) Identity() Identity {
	return Identity{Canonical: e.ARN.Value, Username: e.Username.Value, Groups: e.GroupNames(), Entry: e}
}

// Has reports that the identity has a group, literally.
func (i Identity) Has(group string) bool { return slices.Contains(i.Groups, group) }

// Access is the effective table: who gets in, as what.
type Access struct {
	// Principals holds, by the Key of the canonical ARN, the identities EKS may give. There is more than one only
	// where EKS picks at random: entries of mapUsers whose ARNs differ in letter case alone.
	Principals map[string][]Identity
	// Accounts are the accounts all of whose principals authenticate, as their ARN and without groups.
	Accounts map[string]Text
}

// Access is what EKS computes from the document: nothing from a value it cannot read.
func (d *Document) Access() *Access { return d.access(false) }

// Readable reports that EKS can read every value, so that Access and Restored are the same.
func (d *Document) Readable() bool {
	return len(d.Unreadable) == 0 && !slices.ContainsFunc(d.Entries(), func(e *Entry) bool { return e.Recovered })
}

// Restored is what EKS would compute if it could read every value: what the text says where a syntax error makes
// EKS drop all of it.
func (d *Document) Restored() *Access { return d.access(true) }

// access follows MapStore.saveMap and ConfigMapMapper.Map: roles are stored under the lower-case ARN, so that the last
// one wins; users under the ARN as written; the roles are looked through first.
func (d *Document) access(restored bool) *Access {
	named := 0 // of a hostile megabyte's items, few
	for _, e := range d.Entries() {
		if e.ARN.Value != "" {
			named++
		}
	}
	a := &Access{Principals: make(map[string][]Identity, named), Accounts: map[string]Text{}}
	roles := make([]Identity, 0, min(named, len(d.Roles))) // one allocation instead of thousands
	add := func(e *Entry) (Identity, string, bool) {
		if e.ARN.Value == "" || e.Recovered && !restored {
			return Identity{}, "", false
		}
		if arn, err := e.Principal(); err != nil || !arn.Matchable() {
			return Identity{}, "", false
		}
		return e.Identity(), e.Key(), true
	}
	for i := range d.Roles {
		if id, key, ok := add(&d.Roles[i]); ok {
			roles = append(roles, id)
			a.Principals[key] = roles[len(roles)-1 : len(roles) : len(roles)]
		}
	}
	ofRole := func(key string) bool {
		of := a.Principals[key]
		return len(of) > 0 && of[0].Entry.DataKey == MapRoles
	}
	for i := range d.Users {
		id, key, ok := add(&d.Users[i])
		if !ok || ofRole(key) {
			continue
		}
		same := func(o Identity) bool { return o.Canonical == id.Canonical }
		if j := slices.IndexFunc(a.Principals[key], same); j >= 0 {
			a.Principals[key][j] = id
		} else {
			a.Principals[key] = append(a.Principals[key], id)
		}
	}
	if !d.Unreadable[MapAccounts] || restored {
		for _, t := range d.Accounts {
			if t.Value != "" {
				a.Accounts[t.Value] = t
			}
		}
	}
	return a
}

// Keys are the keys of Principals, sorted.
func (a *Access) Keys() []string {
	keys := make([]string, 0, len(a.Principals))
	for k := range a.Principals {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Lookup returns the identities of a caller with that canonical ARN.
func (a *Access) Lookup(canonicalARN string) []Identity { return a.Principals[Key(canonicalARN)] }

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
	if slices.EqualFunc(a, b, func(x, y Identity) bool { return x.Entry != nil && y.Entry != nil && x.Entry.Item() == y.Entry.Item() }) {
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
