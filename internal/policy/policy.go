package policy

import (
	"cmp"
	"slices"

	yaml "go.yaml.in/yaml/v4"
)

// Policy is the whole file.
type Policy struct {
	APIVersion string `yaml:"apiVersion" schema:"header"`
	Kind       string `yaml:"kind" schema:"header"`
	// enforce denies what is wrong; audit allows it and warns; if empty, what the chart's profile says, or enforce.
	Mode Mode `yaml:"mode" format:"mode" schema:"profile"`
	// The cluster's AWS partition; if empty, detected from the guard's own identity, the caller's ARN, or the
	// mapped node roles.
	Partition string `yaml:"partition" format:"partition"`
	// Another severity for a rule, by id or name: error, warning (or warn), "off".
	Rules      map[string]Severity `yaml:"rules" format:"rules"`
	Privileged Privileged          `yaml:"privileged"`
	// Other accounts whose principals may be mapped: id, roleARN (with externalID) or trust, mapAccounts.
	Accounts []Account `yaml:"accounts"`
	// Entries that must stay: an ARN, or an ARN with the username and the groups it must have.
	Required   []Required `yaml:"required"`
	Exempt     *Exempt    `yaml:"exempt" schema:"required"`
	BreakGlass BreakGlass `yaml:"breakGlass" schema:"required"`
	IAM        IAM        `yaml:"iam"`
	Nodes      Nodes      `yaml:"nodes"`
	// Denials of one rule that are waived for one subject: rule, subject, reason, expires.
	Waivers []Waiver `yaml:"waivers"`
	// What to do about mistakes that aws-auth already had before an edit: warn or deny.
	Preexisting string  `yaml:"preexisting" format:"warnOrDeny"`
	Contact     Contact `yaml:"contact"`
	// RuleLines are the lines of the keys of Rules in the file.
	RuleLines map[string]int `yaml:"-"`
	// Source is where the policy is kept.
	Source Source `yaml:"-"`
}

// Privileged says what is equivalent to cluster-admin, and who may have it.
type Privileged struct {
	// Groups that need an approval, beside system:masters, the break-glass groups and those of the approvers.
	Groups []string `yaml:"groups" format:"text"`
	// Groups and usernames that the cluster's RBAC makes equivalent to cluster-admin need an approval as well.
	FromRBAC *bool `yaml:"fromRBAC"`
	// What to do with a new group or username if RBAC could not be read enough to know what it gives: warn or
	// deny; if empty, warn.
	OnUnreadable string `yaml:"onUnreadable" format:"warnOrDeny"`
	// Who may have a privileged group or username: arn or pattern, groups, usernames, reason, approvedBy, expires.
	Approvals []Approval `yaml:"approvals"`
	Approvers Approvers  `yaml:"approvers"`
	// Ask the cluster's authorizer as well: may the caller do the verb grant on
	// privilegedgroups.aws-auth-guard.io/GROUP?
	SubjectAccessReview bool `yaml:"subjectAccessReview"`
}

// Approval allows principals to have privileged groups and usernames.
type Approval struct {
	// One exact principal, a role without its path. Either arn or pattern is set.
	ARN string `yaml:"arn" format:"principalARN"`
	// An ARN with * in the name of the role or user, and nowhere else. In AWSReservedSSO_X_* the * matches the
	// sixteen hexadecimal digits only.
	Pattern string `yaml:"pattern" format:"pattern"`
	// The privileged groups it may have. An approval needs groups, usernames or both.
	Groups []string `yaml:"groups" format:"text" schema:"nonempty"`
	// The privileged usernames it may have.
	Usernames []string `yaml:"usernames" format:"text" schema:"nonempty"`
	// Why, for the reader; messages repeat it.
	Reason string `yaml:"reason"`
	// Who approved it, for the reader.
	ApprovedBy string `yaml:"approvedBy"`
	// From the beginning of this day (UTC), or from this moment, it no longer counts. If empty, it always counts.
	Expires Date `yaml:"expires" format:"date"`
	// Line is where the file has it.
	Line int `yaml:"-"`
}

// Approvers are the callers who alone may use an approval.
type Approvers struct {
	// Callers who alone may use an approval, by username; with no username and no group, everyone who may edit
	// aws-auth. To map somebody to one of these names needs an approval.
	Usernames []string `yaml:"usernames" format:"callerUsername"`
	// The same, by group; not one that every caller, service account or node is in.
	Groups []string `yaml:"groups" format:"callerGroup"`
}

// Account is an AWS account other than the cluster's.
type Account struct {
	// The account's 12 digits, in quotes.
	ID string `yaml:"id" format:"accountID" schema:"required"`
	// A role there that the guard assumes to look principals up.
	RoleARN string `yaml:"roleARN" format:"roleARN"`
	// The sts:ExternalId that the trust policy of that role requires, if any.
	ExternalID string `yaml:"externalID" format:"externalID"`
	// unchecked allows the account's principals without looking them up; instead of a roleARN.
	Trust string `yaml:"trust" format:"trust"`
	// Allow the whole account in mapAccounts.
	MapAccounts bool `yaml:"mapAccounts"`
}

// Required is an entry that must stay. A bare ARN is its short form.
type Required struct {
	// The principal, a role without its path.
	ARN string `yaml:"arn" format:"principalARN" schema:"required"`
	// The username it must have; if empty, any.
	Username string `yaml:"username"`
	// Groups it must have.
	Groups []string `yaml:"groups" format:"text"`
	// Line is where the file has it.
	Line int `yaml:"-"`
}

// UnmarshalYAML takes the short form as well.
func (r *Required) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		r.ARN = n.Value
		return nil
	}
	type plain Required
	return n.Load((*plain)(r))
}

// Exempt are the callers who are never denied.
type Exempt struct {
	// Usernames that are never denied, by exact match: by the webhook, and by the floor. The default are EKS's
	// own writers. To map somebody to one of them needs an approval.
	Usernames []string `yaml:"usernames" format:"callerUsername" schema:"required"`
}

// BreakGlass are the groups whose members are never denied.
type BreakGlass struct {
	// Groups that are never denied: by the webhook, and by the floor. Not one that every caller, service account
	// or node is in. To map somebody to one of them needs an approval, like system:masters.
	Groups []string `yaml:"groups" format:"callerGroup" schema:"required"`
}

// IAM says how IAM is asked.
type IAM struct {
	// What to do with a principal that IAM could not be asked about: deny or warn.
	OnUnverified string `yaml:"onUnverified" format:"denyOrWarn"`
	// Region of the STS endpoint; if empty, detected.
	Region               string               `yaml:"region"`
	Timeouts             Timeouts             `yaml:"timeouts"`
	SuggestOtherAccounts SuggestOtherAccounts `yaml:"suggestOtherAccounts"`
}

// Timeouts bound the calls to AWS.
type Timeouts struct {
	// Time for one call to AWS, such as 2s; at most 30s; if empty, the default.
	Call Timeout `yaml:"call" format:"timeout"`
	// Time for all calls of one edit, such as 5s; at most 30s; if empty, the default.
	Total Timeout `yaml:"total" format:"timeout"`
}

// SuggestOtherAccounts are the callers who see more in a suggestion.
type SuggestOtherAccounts struct {
	// Callers to whom a suggestion ("did you mean") may show names of another account than the guard's, by
	// username; with no username and no group, nobody.
	Usernames []string `yaml:"usernames" format:"text"`
	// The same, by group.
	Groups []string `yaml:"groups" format:"text"`
}

// Nodes says which roles belong to nodes.
type Nodes struct {
	// Roles that nodes use, by ARN without a path, or by pattern with * in the name: a new node mapping of one of
	// them needs no other evidence.
	Roles []string `yaml:"roles" format:"nodeRole"`
	// What to do with a new node mapping whose role nothing shows to belong to nodes: warn or deny; if empty,
	// deny where roles lists any, else warn.
	OnUnknown string `yaml:"onUnknown" format:"warnOrDeny"`
}

// Waiver turns the errors of one rule for one subject into warnings.
type Waiver struct {
	// The rule, by id or name.
	Rule string `yaml:"rule" format:"rule" schema:"required"`
	// An ARN, an account id, or the offending value. Never a position such as mapRoles[1].
	Subject string `yaml:"subject" format:"text" schema:"required"`
	// Why, for the reader.
	Reason string `yaml:"reason" format:"reason" schema:"required"`
	// From the beginning of this day (UTC), or from this moment, it no longer counts. If empty, it always counts.
	Expires Date `yaml:"expires" format:"date"`
	// Line is where the file has it.
	Line int `yaml:"-"`
}

// Contact is whom to ask for what the policy does not allow.
type Contact struct {
	// Whom to ask for an approval, for example "#platform on Slack"; a denial repeats it. One line of at most 120
	// characters; if empty, a cluster admin.
	Text string `yaml:"text" format:"oneLine"`
	// Where to ask for an approval, an https or http URL.
	URL string `yaml:"url" format:"webURL"`
}

// Principals is the ARN or pattern that the approval is about.
func (a Approval) Principals() string { return cmp.Or(a.Pattern, a.ARN) }

// NodeRole reports that the policy names the role with that canonical ARN as one of nodes.
func (p *Policy) NodeRole(canonicalARN string) bool {
	return slices.ContainsFunc(p.Nodes.Roles, func(role string) bool { return MatchARN(role, canonicalARN) })
}

// DenyUnknown says what to do with a new node mapping whose role nothing shows to belong to nodes. A policy that lists the
// roles of the nodes says that all others are none.
func (n Nodes) DenyUnknown() bool {
	return n.OnUnknown == Deny || n.OnUnknown == "" && len(n.Roles) > 0
}

// Account returns what the policy says of an account id.
func (p *Policy) Account(id string) (Account, bool) {
	i := slices.IndexFunc(p.Accounts, func(a Account) bool { return a.ID == id })
	if i < 0 {
		return Account{}, false
	}
	return p.Accounts[i], true
}
