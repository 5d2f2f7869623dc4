package policy

// The one version of the file's format.
const (
	APIVersion = "aws-auth-guard.io/v1alpha1"
	Kind       = "Policy"
)

// Mode is what a denial does.
type Mode string

// Enforce denies the edit; Audit allows it and says what it would have said.
const (
	Enforce Mode = "enforce"
	Audit   Mode = "audit"
)

// Severity is what the policy makes of a rule.
type Severity string

// The severities a rule can be given. In the file, warn is short for warning, and empty for error.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Off     Severity = "off"
)

// What to do in a case that is not certain.
const (
	Warn = "warn"
	Deny = "deny"
)

// Unchecked is how the principals of another account are checked without a role to assume: not at all.
const Unchecked = "unchecked"

// The legal values of fields, in the order in which messages name them, the default first.
var (
	Modes      = []string{string(Enforce), string(Audit)}
	Severities = []string{string(Error), string(Warning), Warn, string(Off)}
	WarnOrDeny = []string{Warn, Deny}
	DenyOrWarn = []string{Deny, Warn}
)
