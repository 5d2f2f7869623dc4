// Package privilege says what is equivalent to cluster-admin: a group or a username by the policy or by the cluster's
// RBAC, and a template that can become one. It says who has it, who gets it by an edit, and what the policy approves
// of that.
package privilege

import (
	"slices"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// Resolver knows what is privileged at one moment, by the policy and by RBAC, and what of it is approved.
type Resolver struct {
	// Blind says why nothing of RBAC is known, if the policy wants it read; Partial what of it could not be read.
	Blind   error
	Partial *Partial

	policy      *policy.Policy
	equivalents *Equivalents
	now         time.Time
	// usernames are those to which the policy gives power, and groups are what no template must become.
	usernames, groups []string
}

// NewResolver asks the source once, if the policy wants that; a nil source is not asked.
func NewResolver(p *policy.Policy, source Source, now time.Time) *Resolver {
	r := &Resolver{policy: p, equivalents: &Equivalents{}, now: now,
		usernames: p.PrivilegedUsernames(), groups: slices.Concat(p.PrivilegedGroups(), privilegedByName)}
	if source == nil || !*p.Privileged.FromRBAC {
		return r
	}
	known, err := source.Equivalents()
	if err != nil {
		r.Blind = err
		return r
	}
	r.equivalents, r.Partial = known, known.Partial
	return r
}

// Ways lists how an identity is equivalent to cluster-admin, by names that are the same for every caller. arn is its
// principal's.
func (r *Resolver) Ways(arn, username string, groups []string) []Way {
	var ways []Way
	add := func(written string, index int, find func(name string) (Way, bool)) {
		name, ok := awsauth.Literally(written, arn)
		if !ok {
			return
		}
		w, privileged := find(name)
		same := func(v Way) bool { return v.Name == written && v.Username == w.Username }
		if !privileged || slices.ContainsFunc(ways, same) {
			return
		}
		if name != written {
			w.Name, w.Becomes = written, name
		}
		w.Index = index
		w.Approval, w.Standing = r.Approved(arn, w)
		ways = append(ways, w)
	}
	for i, g := range groups {
		add(g, i, r.Group)
	}
	add(username, -1, r.Username)
	if !leavesEverybody(arn, groups) {
		add(policy.Everybody, -1, r.Group)
	}
	return ways
}

// leavesEverybody reports that one of the groups, for every caller, keeps the principal out of everybody's.
func leavesEverybody(arn string, groups []string) bool {
	return slices.ContainsFunc(groups, func(g string) bool {
		name, ok := awsauth.Literally(g, arn)
		return ok && name == awsauth.GroupUnauthenticated
	})
}

const rightsOfApprover = "the rights of an approver: the policy lists it under privileged.approvers, " +
	"so it may add approved admins"

// Username says what makes a username privileged, if anything does.
func (r *Resolver) Username(name string) (w Way, privileged bool) {
	w = Way{Kind: Equivalent, Username: true, Name: name}
	if evidence, ok := r.equivalents.Usernames[name]; ok {
		w.Evidence = evidence
		return w, true
	}
	switch {
	case slices.Contains(r.policy.Exempt.Usernames, name):
		w.Evidence = "the policy exempts it from this guard"
	case slices.Contains(r.policy.Privileged.Approvers.Usernames, name):
		w.Evidence, w.Approver = rightsOfApprover, true
	default:
		return Way{}, false
	}
	return w, true
}

// Group says what makes a group privileged, if anything does.
func (r *Resolver) Group(name string) (w Way, privileged bool) {
	fromRBAC, equivalent := r.equivalents.Groups[name]
	w = Way{Kind: ListedGroup, Name: name}
	switch {
	case name == policy.Masters:
		w.Evidence = "full control of the cluster"
	case slices.Contains(r.policy.BreakGlass.Groups, name):
		w.Evidence = "the right to bypass this guard"
	case slices.Contains(r.policy.Privileged.Groups, name):
		w.Evidence = "rights that the policy calls privileged"
	case slices.Contains(r.policy.Privileged.Approvers.Groups, name) && equivalent:
		w.Evidence = "the rights of an approver, and more (" + fromRBAC + ")"
	case slices.Contains(r.policy.Privileged.Approvers.Groups, name):
		w.Evidence, w.Approver = rightsOfApprover, true
	case equivalent:
		w.Kind, w.Evidence = Equivalent, fromRBAC
	default:
		return Way{}, false
	}
	return w, true
}

// Approved finds the policy's approval of a way, and how it counts now. An approval of system:masters also covers what RBAC
// makes equivalent to it.
func (r *Resolver) Approved(arn string, w Way) (policy.Approval, policy.Standing) {
	approved := r.policy.Approved
	if w.Username {
		approved = r.policy.ApprovedUsername
	}
	a, s := approved(arn, w.Rendered(), r.now)
	if s != policy.Valid && r.withinMasters(w) {
		if m, standing := r.policy.Approved(arn, policy.Masters, r.now); standing > s {
			return m, standing
		}
	}
	return a, s
}

// withinMasters reports that a way gives nothing that system:masters does not give as well.
func (r *Resolver) withinMasters(w Way) bool {
	switch w.Kind {
	case Equivalent:
		return true
	case Template:
		group, _ := r.Group(w.Rendered())
		return group.Kind != ListedGroup
	case ListedGroup:
	}
	return false
}

// Holds reports that an identity has, or by a template can have, something that an approval names for it.
func Holds(id awsauth.Identity, a policy.Approval) bool {
	if !a.Matches(id.Canonical) {
		return false
	}
	arn, _ := awsauth.ParseARN(id.Canonical) // what EKS matches is one
	can := func(written, name string) bool {
		_, ok := awsauth.ParseTemplate(written, arn).CanBe(name)
		return ok
	}
	return slices.ContainsFunc(a.Usernames, func(name string) bool { return can(id.Username, name) }) ||
		slices.ContainsFunc(a.Groups, func(name string) bool {
			return slices.ContainsFunc(id.Groups, func(g string) bool { return can(g, name) })
		})
}
