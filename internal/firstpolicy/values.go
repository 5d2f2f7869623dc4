package firstpolicy

import (
	"errors"
	"fmt"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// check begins what the reader has to decide.
const check = "CHECK: "

const (
	headText = "Helm values for aws-auth-guard: the policy of this cluster, as it was found on %s. Nothing in it has " +
		"been reviewed. Read it before you apply it: everyone who was able to edit aws-auth, RBAC or nodes until now may " +
		"have put something into it. CHECK marks what you have to decide."
	howText = "  kubectl awsauth check --policy policy.yaml    # what of aws-auth this policy does not allow\n" +
		"  helm upgrade aws-auth-guard CHART -n aws-auth-guard --reset-then-reuse-values -f policy.yaml"
	keepText = "Helm replaces lists as a whole: keep this file in Git, and make further changes in it. profile and " +
		"policy.mode are not in it and stay what they are: enforce denies, audit warns."
	breakText = "Members of these groups are never denied, not even while the guard does not run. rbac.breakGlass lets " +
		"them edit aws-auth."
	memberText    = "Add a member by an access entry, not by aws-auth, which may be what has to be fixed:"
	memberCommand = "  aws eks create-access-entry --cluster-name CLUSTER --kubernetes-groups GROUP --principal-arn ARN"
	approvalsText = "Who is equivalent to cluster-admin. Do you know each of them, and do they still need it? If not, " +
		"remove them here and in aws-auth. If so, write why (reason) and who says so (approvedBy), and set another date: from " +
		"the date in expires on an approval allows nothing new; the mapping stays, and every edit of aws-auth warns about it."
	requiredText = "Mappings that must stay, since running nodes authenticate by them. Is each role one of your nodes? " +
		"A Node object alone is no evidence: everyone who may create nodes can write any. But a role is also here if " +
		"somebody started an instance or a node group of this cluster with it."
	rolesText = "Roles that aws-auth maps for nodes. A node mapping of another role is denied, unless IAM or a running " +
		"node shows that it belongs to nodes."
	accountsText = "Other accounts whose principals aws-auth maps. With trust: unchecked the guard does not ask IAM " +
		"whether the principals exist; with a roleARN it does."
	contactText = "Whom to ask for an approval; denials name it."
)

// Values is the proposal as values of the Helm chart. The error is one if they would not say what is proposed.
func (p *Proposal) Values() ([]byte, error) {
	text := p.text()
	written, err := policy.ParseValues([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("the policy that would be written is not valid: %w", err)
	}
	if list(p.Apply(policy.Default())) != list(written) {
		return nil, errors.New("the policy that would be written is not the one that is proposed")
	}
	return []byte(text), nil
}

// list is all that a policy lists, in a form to compare.
func list(of *policy.Policy) string {
	return (&Proposal{Approvals: kept(of.Privileged.Approvals), Required: kept(of.Required),
		NodeRoles: kept(of.Nodes.Roles), Accounts: kept(of.Accounts),
		breakGlass: of.BreakGlass.Groups, contact: of.Contact}).text()
}

func (p *Proposal) text() string {
	w := &writer{}
	w.comment(0, fmt.Sprintf(headText, p.now.UTC().Format(time.DateOnly)))
	w.comment(0, "")
	w.comment(0, howText)
	w.comment(0, "")
	w.comment(0, keepText)
	p.writeBreakGlass(w)
	p.writeApprovals(w)
	p.writeNodes(w)
	p.writeAccounts(w)
	w.line(1, "")
	w.comment(1, contactText)
	if p.contact == (policy.Contact{}) {
		w.line(1, "# contact:")
		w.line(1, `#   text: "#platform on Slack"`)
		return w.String()
	}
	w.line(1, "contact:")
	w.fields("    ", "    ", field{"text", p.contact.Text}, field{"url", p.contact.URL})
	return w.String()
}

func (p *Proposal) writeBreakGlass(w *writer) {
	w.line(0, "")
	w.comment(0, breakText)
	switch {
	case len(p.Members) > 0:
		w.comment(0, check+"by access entries these are members: "+phrase.Whole(phrase.Few(p.Members)))
	case p.KnowsMembers:
		w.comment(0, check+"no access entry has one of them. "+memberText)
	default:
		w.comment(0, memberText)
	}
	if len(p.Members) == 0 {
		w.comment(0, memberCommand)
	}
	w.line(0, "rbac:")
	w.line(1, "breakGlass: true")
	w.line(0, "")
	w.line(0, "policy:")
	w.line(1, "breakGlass:")
	w.fields("    ", "    ", field{"groups", p.breakGlass})
}

func (p *Proposal) writeApprovals(w *writer) {
	w.line(1, "")
	w.line(1, "privileged:")
	w.comment(2, approvalsText)
	if p.UnreadRBAC != "" {
		w.comment(2, check+p.UnreadRBAC+
			", so groups and usernames that it makes equivalent to cluster-admin may be missing.")
	}
	for _, text := range p.Unapproved {
		w.comment(2, check+"not approved: "+text)
	}
	writeList(w, 2, "approvals", p.Approvals, func(a policy.Approval) []field {
		return []field{{"arn", a.ARN}, {"pattern", a.Pattern}, {"groups", a.Groups}, {"usernames", a.Usernames},
			{"reason", a.Reason}, {"approvedBy", a.ApprovedBy}, {"expires", string(a.Expires)}}
	})
}

func (p *Proposal) writeNodes(w *writer) {
	w.line(1, "")
	w.comment(1, requiredText)
	if p.UnreadNodes != "" {
		w.comment(1, check+p.UnreadNodes+". Write the ARNs of the roles of your other nodes here.")
	}
	writeList(w, 1, "required", p.Required, func(r policy.Required) []field {
		return []field{{"arn", r.ARN}, {"username", r.Username}, {"groups", r.Groups}}
	})
	w.line(1, "")
	w.line(1, "nodes:")
	w.comment(2, rolesText)
	writeList(w, 2, "roles", p.NodeRoles, func(role string) []field { return []field{{"", role}} })
}

func (p *Proposal) writeAccounts(w *writer) {
	if len(p.Accounts)+len(p.Undecided) == 0 {
		return
	}
	w.line(1, "")
	w.comment(1, accountsText)
	for _, text := range p.Undecided {
		w.comment(1, check+text)
	}
	writeList(w, 1, "accounts", p.Accounts, func(a policy.Account) []field {
		return []field{{"id", a.ID}, {"roleARN", a.RoleARN}, {"externalID", a.ExternalID}, {"trust", a.Trust},
			{"mapAccounts", a.MapAccounts}}
	})
}
