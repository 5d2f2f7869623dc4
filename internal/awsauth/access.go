package awsauth

import (
	"slices"
	"sort"
	"strings"
)

// Access is the effective table: who gets in, as what.
type Access struct {
	// Principals holds, by the Key of the canonical ARN, the identities EKS may give. There is more than one only
	// where EKS picks at random: entries whose ARNs differ, and are equal to it without regard to case.
	Principals map[string][]Identity
	// Accounts are the accounts all of whose principals authenticate, as their ARN and without groups.
	Accounts map[string]Text
}

// Access is what EKS computes from the document: nothing from a value it cannot read.
func (d *Document) Access() *Access { return d.access(func(string) bool { return false }) }

// InForce is what EKS computes in the reading that can read more: also from a value that the lenient reading alone can read.
func (d *Document) InForce() *Access {
	return d.access(func(key string) bool { return d.Unreadable[key] && !d.Unread[key] })
}

// Readable reports that EKS can read every value, so that Access and Restored are the same.
func (d *Document) Readable() bool {
	return len(d.Unreadable) == 0 && !slices.ContainsFunc(d.Entries(), func(e *Entry) bool { return e.Recovered })
}

// Restored is what EKS would compute if it could read every value: what the text says where a syntax error makes
// EKS drop all of it.
func (d *Document) Restored() *Access { return d.access(func(string) bool { return true }) }

// access follows MapStore.saveMap and ConfigMapMapper.Map: roles are stored under the lower-case ARN and users under the ARN
// as written, so that the last of those with the same one wins. The roles are looked through first, in no order, for one
// that is EqualFold. restored says of which of the data keys what EKS cannot read counts as well.
func (d *Document) access(restored func(key string) bool) *Access {
	named := 0 // of a hostile megabyte's items, few
	for _, e := range d.Entries() {
		if e.ARN.Value != "" {
			named++
		}
	}
	a := &Access{Principals: make(map[string][]Identity, named), Accounts: map[string]Text{}}
	roles := make([]Identity, 0, min(named, len(d.Roles))) // one allocation instead of thousands
	add := func(e *Entry) (Identity, string, bool) {
		if e.ARN.Value == "" || e.Recovered && !restored(e.DataKey) {
			return Identity{}, "", false
		}
		if arn, err := e.Principal(); err != nil || !arn.Matchable() {
			return Identity{}, "", false
		}
		return e.Identity(), e.Key(), true
	}
	for i := range d.Roles {
		id, key, ok := add(&d.Roles[i])
		if !ok {
			if e := &d.Roles[i]; strings.ContainsRune(e.ARN.Value, dottedI) && (!e.Recovered || restored(e.DataKey)) {
				a.displace(e.ARN.Value) // it matches nobody, and is stored all the same
			}
			continue
		}
		roles = append(roles, id)
		before := a.Principals[key]
		switch j := slices.IndexFunc(before, func(o Identity) bool { return StoredAlike(o.Canonical, id.Canonical) }); {
		case len(before) == 0:
			a.Principals[key] = roles[len(roles)-1 : len(roles) : len(roles)]
		case j >= 0:
			before[j] = id
		default:
			a.Principals[key] = append(before, id)
		}
		if strings.ContainsRune(id.Canonical, dottedI) {
			a.displace(id.Canonical)
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
	if !d.Unreadable[MapAccounts] || restored(MapAccounts) {
		for _, t := range d.Accounts {
			if t.Value != "" {
				a.Accounts[t.Value] = t
			}
		}
	}
	return a
}

// StoredAlike reports that EKS keeps one of two entries of mapRoles with such ARNs, the last one.
func StoredAlike(a, b string) bool {
	return strings.ToLower(a) == strings.ToLower(b) //nolint:staticcheck // EqualFold is another comparison, and the point
}

// displace takes the place of an earlier role that is stored under the same lower-case ARN and not equal to this one.
func (a *Access) displace(arn string) {
	key := Key(strings.ToLower(arn))
	a.Principals[key] = slices.DeleteFunc(slices.Clone(a.Principals[key]), func(o Identity) bool { return StoredAlike(o.Canonical, arn) })
	if len(a.Principals[key]) == 0 {
		delete(a.Principals, key)
	}
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
