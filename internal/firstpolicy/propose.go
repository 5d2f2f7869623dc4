package firstpolicy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
)

// Cluster is what is known of a cluster.
type Cluster struct {
	AWSAuth *awsauth.Version
	// Policy is the one that it has, or the default, with the break-glass groups and the contact that it is to have.
	Policy *policy.Policy
	// Privileges is its RBAC; nil if that was not read.
	Privileges privilege.Source
	// Nodes are the running nodes and the access entries; nil if they were not asked for.
	Nodes *nodes.View
	Now   time.Time
	// Expires is until when what is approved now counts.
	Expires policy.Date
}

// Proposal is a policy for a cluster. Its lists begin with what the cluster's policy has already.
type Proposal struct {
	Approvals []Entry[policy.Approval]
	Required  []Entry[policy.Required]
	NodeRoles []Entry[string]
	Accounts  []Entry[policy.Account]
	// Undecided says of accounts what the reader has to decide.
	Undecided []string
	// Unapproved says of mappings that are or can become equivalent to cluster-admin why they get no approval.
	Unapproved []string
	// Unread says what of RBAC and of the nodes is not known; "" if all is.
	UnreadRBAC, UnreadNodes string
	// Taken are the principals that aws-auth maps to a break-glass group, or whose callers can become a member by their
	// session name, and that the policy does not approve: the group may be about to give them what they do not have.
	Taken []string
	// Members are the access entries that are in a break-glass group, if the entries are known.
	Members      []string
	KnowsMembers bool

	breakGlass []string
	contact    policy.Contact
	now        time.Time
}

// Entry is one of a list of the policy, with what its reader has to know of it.
type Entry[T any] struct {
	Value T
	Notes []string
}

// Propose finds what of a cluster its policy does not say yet.
func Propose(c Cluster) *Proposal {
	p := &Proposal{breakGlass: c.Policy.BreakGlass.Groups, contact: c.Policy.Contact, now: c.Now}
	p.approve(c)
	p.addNodes(c)
	p.addAccounts(c)
	p.addMembers(c)
	return p
}

// Apply is a policy with the lists of the proposal.
func (p *Proposal) Apply(to *policy.Policy) *policy.Policy {
	applied := *to
	applied.Privileged.Approvals = values(p.Approvals)
	applied.Required = values(p.Required)
	applied.Nodes.Roles = values(p.NodeRoles)
	applied.Accounts = values(p.Accounts)
	applied.BreakGlass.Groups = p.breakGlass
	applied.Contact = p.contact
	return &applied
}

func values[T any](entries []Entry[T]) (all []T) {
	for _, e := range entries {
		all = append(all, e.Value)
	}
	return all
}

// kept are the entries of the policy that a cluster has.
func kept[T any](of []T) (entries []Entry[T]) {
	for _, value := range of {
		entries = append(entries, Entry[T]{Value: value, Notes: []string{"already in the policy"}})
	}
	return entries
}

// addMembers finds who is in a break-glass group by an access entry.
func (p *Proposal) addMembers(c Cluster) {
	if !c.Nodes.KnowsAccess(c.Now) {
		return
	}
	p.KnowsMembers = true
	for _, e := range c.Nodes.Entries {
		if slices.ContainsFunc(e.Groups, func(g string) bool { return slices.Contains(p.breakGlass, g) }) {
			p.Members = append(p.Members, e.ARN)
		}
	}
	slices.Sort(p.Members)
}

const name = `[A-Za-z0-9_+=,.@-]`

// principalARN is what the policy, and the chart's schema, take for the ARN of a principal.
var principalARN = regexp.MustCompile(`^arn:aws[a-z-]*:(iam::[0-9]{12}:(role/` + name + `{1,64}|user/([!-~]+/)?` +
	name + `{1,64}|root)|sts::[0-9]{12}:federated-user/` + name + `{2,64})$`)

// principal is the ARN of a principal as a policy has it: EKS compares without regard to letter case, the policy wants
// arn:aws in lower case. ok is false if it is none that IAM gives.
func principal(arn string) (written string, ok bool) {
	a, err := awsauth.ParseARN(arn)
	if err != nil || !a.Matchable() {
		return "", false
	}
	service, resource := "iam", "root"
	switch a.Kind {
	case awsauth.KindRole:
		resource = "role/" + a.Name
	case awsauth.KindUser:
		resource = "user" + a.Path + a.Name
	case awsauth.KindFederatedUser:
		service, resource = "sts", "federated-user/"+a.Name
	}
	written = fmt.Sprintf("arn:%s:%s:%s:%s:%s", strings.ToLower(a.Partition), service, a.Region, a.Account, resource)
	return written, principalARN.MatchString(written)
}

// legible reports a name that a reader sees as it is, and that a policy takes.
func legible(name string) bool {
	return name != "" && strings.TrimSpace(name) == name && !strings.ContainsFunc(name, invisible)
}

func invisible(r rune) bool { return !unicode.IsPrint(r) || awsauth.Hidden(r) != "" }
