package rules

import (
	"fmt"
	"slices"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// objections are what is against a new grant, and what to do about each of them.
type objections struct{ reasons, remedies []string }

func (o *objections) add(reason, remedy string) {
	o.reasons, o.remedies = append(o.reasons, reason), append(o.remedies, remedy)
}

// objectionsTo are those of the policy's approval, of its approvers, and of the cluster's own authorizer.
func objectionsTo(c *rule.EditContext, w privilege.Way) objections {
	var all objections
	switch w.Standing {
	case policy.None:
		all.add("the policy does not approve it", "have the ARN approved in the policy under privileged.approvals")
	case policy.Expired:
		all.add(fmt.Sprintf("its approval in the policy (line %d) expired on %s", w.Approval.Line, w.Approval.Expires.Day()),
			"have the approval renewed in the policy")
	case policy.Valid:
	}
	if c.User.Username == "" {
		return all // on the command line nobody knows who will make the edit
	}
	approvers := policy.Callers(c.Policy.Privileged.Approvers)
	if !approvers.Empty() && !approvers.Has(c.User.Username, c.User.Groups) {
		all.add(fmt.Sprintf("%s is none of the policy's approvers", phrase.Quote(c.User.Username)),
			"leave the edit to "+phrase.List(slices.Concat(approvers.Usernames, approvers.Groups)))
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
		o.add(fmt.Sprintf("the cluster could not be asked whether %s may %s: %s", user, what, phrase.Bare(answer.Err.Error())),
			"try again, and see the guard's log")
	case !answer.Allowed:
		reason := fmt.Sprintf("the cluster does not let %s %s", user, what)
		if answer.Reason != "" {
			reason += " (" + phrase.Bare(answer.Reason) + ")"
		}
		o.add(reason, "leave the edit to somebody whom RBAC lets do that")
	}
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
