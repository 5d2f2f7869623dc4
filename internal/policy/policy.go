package policy

import (
	"slices"
	"time"

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

// Policy is a checked policy file, in the form in which it is asked. Package v1alpha1 says what each field means.
type Policy struct {
	Mode Mode
	// Partition is empty if it is to be detected.
	Partition  string
	Rules      []RuleSeverity
	Privileged Privileged
	Accounts   []Account
	Required   []Required
	// ExemptUsernames and BreakGlassGroups are never denied.
	ExemptUsernames, BreakGlassGroups []string

	IAM     IAM
	Nodes   Nodes
	Waivers []Waiver
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
	Groups   []string
	FromRBAC bool
	// DenyUnreadable denies where RBAC could not be read enough; else that is a warning.
	DenyUnreadable bool
	Approvals      []Approval
	// Approvers are the callers who may add what is approved. Empty: whoever may edit aws-auth.
	Approvers           Callers
	SubjectAccessReview bool
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
	Unchecked   bool
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
	// SuggestOtherAccounts is empty for nobody.
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

// NodeRole reports that the policy names the role with that canonical ARN as one of nodes.
func (p *Policy) NodeRole(canonicalARN string) bool {
	return slices.ContainsFunc(p.Nodes.Roles, func(role string) bool { return MatchARN(role, canonicalARN) })
}

// Account returns what the policy says of an account id.
func (p *Policy) Account(id string) (Account, bool) {
	i := slices.IndexFunc(p.Accounts, func(a Account) bool { return a.ID == id })
	if i < 0 {
		return Account{}, false
	}
	return p.Accounts[i], true
}
