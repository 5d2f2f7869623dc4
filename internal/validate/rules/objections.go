package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// objections are what is against a new grant, and what to do about each of them.
type objections struct {
	reasons, remedies []string
	// approval is how to get one.
	approval string
}

func (o *objections) add(reason, remedy string) {
	o.reasons, o.remedies = append(o.reasons, reason), append(o.remedies, remedy)
}

// remedy is all of them; how to get an approval is the longest, and comes last.
func (o objections) remedy() string {
	all := o.remedies
	if o.approval != "" {
		all = append(slices.Clone(all), o.approval)
	}
	return strings.Join(all, ", and ")
}

// getApproval is how to get an approval.
func getApproval(p *policy.Policy) string {
	return "get an approval: " + p.Ask("approvals", "privileged.approvals")
}

// objectionsTo are those of the policy's approval, of its approvers, and of the cluster's own authorizer.
func objectionsTo(c *rule.EditContext, w privilege.Way) objections {
	var all objections
	switch w.Standing {
	case policy.None:
		all.reasons, all.approval = append(all.reasons, power(c.Policy, w)+", and the policy does not approve it"), getApproval(c.Policy)
	case policy.Expired:
		all.reasons = append(all.reasons, fmt.Sprintf("its approval in the policy (line %d) expired on %s", w.Approval.Line, w.Approval.Expires.Day()))
		all.approval = getApproval(c.Policy)
	case policy.Valid:
	}
	if c.User.Username == "" {
		return all // on the command line nobody knows who will make the edit
	}
	approvers := policy.Callers(c.Policy.Privileged.Approvers)
	if !approvers.Empty() && !approvers.Has(c.User.Username, c.User.Groups) {
		all.add(fmt.Sprintf("%s is not one of the policy's approvers", phrase.Quote(c.User.Username)),
			"ask an approver ("+phrase.Few(slices.Concat(approvers.Usernames, approvers.Groups))+") to make the edit")
	}
	if c.Policy.Privileged.SubjectAccessReview {
		all.askCluster(c, w)
	}
	return all
}

func (o *objections) askCluster(c *rule.EditContext, w privilege.Way) {
	asked := questionAbout(w)
	what := fmt.Sprintf("grant %s.aws-auth-guard.io %s", asked.Resource, phrase.Quote(asked.Name))
	answer, user := c.MayGrant(asked), phrase.Quote(c.User.Username)
	switch {
	case answer.Err != nil:
		o.add(fmt.Sprintf("could not check whether RBAC allows %s to %s: %s", user, what, phrase.Bare(answer.Err.Error())),
			"try again (the guard's log has the error)")
	case !answer.Allowed:
		reason := fmt.Sprintf("RBAC does not allow %s to %s", user, what)
		if answer.Reason != "" {
			reason += " (" + phrase.Bare(answer.Reason) + ")"
		}
		o.add(reason, "ask somebody with that permission to make the edit")
	}
}

// power is what is to be feared of a privileged name.
func power(p *policy.Policy, w privilege.Way) string {
	switch {
	case w.Rendered() == policy.Masters && !w.Username:
		return whyNotMasters
	case w.Approver:
		return "an approver decides who gets cluster-admin"
	case w.Kind == privilege.ListedGroup && slices.Contains(p.Privileged.Groups, w.Rendered()):
		return "the policy lists it under privileged.groups"
	}
	return "everyone who has it can get full control of the cluster"
}

// questionAbout is what to ask the authorizer about a way. For what a template can become it is system:masters, which
// covers all of it, unless the policy approves that by name.
func questionAbout(w privilege.Way) privilege.Question {
	listed := slices.Concat(w.Approval.Groups, w.Approval.Usernames)
	switch name := w.Rendered(); {
	case w.Kind == privilege.Template && !slices.Contains(listed, name):
		return privilege.Question{Resource: "privilegedgroups", Name: policy.Masters}
	case w.Username:
		return privilege.Question{Resource: "privilegedusernames", Name: name}
	default:
		return privilege.Question{Resource: "privilegedgroups", Name: name}
	}
}
