package v1alpha1

// The one version of the file's format.
const (
	APIVersion = "aws-auth-guard.io/v1alpha1"
	Kind       = "Policy"
)

// What a denial does: Enforce denies the edit, Audit allows it and says what it would have said.
const (
	Enforce = "enforce"
	Audit   = "audit"
)

// The severities a rule can be given. Warn is short for Warning.
const (
	Error   = "error"
	Warning = "warning"
	Off     = "off"
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
	Modes      = []string{Enforce, Audit}
	Severities = []string{Error, Warning, Warn, Off}
	WarnOrDeny = []string{Warn, Deny}
	DenyOrWarn = []string{Deny, Warn}
)
