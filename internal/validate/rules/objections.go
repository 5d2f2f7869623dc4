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

// objection is one thing that is against a new grant, and what to do about it.
type objection struct{ reason, remedy string }

type objections []objection

// objectionsTo are all that is against a new grant: the policy's approval, its approvers, and the cluster's own
// authorizer.
func objectionsTo(c *rule.EditContext, w privilege.Way) objections {
	all := notApproved(w)
	if c.User.Username == "" {
		return all // on the command line nobody knows who will make the edit
	}
	return slices.Concat(all, noApprover(c), notAuthorized(c, w))
}

func (all objections) reasons() string {
	var reasons []string
	for _, o := range all {
		reasons = append(reasons, o.reason)
	}
	return strings.Join(reasons, ", and ")
}

func (all objections) remedies() string {
	var remedies []string
	for _, o := range all {
		remedies = append(remedies, o.remedy)
	}
	return strings.Join(remedies, ", and ")
}

func notApproved(w privilege.Way) objections {
	switch w.Standing {
	case policy.None:
		return objections{{"the policy does not approve it",
			"have the ARN approved in the policy under privileged.approvals"}}
	case policy.Expired:
		expired := fmt.Sprintf("its approval in the policy (line %d) expired on %s",
			w.Approval.Line, w.Approval.Expires.Day())
		return objections{{expired, "have the approval renewed in the policy"}}
	case policy.Valid:
	}
	return nil
}

func noApprover(c *rule.EditContext) objections {
	approvers := policy.Callers(c.Policy.Privileged.Approvers)
	if approvers.Empty() || approvers.Has(c.User.Username, c.User.Groups) {
		return nil
	}
	return objections{{fmt.Sprintf("%s is none of the policy's approvers", phrase.Quote(c.User.Username)),
		"leave the edit to " + phrase.List(slices.Concat(approvers.Usernames, approvers.Groups))}}
}

func notAuthorized(c *rule.EditContext, w privilege.Way) objections {
	if !c.Policy.Privileged.SubjectAccessReview {
		return nil
	}
	asked := questionAbout(w)
	what := fmt.Sprintf("grant %s.aws-auth-guard.io %s", asked.Resource, phrase.Quote(asked.Name))
	answer, user := c.MayGrant(asked), phrase.Quote(c.User.Username)
	switch {
	case answer.Err != nil:
		reason := fmt.Sprintf("the cluster could not be asked whether %s may %s: %s",
			user, what, phrase.Bare(answer.Err.Error()))
		return objections{{reason, "try again, and see the guard's log"}}
	case !answer.Allowed:
		reason := fmt.Sprintf("the cluster does not let %s %s", user, what)
		if answer.Reason != "" {
			reason += " (" + phrase.Bare(answer.Reason) + ")"
		}
		return objections{{reason, "leave the edit to somebody whom RBAC lets do that"}}
	}
	return nil
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
