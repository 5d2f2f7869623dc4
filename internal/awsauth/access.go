package awsauth

import (
	"maps"
	"slices"
	"strings"
)

// Access is the effective table: who authenticates as what.
type Access struct {
	// Principals holds, by the Key of the canonical ARN, the identities EKS may give. There is more than one only
	// where EKS picks at random: entries whose ARNs differ, and are equal to it without regard to case.
	Principals map[string][]Identity
	// Winners are the same identities in the order of their entries. An entry in whose place another one is used is not there.
	Winners []Identity
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
	a := &Access{Principals: map[string][]Identity{}, Accounts: map[string]Text{}}
	for _, e := range d.entries {
		if e.ARN.Value == "" || e.Recovered && !restored(e.DataKey) {
			continue
		}
		arn, err := e.Principal()
		matches := err == nil && arn.Matchable()
		switch {
		case e.DataKey == MapRoles:
			a.addRole(e, matches)
		case matches:
			a.addUser(e)
		}
	}
	a.Winners = make([]Identity, 0, len(a.Principals))
	for _, e := range d.entries {
		for _, id := range a.Principals[e.Key()] {
			if id.Entry == e {
				a.Winners = append(a.Winners, id)
			}
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

// addRole adds an entry of mapRoles. One that matches nobody is stored anyway, and may be in the place of another.
func (a *Access) addRole(e *Entry, matches bool) {
	if strings.ContainsRune(e.ARN.Value, dottedI) {
		a.displace(e.ARN.Value)
	}
	if !matches {
		return
	}
	id, key := e.Identity(), e.Key()
	of := a.Principals[key]
	if i := slices.IndexFunc(of, func(o Identity) bool { return StoredAlike(o.Canonical, id.Canonical) }); i >= 0 {
		of[i] = id
	} else {
		a.Principals[key] = append(of, id)
	}
}

// addUser adds an entry of mapUsers, which comes after all of mapRoles.
func (a *Access) addUser(e *Entry) {
	id, key := e.Identity(), e.Key()
	of := a.Principals[key]
	if len(of) > 0 && of[0].Entry.DataKey == MapRoles {
		return
	}
	if i := slices.IndexFunc(of, func(o Identity) bool { return o.Canonical == id.Canonical }); i >= 0 {
		of[i] = id
	} else {
		a.Principals[key] = append(of, id)
	}
}

// StoredAlike reports that EKS keeps one of two entries of mapRoles with such ARNs, the last one.
func StoredAlike(a, b string) bool {
	return strings.ToLower(a) == strings.ToLower(b) //nolint:staticcheck // EqualFold is another comparison, and the point
}

// displace takes the place of an earlier role that is stored under the same lower-case ARN and not equal to this one.
func (a *Access) displace(arn string) {
	key := Key(strings.ToLower(arn))
	displaced := func(o Identity) bool { return StoredAlike(o.Canonical, arn) }
	a.Principals[key] = slices.DeleteFunc(slices.Clone(a.Principals[key]), displaced)
	if len(a.Principals[key]) == 0 {
		delete(a.Principals, key)
	}
}

// Keys are the keys of Principals, sorted.
func (a *Access) Keys() []string { return slices.Sorted(maps.Keys(a.Principals)) }

// Lookup returns the identities of a caller with that canonical ARN.
func (a *Access) Lookup(canonicalARN string) []Identity { return a.Principals[Key(canonicalARN)] }
