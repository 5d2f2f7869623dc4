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
	Groups    []string
	Entry     *Entry
}

// Identity is what the entry would make of its principal.
func (e *Entry) Identity() Identity {
	return Identity{Canonical: e.ARN.Value, Username: e.Username.Value, Groups: e.GroupNames(), Entry: e}
}

// Has reports that the identity has a group, literally.
func (i Identity) Has(group string) bool { return slices.Contains(i.Groups, group) }

// Sessions says which sessions of its principal can authenticate through an identity. EKS renders the username and every
// group, and denies the caller if one of them cannot be rendered (aws-iam-authenticator pkg/server, renderTemplates).
type Sessions int

// The answers, each fewer than the one before.
const (
	AnySession      Sessions = iota
	InstanceSession          // one that is named for an EC2 instance that EC2 knows: {{EC2PrivateDNSName}} is asked for
	NoSession                // none, since the principal has no session name and {{EC2PrivateDNSName}} is asked for
)

// Sessions says who can authenticate through the identity.
func (i Identity) Sessions() Sessions {
	if i.Entry != nil && !i.Entry.Templated() {
		return AnySession
	}
	asks := func(s string) bool { return strings.Contains(s, EC2PrivateDNSName) }
	if !asks(i.Username) && !slices.ContainsFunc(i.Groups, asks) {
		return AnySession
	}
	if a, err := ParseARN(i.Canonical); err == nil && a.Sessionless() {
		return NoSession
	}
	return InstanceSession
}

// Admits reports that the caller can authenticate through the identity.
func (i Identity) Admits(c Caller) bool {
	switch i.Sessions() {
	case AnySession:
		return true
	case InstanceSession:
		return c.OnInstance()
	case NoSession:
	}
	return false
}

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
