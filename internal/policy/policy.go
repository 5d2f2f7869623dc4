package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy/v1alpha1"
)

// The one version of the file's format.
const (
	APIVersion = v1alpha1.APIVersion
	Kind       = v1alpha1.Kind
)

// Mode is what a denial does.
type Mode string

// Enforce refuses the edit; Audit lets it in and says what it would have said.
const (
	Enforce Mode = v1alpha1.Enforce
	Audit   Mode = v1alpha1.Audit
)

// Severity is what the policy makes of a rule.
type Severity string

// The severities a rule can be given.
const (
	Error   Severity = v1alpha1.Error
	Warning Severity = v1alpha1.Warning
	Off     Severity = v1alpha1.Off
)

// Everybody is the group of all authenticated callers.
const Everybody = v1alpha1.Everybody

// Masters is the group that the API server lets do everything, without asking RBAC.
const Masters = "system:masters"

// Policy is a checked policy file.
type Policy struct {
	Mode Mode
	// Partition is the AWS partition of the cluster: aws, aws-cn, aws-us-gov, ... Empty: found out.
	Partition  string
	Rules      []RuleSeverity
	Privileged Privileged
	Accounts   []Account
	Required   []Required
	// ExemptUsernames are never denied, by exact match.
	ExemptUsernames []string
	// BreakGlassGroups are never denied; to hand one out is to hand out everything.
	BreakGlassGroups []string
	IAM              IAM
	Nodes            Nodes
	Waivers          []Waiver
	// DenyPreexisting makes what the old object had already count against an edit.
	DenyPreexisting bool
}

// RuleSeverity gives a rule, by id or name, another severity. Line is where the file says so.
type RuleSeverity struct {
	Rule     string
	Severity Severity
	Line     int
}

// Privileged says who may be given what is as good as the whole cluster.
type Privileged struct {
	// Groups are privileged beside system:masters and the break-glass groups.
	Groups []string
	// FromRBAC adds what the cluster's RBAC makes as good as cluster-admin.
	FromRBAC bool
	// DenyUnreadable denies a grant of which RBAC could not be read enough to know what it gives; else that is a
	// warning.
	DenyUnreadable bool
	Approvals      []Approval
	// Approvers are the callers who may add what is approved. Empty: whoever may edit aws-auth.
	Approvers Callers
	// SubjectAccessReview asks the cluster's authorizer as well whether the caller may.
	SubjectAccessReview bool
}

// Callers are named by username or by one of their groups.
type Callers struct {
	Usernames, Groups []string
}

// Empty says that nobody is named.
func (c Callers) Empty() bool { return len(c.Usernames) == 0 && len(c.Groups) == 0 }

// Has says whether a caller is among them.
func (c Callers) Has(username string, groups []string) bool {
	return slices.Contains(c.Usernames, username) || slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(c.Groups, g) })
}

// Terms are what an approval and a waiver have in common.
type Terms struct {
	Reason string
	// Expires is the moment from which it no longer counts; zero: never.
	Expires time.Time
	Line    int
}

// Approval lets a principal have privileged groups and usernames.
type Approval struct {
	// ARN is a canonical ARN; * stands for any characters, in the name alone.
	ARN        string
	Groups     []string
	Usernames  []string
	ApprovedBy string
	Terms
}

// Account is an AWS account other than the cluster's whose principals may be mapped.
type Account struct {
	ID string
	// RoleARN is assumed to look principals up there, with ExternalID as sts:ExternalId unless that is empty.
	RoleARN, ExternalID string
	// Unchecked takes the account's principals on trust.
	Unchecked bool
	// MapAccounts allows the whole account in mapAccounts.
	MapAccounts bool
}

// Required is an entry that must stay.
type Required struct {
	ARN      string
	Username string // "" for any
	Groups   []string
	Line     int
}

// IAM says how IAM is asked.
type IAM struct {
	// WarnUnverified lets in what could not be checked, with a warning.
	WarnUnverified bool
	Region         string
	// CallTimeout bounds one call to AWS, Timeout all calls for one request. Zero: the defaults of package iam.
	CallTimeout, Timeout time.Duration
	// SuggestOtherAccounts are the callers to whom a suggestion may show names of another account than the
	// guard's. Empty: nobody.
	SuggestOtherAccounts Callers
}

// Nodes says which roles are nodes', and what to do with one of which nobody knows.
type Nodes struct {
	// Roles are canonical ARNs as in an Approval: * stands for any characters, in the name alone.
	Roles []string
	// DenyUnknown denies a new node mapping whose role nothing shows to be a node's; else that is a warning.
	DenyUnknown bool
}

// Waiver takes the denial out of one rule for one subject.
type Waiver struct {
	Rule    string
	Subject string
	Terms
}

// Default is the policy of a cluster that has none: enforce every rule, approve nothing, exempt EKS's own writers.
func Default() *Policy {
	var file v1alpha1.Policy
	file.SetDefaults()
	return fromFile(&file, nil)
}

// PrivilegedGroups are the groups that need an approval: whoever is in one can do everything, or get past the
// guard, or may add those who can.
func (p *Policy) PrivilegedGroups() []string {
	return distinct([]string{Masters}, p.Privileged.Groups, p.BreakGlassGroups, p.Privileged.Approvers.Groups)
}

// PrivilegedUsernames are the usernames that need an approval, for what this policy lets them do.
func (p *Policy) PrivilegedUsernames() []string {
	return distinct(p.ExemptUsernames, p.Privileged.Approvers.Usernames)
}

func distinct(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}

// Standing says how an approval or a waiver counts.
type Standing int

// What Approved and Waived answer.
const (
	None    Standing = iota // there is none
	Expired                 // there was one
	Valid
)

// Approved says whether the principal with that canonical ARN may be in group at that moment, and by which approval.
func (p *Policy) Approved(canonicalARN, group string, now time.Time) (Approval, Standing) {
	return standing(p.Privileged.Approvals, func(a Approval) bool { return slices.Contains(a.Groups, group) && a.Matches(canonicalARN) }, now)
}

// ApprovedUsername is Approved for a username.
func (p *Policy) ApprovedUsername(canonicalARN, username string, now time.Time) (Approval, Standing) {
	return standing(p.Privileged.Approvals, func(a Approval) bool { return slices.Contains(a.Usernames, username) && a.Matches(canonicalARN) }, now)
}

// standing finds, among approvals or waivers, the first about a matter that counts at that moment, or else the
// last that has expired.
func standing[T interface{ Standing(now time.Time) Standing }](all []T, about func(T) bool, now time.Time) (best T, s Standing) {
	for _, one := range all {
		if !about(one) {
			continue
		}
		if best, s = one, one.Standing(now); s == Valid {
			break
		}
	}
	return best, s
}

// Standing says whether an approval or waiver counts at that moment: Valid or Expired.
func (t Terms) Standing(now time.Time) Standing {
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		return Expired
	}
	return Valid
}

// Matches says whether the approval is about the principal with that canonical ARN.
func (a Approval) Matches(canonicalARN string) bool { return MatchARN(a.ARN, canonicalARN) }

// NodeRole reports that the policy names the role with that canonical ARN as one of nodes.
func (p *Policy) NodeRole(canonicalARN string) bool {
	return slices.ContainsFunc(p.Nodes.Roles, func(role string) bool { return MatchARN(role, canonicalARN) })
}

// Waived says whether a rule (id or name) is waived at that moment for one of the subjects, and by which waiver.
func (p *Policy) Waived(ruleID, ruleName string, subjects []string, now time.Time) (Waiver, Standing) {
	return standing(p.Waivers, func(w Waiver) bool { return w.About(ruleID, ruleName, subjects) }, now)
}

// About says whether the waiver is for a rule (id or name) and one of the subjects.
func (w Waiver) About(ruleID, ruleName string, subjects []string) bool {
	return (strings.EqualFold(w.Rule, ruleID) || strings.EqualFold(w.Rule, ruleName)) &&
		slices.ContainsFunc(subjects, func(s string) bool { return s != "" && awsauth.Subject(s) == awsauth.Subject(w.Subject) })
}

// Account returns what the policy says of an account id.
func (p *Policy) Account(id string) (Account, bool) {
	i := slices.IndexFunc(p.Accounts, func(a Account) bool { return a.ID == id })
	if i < 0 {
		return Account{}, false
	}
	return p.Accounts[i], true
}

// Exempt reports that a request is never denied, and why: "exempt" for a username, "break-glass" for a group. The API
// server's match conditions send such requests to the witness webhook, by the same lists.
func (p *Policy) Exempt(username string, groups []string) (why string, ok bool) {
	if slices.Contains(p.ExemptUsernames, username) {
		return "exempt", true
	}
	for _, g := range p.BreakGlassGroups {
		if slices.Contains(groups, g) {
			return "break-glass", true
		}
	}
	return "", false
}
