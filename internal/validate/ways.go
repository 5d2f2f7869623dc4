package validate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// Way is one way in which an identity is, or for a template can become, as good as system:masters.
type Way struct {
	// Rule is the rule about it: AA401 for the policy's groups, AA402 for what RBAC makes as good, AA403 for templates.
	Rule string
	// Username says that Name is the identity's username, else it is one of its groups.
	Username bool
	// Name is as written; everybody is in system:authenticated without its being written anywhere.
	Name string
	// Index is that of the group, -1 if it is none or written nowhere.
	Index int
	// Becomes is what a template becomes, or can become, and Session the session name that does it, if it asks for one.
	Becomes, Session string
	// Evidence is what makes it privileged: a chain through RBAC, or words.
	Evidence string
	// Approver says that it gives no more than the place of one of the policy's approvers.
	Approver bool
	// Approval is the policy's, and Standing how it counts now.
	Approval policy.Approval
	Standing policy.Standing
}

// everybody is the group that the API server puts every caller in, but those who are in system:unauthenticated.
const everybody = policy.Everybody

// oracle knows what is privileged, by the policy and by RBAC, and what of it is approved.
type oracle struct {
	policy      *policy.Policy
	equivalents *Equivalents
	// usernames and approvers are the usernames and the groups of approvers that the policy gives power.
	usernames, approvers []string
	now                  time.Time
	// blind says why RBAC could not be looked at, if it should have been; partial what of it could not.
	blind   error
	partial *Partial
}

func newOracle(p *policy.Policy, port Privileges, now time.Time) oracle {
	o := oracle{policy: p, equivalents: &Equivalents{}, now: now, usernames: p.PrivilegedUsernames(), approvers: p.Privileged.Approvers.Groups}
	if port == nil || !p.Privileged.FromRBAC {
		return o
	}
	known, err := port.Equivalents()
	if err != nil {
		o.blind = err
		return o
	}
	o.equivalents, o.partial = known, known.Partial
	return o
}

// ways lists how an identity is as good as system:masters, by names that are the same for every caller. arn is its
// principal's.
func (o oracle) ways(arn, username string, groups []string) []Way {
	var ways []Way
	add := func(written string, index int, find func(name string) Way) {
		name, ok := literally(written, arn)
		if !ok {
			return
		}
		w := find(name)
		if w.Rule == "" || slices.ContainsFunc(ways, func(v Way) bool { return v.Name == written && v.Username == w.Username }) {
			return
		}
		if w.Name != written {
			w.Name, w.Becomes = written, w.Name
		}
		w.Index = index
		w.Approval, w.Standing = o.approved(arn, w)
		ways = append(ways, w)
	}
	for i, g := range groups {
		add(g, i, o.group)
	}
	add(username, -1, o.username)
	if !leavesEverybody(arn, groups) {
		add(everybody, -1, o.group)
	}
	return ways
}

// literally is what a text becomes for every caller of a principal; ok is false if it depends on the caller.
func literally(written, arn string) (name string, ok bool) {
	if !strings.Contains(written, "{{") {
		return written, true
	}
	of, _ := awsauth.ParseARN(arn) // where it is none, nothing is known of it
	t := awsauth.ParseTemplate(written, of)
	return t.Text(), t.Literal()
}

const rightsOfApprover = "the rights of an approver: the policy lists it under privileged.approvers, so it may add approved admins"

// username is the way that a username is; its Rule is empty if it is none.
func (o oracle) username(name string) Way {
	w := Way{Rule: "AA402", Username: true, Name: name}
	if evidence, ok := o.equivalents.Usernames[name]; ok {
		w.Evidence = evidence
		return w
	}
	switch {
	case slices.Contains(o.policy.ExemptUsernames, name):
		w.Evidence = "the policy exempts it from this guard"
	case slices.Contains(o.policy.Privileged.Approvers.Usernames, name):
		w.Evidence, w.Approver = rightsOfApprover, true
	default:
		return Way{}
	}
	return w
}

// group is the way that a group is; its Rule is empty if it is none.
func (o oracle) group(g string) Way {
	switch {
	case g == policy.Masters:
		return Way{Rule: "AA401", Name: g, Evidence: "everything in the cluster"}
	case slices.Contains(o.policy.BreakGlassGroups, g):
		return Way{Rule: "AA401", Name: g, Evidence: "every edit past this guard"}
	case slices.Contains(o.policy.Privileged.Groups, g):
		return Way{Rule: "AA401", Name: g, Evidence: "what the policy calls privileged"}
	case slices.Contains(o.approvers, g):
		if _, ok := o.equivalents.Groups[g]; !ok {
			return Way{Rule: "AA401", Name: g, Approver: true, Evidence: rightsOfApprover}
		}
		return Way{Rule: "AA401", Name: g, Evidence: "the rights of an approver, and more (" + o.equivalents.Groups[g] + ")"}
	}
	if evidence, ok := o.equivalents.Groups[g]; ok {
		return Way{Rule: "AA402", Name: g, Evidence: evidence}
	}
	return Way{}
}

// approved says what the policy has on a way. Whoever may be in system:masters may have what RBAC makes as good.
func (o oracle) approved(arn string, w Way) (policy.Approval, policy.Standing) {
	name := cmp.Or(w.Becomes, w.Name)
	var a policy.Approval
	var s policy.Standing
	if w.Username {
		a, s = o.policy.ApprovedUsername(arn, name, o.now)
	} else {
		a, s = o.policy.Approved(arn, name, o.now)
	}
	if s != policy.Valid && (w.Rule == "AA402" || w.Rule == "AA403" && o.group(name).Rule != "AA401") {
		if m, standing := o.policy.Approved(arn, policy.Masters, o.now); standing > s {
			return m, standing
		}
	}
	return a, s
}

// templateWays lists what the templates of an identity can become: for each template the first that is not approved, or else
// all that are. Those
// that are the same for every caller are among ways; here they are only held against the names of nodes and of the control plane.
func (o oracle) templateWays(arn, username string, groups []string) []Way {
	of, _ := awsauth.ParseARN(arn) // where it is none, nothing is known of it
	privileged := append(o.policy.PrivilegedGroups(), privilegedByName...)
	var ways []Way
	for i, g := range groups {
		names, fromRBAC := privileged, o.equivalents.Groups
		t := awsauth.ParseTemplate(g, of)
		if t.Literal() {
			if t.Text() == g {
				continue
			}
			names, fromRBAC = privilegedByName, nil
		}
		ways = append(ways, o.becomes(arn, t, Way{Name: g, Index: i}, names, fromRBAC, o.group)...)
	}
	if t := awsauth.ParseTemplate(username, of); !t.Literal() {
		names := o.usernames
		if reservedPrefix(username) == "" { // what can begin with a reserved prefix is AA403 for that
			names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return reservedPrefix(name) != "" })
		}
		ways = append(ways, o.becomes(arn, t, Way{Name: username, Username: true, Index: -1}, names, o.equivalents.Usernames, o.username)...)
	}
	return ways
}

// becomes finds the first privileged name that a template can become and that is not approved: of the literal ones in
// their order, else of those from RBAC in the order of the alphabet. Without any, it is those that are approved. known says of
// a literal one what it is.
func (o oracle) becomes(arn string, t awsauth.Template, w Way, literal []string, fromRBAC map[string]string, known func(string) Way) (found []Way) {
	w.Rule = "AA403"
	var approved []Way
	try := func(target, evidence string) bool {
		by, can := t.CanBe(target)
		if !can {
			return false
		}
		w := w
		w.Becomes, w.Session, w.Evidence = target, by, evidence
		if w.Approval, w.Standing = o.approved(arn, w); w.Standing == policy.Valid {
			approved = append(approved, w)
			return false
		}
		found = []Way{w}
		return true
	}
	for _, target := range literal {
		if try(target, known(target).Evidence) {
			return found
		}
	}
	first := ""
	for target, evidence := range fromRBAC {
		if (first == "" || target < first) && try(target, evidence) {
			first = target
		}
	}
	if first != "" {
		return found
	}
	slices.SortFunc(approved, func(a, b Way) int { return strings.Compare(a.Becomes, b.Becomes) })
	return slices.CompactFunc(approved, func(a, b Way) bool { return a.Becomes == b.Becomes })
}

// Ways lists how an identity is, or can become, as good as system:masters, at this moment.
func (v *Validator) Ways(id awsauth.Identity) []Way {
	o := newOracle(v.policy, v.ports.Privileges, v.now())
	return append(o.ways(id.Canonical, id.Username, id.Groups), o.templateWays(id.Canonical, id.Username, id.Groups)...)
}

// conditions are all that stands against a new way in, each with what to do about it: the policy's approval, its
// approvers, and the cluster's own authorizer.
func (p *pass) conditions(w Way) (against, remedies []string) {
	switch w.Standing {
	case policy.None:
		against, remedies = append(against, "the policy does not approve it"), append(remedies, "have the ARN approved in the policy under privileged.approvals")
	case policy.Expired:
		against = append(against, fmt.Sprintf("its approval in the policy (line %d) expired on %s", w.Approval.Line, w.Approval.Expires.Format(time.DateOnly)))
		remedies = append(remedies, "have the approval renewed in the policy")
	case policy.Valid:
	}
	if p.user.Username == "" {
		return against, remedies // on the command line nobody knows who will make the edit
	}
	approvers := p.policy.Privileged.Approvers
	if !approvers.Empty() && !approvers.Has(p.user.Username, p.user.Groups) {
		against = append(against, fmt.Sprintf("%s is none of the policy's approvers", q(p.user.Username)))
		remedies = append(remedies, "leave the edit to "+list(slices.Concat(approvers.Usernames, approvers.Groups)))
	}
	if !p.policy.Privileged.SubjectAccessReview {
		return against, remedies
	}
	resource := "privilegedgroups"
	if w.Username {
		resource = "privilegedusernames"
	}
	name := cmp.Or(w.Becomes, w.Name)
	if listed := slices.Concat(w.Approval.Groups, w.Approval.Usernames); w.Rule == "AA403" && !slices.Contains(listed, name) {
		resource, name = "privilegedgroups", policy.Masters // which covers all that the template can become
	}
	answer := p.mayGrant(resource, name)
	switch what := fmt.Sprintf("grant %s.aws-auth-guard.io %s", resource, q(name)); {
	case answer.err != nil:
		against = append(against, fmt.Sprintf("the cluster could not be asked whether %s may %s: %s", q(p.user.Username), what, bare(answer.err.Error())))
		remedies = append(remedies, "try again, and see the guard's log")
	case !answer.allowed:
		said := ""
		if answer.reason != "" {
			said = " (" + bare(answer.reason) + ")"
		}
		against = append(against, fmt.Sprintf("the cluster does not let %s %s%s", q(p.user.Username), what, said))
		remedies = append(remedies, "leave the edit to somebody whom RBAC lets do that")
	}
	return against, remedies
}

// reply is what the cluster's authorizer answered.
type reply struct {
	allowed bool
	reason  string
	err     error
}

// mayGrant asks once a request and name.
func (p *pass) mayGrant(resource, name string) reply {
	key := resource + "/" + name
	if r, ok := p.replies[key]; ok {
		return r
	}
	r := reply{err: errNoCluster}
	if p.ports.Grants != nil {
		r.allowed, r.reason, r.err = p.ports.Grants.MayGrant(p.ctx, p.user, resource, name)
	}
	if p.replies == nil {
		p.replies = map[string]reply{}
	}
	p.replies[key] = r
	return r
}

// sortedGrants makes the order of findings and of questions the same every time.
func sortedGrants(m map[grant]holding) []grant {
	return slices.SortedFunc(maps.Keys(m), func(a, b grant) int {
		return cmp.Or(strings.Compare(a.principal, b.principal), strings.Compare(a.name, b.name), strings.Compare(a.becomes, b.becomes))
	})
}
