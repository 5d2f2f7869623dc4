// Package rule is the contract between the engine and a rule: what a rule says of itself, what it may look at, and what it
// reports.
//
// A rule is one value of type Rule. Its function gets a context and nothing else: a rule neither sees nor changes what
// another rule found. What makes one finding unnecessary beside another is data (SilencedBy), and so is what may excuse
// it (Category), so that the engine settles both in one place.
package rule

// Severity says what a finding does to an edit.
type Severity string

// Two severities are enough: an error would break or escalate and denies the edit; a warning cannot tell, or
// is harmless. Off is for the policy's rules only: what the rule finds is dropped.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Off     Severity = "off"
)

// Category says what a rule judges. By it package baseline decides what may excuse its findings.
type Category uint8

// The categories.
const (
	Text      Category = iota + 1 // how a value is written
	Repeat                        // one principal mapped twice
	ARN                           // how a principal is written
	Name                          // what a username and groups say; EKS reads them, whatever it is
	Principal                     // whether a principal exists
	Grant                         // what is given to whom
	Loss                          // what is taken from whom
	Effect                        // whether EKS looks at the edit at all
	Object                        // the ConfigMap around the text
)

// Rule is one rule and its description, from which docs/rules.md, explain and SARIF are made.
type Rule struct {
	ID       string   // AA203; never reused
	Name     string   // role-arn-path
	Severity Severity // unless a finding or the policy says otherwise
	Category Category
	What     string // what it catches
	Why      string // what would happen on EKS
	// Bad is the body of a ConfigMap that the rule finds when it replaces Good; Good is one that it allows. Both are run by
	// a test. Bad is empty where the object is deleted.
	Bad, Good string
	// SilencedBy are the rules whose errors about the same thing make a finding of this rule unnecessary. It counts only for
	// a finding that says so: Yields: YieldsToRule.
	SilencedBy []Silence

	// One of these is set, or Edit and one of the others. Entry and Object judge one version by itself: they run on the old and on
	// the new one, and what the old one had already is excused. Edit compares the two.
	Entry  func(*EntryContext)
	Object func(*ObjectContext)
	Edit   func(*EditContext)
}

// Silence is a rule whose error makes another finding about the same thing unnecessary.
type Silence struct {
	Rule string
	Same Scope
}

// Scope says when two findings are about the same thing.
type Scope int

// The scopes: the first three are each narrower than the one before.
const (
	SamePrincipal Scope = iota + 1
	SameEntry
	SameField
	SameLine // of the value, whichever principal the findings are about
)
