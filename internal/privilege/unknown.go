package privilege

import (
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// Unknown is a name that an edit gives a principal, and of which it is not known what RBAC makes of it. Its Evidence
// is what leads to a role that is not known, if bindings are known.
type Unknown struct {
	Grant
	// Whole says that it is about all principals of an account of mapAccounts, and not about one.
	Whole bool
}

// unknown lists the names that the edit gives and that RBAC may make more of, in the order of their principals.
func (r *Resolver) unknown(old, updated *awsauth.Version) []Unknown {
	if r.Blind == nil && r.Partial == nil {
		return nil
	}
	before := &awsauth.Access{}
	if old != nil {
		before = old.Restored
	}
	var all []Unknown
	for _, change := range awsauth.Diff(before, updated.Restored) {
		for _, id := range change.After {
			if id.Entry != nil {
				all = append(all, r.unknownOf(id, change.Before)...)
			}
		}
		if r.anyName() {
			all = append(all, unknownByAccount(change, before, updated.Restored)...)
		}
	}
	if r.anyName() {
		return all
	}
	return append(all, r.unknownUsernames(before, updated.Restored)...)
}

// anyName says that any name may be more than is known, no matter who has it: nothing of RBAC is known, or not its bindings.
func (r *Resolver) anyName() bool { return r.Partial == nil || r.Partial.Any }

// unknownByAccount is about a change of mapAccounts, and about a principal that it admits where an entry did.
func unknownByAccount(change awsauth.Change, before, after *awsauth.Access) []Unknown {
	if change.Account {
		account, ok := after.Accounts[change.Principal]
		if !ok {
			return nil
		}
		u := ofAccount(account, change.Principal)
		u.Whole = true
		return []Unknown{u}
	}
	account, ok := AccountOf(after, change.Principal)
	if _, mapped := before.Accounts[account.Value]; !ok || !mapped { // else it is about all of the account
		return nil
	}
	return []Unknown{ofAccount(account, change.Principal)}
}

// unknownUsernames are those that mapAccounts gives, where it is known of which names RBAC may make more.
func (r *Resolver) unknownUsernames(before, after *awsauth.Access) []Unknown {
	var all []Unknown
	for username, evidence := range r.Partial.Usernames {
		account, ok := AccountOf(after, username)
		if _, had := AccountOf(before, username); ok && !had {
			u := ofAccount(account, username)
			u.Evidence = evidence
			all = append(all, u)
		}
	}
	slices.SortFunc(all, func(a, b Unknown) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func ofAccount(account awsauth.Text, principal string) Unknown {
	w := Way{Kind: Equivalent, Username: true, Name: principal, Index: -1}
	return Unknown{Grant: Grant{Way: w, Principal: awsauth.Subject(principal), ARN: principal, Account: account}}
}

// unknownOf are those that an entry gives its principal, which had others before.
func (r *Resolver) unknownOf(id awsauth.Identity, before []awsauth.Identity) []Unknown {
	groups, usernames := map[string]bool{}, map[string]bool{}
	for _, b := range before {
		usernames[b.Username] = true
		for _, g := range b.Groups {
			groups[g] = true
		}
		groups[policy.Everybody] = groups[policy.Everybody] || !leavesEverybody(b.Canonical, b.Groups)
	}
	var all []Unknown
	add := func(name string, username bool, index int) {
		for _, w := range r.unknownName(id.Canonical, Way{Kind: Equivalent, Username: username, Name: name, Index: index}) {
			all = append(all, Unknown{Grant: Grant{Way: w, Principal: id.Entry.Key(), ARN: id.Entry.ARN.Value, Entry: id.Entry}})
		}
	}
	for i, g := range id.Groups {
		if !groups[g] && !slices.Contains(groupsOfNodes, g) && g != policy.Everybody {
			add(g, false, i)
		}
	}
	if username := id.Username; !usernames[username] && !strings.HasPrefix(username, awsauth.NodePrefix) {
		add(username, true, -1)
	}
	// That anything may be bound to it as well is no more reason against one mapping than against another.
	if !r.anyName() && !groups[policy.Everybody] && !leavesEverybody(id.Canonical, id.Groups) {
		add(policy.Everybody, false, -1)
	}
	return all
}

// unknownName lists what a group or username may be, or a template may become, of which it is not known what RBAC makes of it.
func (r *Resolver) unknownName(arn string, w Way) []Way {
	known := r.Group
	if w.Username {
		known = r.Username
	}
	name, literal := awsauth.Literally(w.Name, arn)
	if literal {
		if _, privileged := known(name); privileged {
			return nil // there is worse to say of it
		}
		if name != w.Name {
			w.Becomes = name
		}
	}
	if r.anyName() {
		return []Way{w}
	}
	maybe := r.Partial.Groups
	if w.Username {
		maybe = r.Partial.Usernames
	}
	if !literal {
		return r.unknownTemplate(arn, w, maybe)
	}
	if w.Evidence = maybe[name]; w.Evidence == "" {
		return nil
	}
	return []Way{w}
}

// unknownTemplate finds the first that is not approved, or else those that are approved by name, and one of those
// that an approval of system:masters covers: a cluster may have 100,000 names, and an edit as many templates as fit.
func (r *Resolver) unknownTemplate(arn string, template Way, maybe map[string]string) (found []Way) {
	of, _ := awsauth.ParseARN(arn) // where it is none, nothing is known of it
	t := awsauth.ParseTemplate(template.Name, of)
	var first, covered *Way
	for target, evidence := range maybe {
		if first != nil && target >= first.Becomes {
			continue
		}
		if _, can := t.CanBe(target); !can {
			continue
		}
		w := template
		w.Becomes, w.Evidence = target, evidence
		switch approval, standing := r.Approved(arn, w); {
		case standing != policy.Valid:
			first = &w
		case slices.Contains(slices.Concat(approval.Groups, approval.Usernames), target):
			found = append(found, w)
		case covered == nil || target < covered.Becomes:
			covered = &w
		}
	}
	if first != nil {
		return []Way{*first}
	}
	if covered != nil {
		found = append(found, *covered)
	}
	slices.SortFunc(found, func(a, b Way) int { return strings.Compare(a.Becomes, b.Becomes) })
	return found
}
