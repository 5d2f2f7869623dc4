package privilege

import (
	"cmp"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// Grant is a way that a principal has, and what gives it.
type Grant struct {
	Way
	// Principal is the principal in the form in which EKS compares it, ARN as it is written. Both are the account
	// where mapAccounts gives the grant to all of it.
	Principal, ARN string
	// Entry is what gives it; nil if Account does, of mapAccounts.
	Entry   *awsauth.Entry
	Account awsauth.Text
	// Meant says that it does not work: its entry matches nobody, or another entry wins.
	Meant bool
	// Reached says how it comes to work, if an edit gives it.
	Reached Reached
}

// Reached says how a grant comes to work that was written before.
type Reached int

// The ways to reach a grant.
const (
	Written      Reached = iota // it was not written before
	ARNRepaired                 // its ARN matched nobody
	OtherRemoved                // another entry won
	EntryRemoved                // an entry kept the principal from what its account gives
)

// key is what a grant is known again by in another version.
type key struct {
	principal, name string
	username        bool
	// becomes is what a template becomes, or can become.
	becomes string
}

func (g Grant) key() key { return key{g.Principal, g.Name, g.Username, g.Becomes} }

// compare makes the order of findings and of questions the same every time.
func (k key) compare(o key) int {
	return cmp.Or(strings.Compare(k.principal, o.principal),
		strings.Compare(k.name, o.name), strings.Compare(k.becomes, o.becomes))
}

// table holds grants.
type table map[key]Grant

func (t table) add(g Grant) { t[g.key()] = g }

// grants lists the grants of a version. Those that work: by effective access, also in values that EKS cannot read at
// the moment, since fixing the text brings them back. Those that are meant: by entries that match nobody as
// they are, or whose principal has another entry that wins.
func (r *Resolver) grants(v *awsauth.Version) (working, meant table) {
	working, meant = table{}, table{}
	if v == nil {
		return working, meant
	}
	wins := make(map[*awsauth.Entry]bool, len(v.Entries()))
	for _, id := range v.Restored.Winners {
		wins[id.Entry] = true
		for _, w := range r.waysOf(id.Canonical, id.Entry) {
			working.add(Grant{Way: w, Principal: id.Entry.Key(), ARN: id.Entry.ARN.Value, Entry: id.Entry})
		}
	}
	for _, e := range v.Entries() {
		if _, err := e.Principal(); err != nil || wins[e] {
			continue
		}
		subject := e.Subject()
		for _, w := range r.waysOf(subject, e) {
			meant.add(Grant{Way: w, Principal: subject, ARN: e.ARN.Value, Entry: e, Meant: true})
		}
	}
	r.accountGrants(v, working)
	return working, meant
}

// waysOf are those of an entry. What its templates can become without an approval is wrong whether or not it is new,
// and so no grant.
func (r *Resolver) waysOf(arn string, e *awsauth.Entry) []Way {
	ways := r.Ways(arn, e.Username.Value, e.GroupNames())
	if !e.Templated() {
		return ways
	}
	for _, w := range r.TemplateWays(arn, e.Username.Value, e.GroupNames()) {
		if w.Standing == policy.Valid && w.Evidence != "" {
			ways = append(ways, w)
		}
	}
	return ways
}

// accountGrants adds the grants of those whom mapAccounts admits: they have their ARN as username, and no groups,
// unless there is an entry for them.
func (r *Resolver) accountGrants(v *awsauth.Version, working table) {
	if len(v.Restored.Accounts) == 0 {
		return
	}
	add := func(account awsauth.Text, principal string, w Way) {
		w.Index = -1
		w.Approval, w.Standing = r.Approved(principal, w)
		working.add(Grant{Way: w, Principal: awsauth.Subject(principal), ARN: principal, Account: account})
	}
	if w, privileged := r.Group(policy.Everybody); privileged {
		for id, account := range v.Restored.Accounts {
			add(account, id, w)
		}
	}
	named := func(username string) {
		account, ok := AccountOf(v.Restored, username)
		if !ok { // an entry in a value that EKS cannot read keeps nobody from it
			account, ok = AccountOf(v.Effective, username)
		}
		if ok {
			w, _ := r.Username(username)
			add(account, username, w)
		}
	}
	for _, username := range r.usernames {
		named(username)
	}
	for username := range r.equivalents.Usernames {
		named(username)
	}
}

// AccountOf is the account in mapAccounts by which a principal has a username, its own ARN.
func AccountOf(access *awsauth.Access, username string) (account awsauth.Text, ok bool) {
	if len(username) < len("arn:") || !strings.EqualFold(username[:len("arn:")], "arn:") { // most are none
		return account, false
	}
	a, err := awsauth.ParseARN(username)
	if err != nil || !a.Matchable() || len(access.Lookup(username)) > 0 {
		return account, false
	}
	account, ok = access.Accounts[a.Account]
	return account, ok
}
