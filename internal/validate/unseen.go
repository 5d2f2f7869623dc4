package validate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// unsure is a name that an edit gives a principal, and of which it is not known what RBAC makes of it.
type unsure struct {
	grant
	holding
	// evidence is what leads to a role that is not known, if bindings are known.
	evidence string
	// whole says that it is about all principals of an account of mapAccounts, and not about one.
	whole bool
}

// unseen reports, where RBAC could not be looked at or not at all of it, what an edit hands out and RBAC may make more of. Of
// warnings there is one: they all have the same cause.
func (p *pass) unseen() {
	if p.oracle.blind == nil && p.oracle.partial == nil {
		return
	}
	told := map[grant]bool{} // of all that a template can become, the first
	for _, u := range p.unsure() {
		template := grant{u.grant.principal, u.grant.name, u.grant.username, ""}
		if told[template] {
			continue
		}
		f, ok := p.unread(u)
		if !ok {
			continue
		}
		told[template] = true
		if p.report("AA402", f); f.Severity == Warning {
			return
		}
	}
}

// unread is the finding about an unsure name; ok is false if it may be handed out whatever it is worth.
func (p *pass) unread(u unsure) (f Finding, ok bool) {
	w := u.way
	w.Approval, w.Standing = p.oracle.approved(u.ARN.Value, w)
	remedies := []string{"have the ARN approved in the policy under privileged.approvals"}
	if u.whole {
		remedies = []string{"leave account " + u.account + " out"}
	} else if w.Standing == policy.Valid {
		var against []string
		if _, literal := literally(u.grant.name, u.ARN.Value); !literal {
			w.Rule = "AA403" // one question to the authorizer covers all that the template can become
		}
		if against, remedies = p.conditions(w); len(against) == 0 {
			return f, false
		}
	}
	f = u.grant.finding(u.holding)
	if u.grant.username && reservedPrefix(u.grant.name) != "" {
		f.unless = "AA404" // which says that nobody may have such a name
	}
	what := "group " + q(u.grant.name)
	if u.grant.username {
		what = "username " + q(u.grant.name)
	}
	switch {
	case u.whole:
		what = fmt.Sprintf("the ARNs of account %s, which are usernames,", q(u.account))
	case u.account != "":
		what = fmt.Sprintf("%s, whose username is its ARN by account %s,", bare(clip(u.grant.name)), q(u.account))
	case w.Becomes != "":
		what = fmt.Sprintf("%s, which can become %s,", what, bare(clip(w.Becomes)))
	}
	f.Severity, f.Why = Warning, "so the guard cannot tell whether it is equivalent to cluster-admin"
	if u.whole {
		f.Why = "so the guard cannot tell whether one of them is equivalent to cluster-admin"
	}
	readable := "let the guard read RBAC (docs/privileges.md)"
	if partial := p.oracle.partial; partial != nil {
		why := bare(partial.Why.Error())
		if u.evidence != "" {
			why = whole(u.evidence) + ", " + why
		}
		f.Message = fmt.Sprintf("could not look up in RBAC all that %s may do: %s", what, why)
		readable = fmt.Sprintf("let the guard get, list and watch %s by its ClusterRole (docs/privileges.md)", list(partial.Kinds))
	} else {
		f.Message = fmt.Sprintf("could not look up in RBAC what %s may do: %s", what, bare(p.oracle.blind.Error()))
	}
	switch {
	case errors.Is(p.oracle.blind, ErrNotYet):
		f.Severity = Error
		f.Why = "so it may be equivalent to cluster-admin"
		f.Fix = "try again in a few seconds"
		return f, true
	case p.policy.Privileged.DenyUnreadable:
		f.Severity = Error
		f.Why += ", and the policy says privileged.onUnreadable: deny"
	case p.oracle.partial == nil:
		f.Why = "so only the groups that the policy names counted as privileged"
		remedies = []string{"say privileged.fromRBAC: false in the policy"}
	}
	f.Fix = readable + ", or " + strings.Join(remedies, ", and ")
	return f, true
}

// unsure lists the names that the edit hands out and that RBAC may make more of, in the order of their principals.
func (p *pass) unsure() (all []unsure) {
	old, had := &awsauth.Access{}, map[string]awsauth.Text{}
	if p.old != nil {
		old, had = p.old.restored, p.old.restored.Accounts
	}
	for _, change := range awsauth.Diff(old, p.new.restored) {
		for _, id := range change.After {
			if id.Entry != nil {
				all = append(all, p.unsureOf(id, change.Before)...)
			}
		}
		if !p.anyUnsure() {
			continue
		}
		if account, ok := p.new.restored.Accounts[change.Principal]; ok && change.Account {
			u := accountUnsure(account, change.Principal)
			u.whole = true
			all = append(all, u)
		} else if account, ok := accountOf(p.new.restored, change.Principal); ok && !change.Account {
			if _, before := had[account.Value]; before { // else it is about all of the account
				all = append(all, accountUnsure(account, change.Principal))
			}
		}
	}
	if p.anyUnsure() {
		return all
	}
	entries := len(all)
	for name, evidence := range p.oracle.partial.Usernames {
		account, ok := accountOf(p.new.restored, name)
		if _, before := accountOf(old, name); ok && !before {
			u := accountUnsure(account, name)
			u.evidence = evidence
			all = append(all, u)
		}
	}
	slices.SortFunc(all[entries:], func(a, b unsure) int { return strings.Compare(a.grant.name, b.grant.name) })
	return all
}

// groupsOfNodes are what a node's mapping has: AA408 judges whether its role belongs to nodes.
var groupsOfNodes = []string{groupNodes, groupBootstrappers, groupNodeProxier, groupWindows}

// anyUnsure says that any name may be more than is known, whoever has it.
func (p *pass) anyUnsure() bool { return p.oracle.partial == nil || p.oracle.partial.Any }

func accountUnsure(account awsauth.Text, principal string) unsure {
	e := &awsauth.Entry{Place: account.Place, ARN: awsauth.Text{Value: principal, Place: account.Place}}
	return unsure{grant: grant{principal: awsauth.Subject(principal), name: principal, username: true},
		holding: holding{Entry: e, way: Way{Rule: "AA402", Username: true, Name: principal, Index: -1}, account: account.Value}}
}

// unsureOf are those that an entry gives its principal, which had others before.
func (p *pass) unsureOf(id awsauth.Identity, before []awsauth.Identity) (all []unsure) {
	groups, usernames := map[string]bool{}, map[string]bool{}
	for _, b := range before {
		usernames[b.Username] = true
		for _, g := range b.Groups {
			groups[g] = true
		}
		groups[everybody] = groups[everybody] || !leavesEverybody(b.Canonical, b.Groups)
	}
	add := func(written string, username bool, index int) {
		for _, w := range p.oracle.unknown(id.Canonical, written, username) {
			evidence := w.Evidence
			w.Index = index
			all = append(all, unsure{grant: grant{id.Entry.Key(), w.Name, username, w.Becomes}, holding: holding{Entry: id.Entry, way: w}, evidence: evidence})
		}
	}
	for i, g := range id.Entry.GroupNames() {
		if !groups[g] && slices.Contains(id.Groups, g) && !slices.Contains(groupsOfNodes, g) && g != everybody {
			add(g, false, i)
		}
	}
	if username := id.Username; !usernames[username] && !strings.HasPrefix(username, nodePrefix) {
		add(username, true, -1)
	}
	// That anything may be bound to it as well is no more reason against one mapping than against another.
	if !p.anyUnsure() && !groups[everybody] && !leavesEverybody(id.Canonical, id.Groups) {
		add(everybody, false, -1)
	}
	return all
}

// unknown lists what a name may be, or a template may become, of which it is not known what RBAC makes of it.
func (o oracle) unknown(arn, written string, username bool) (found []Way) {
	known, maybe := o.group, map[string]string{}
	if username {
		known = o.username
	}
	if o.partial != nil {
		if maybe = o.partial.Groups; username {
			maybe = o.partial.Usernames
		}
	}
	name, literal := literally(written, arn)
	if literal && known(name).Rule != "" {
		return nil // there is worse to say of it
	}
	w := Way{Rule: "AA402", Username: username, Name: written}
	if name != written && literal {
		w.Becomes = name
	}
	if o.partial == nil || o.partial.Any {
		return []Way{w}
	}
	if literal {
		if w.Evidence = maybe[name]; w.Evidence == "" {
			return nil
		}
		return []Way{w}
	}
	of, _ := awsauth.ParseARN(arn) // where it is none, nothing is known of it
	t := awsauth.ParseTemplate(written, of)
	// The first that is not approved, or else those that are approved by name, and one of those that an approval of system:masters
	// covers: a cluster may have 100,000 names, and an edit as many templates as fit.
	var first, covered *Way
	for target, evidence := range maybe {
		if first != nil && target >= first.Becomes {
			continue
		}
		if _, can := t.CanBe(target); !can {
			continue
		}
		w := w
		w.Becomes, w.Evidence = target, evidence
		switch approval, standing := o.approved(arn, w); {
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
