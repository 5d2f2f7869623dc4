package rule

import (
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
)

// Finding is one thing wrong with the object, where it is, and what to type instead. The JSON form is fixed:
// scripts read it.
type Finding struct {
	Rule     string   `json:"rule"`     // AA203
	Name     string   `json:"name"`     // role-arn-path
	Severity Severity `json:"severity"` // as it counts after the policy and after comparing with the old object
	Field    string   `json:"field"`    // data.mapRoles[2].rolearn
	// Line and Column are inside the value of the data key that Field names, from 1; columns count
	// characters, not bytes. 0 if the finding has no place in the text.
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Value  string `json:"value"` // the offending text as written
	// Message, Fix and Why are three sentences, each complete by itself: lower case at the start, no full stop at the end. Who
	// prints them joins them.
	Message string `json:"message"` // what is wrong: quotes the value and names the entry by its ARN
	Why     string `json:"why"`     // the reason: what EKS does with it
	Fix     string `json:"fix"`     // what to type: begins with a verb
	// Lines are text to paste, written as the text around it is; Fix says what to do with them.
	Lines []string `json:"lines,omitempty"`
	// Preexisting says that the old object had this too, so that it does not count against the edit.
	Preexisting bool `json:"preexisting"`

	// DataKey is the data key that Line and Column are inside: mapRoles, mapUsers, mapAccounts.
	DataKey string `json:"-"`
	// Nodes are the running nodes that can no longer authenticate for that reason.
	Nodes []nodes.Set `json:"-"`

	// Principal and Subject say what the finding is about, so that the same thing is known again in another version of the
	// object: a canonical ARN, and a name in words that stay the same when lines move.
	Principal string `json:"-"`
	Subject   string `json:"-"`
	// Entry is the path of the entry that it is about, "" if it is about none: data.mapRoles[2].
	Entry string `json:"-"`
	// Other is where the other one of two stands, of which one is too many; nil if it is about one.
	Other *awsauth.Place `json:"-"`
	// Lacks is what is not there: a field of the entry, or its Dash.
	Lacks string `json:"-"`

	// Reading is set for a difference between EKS's two readings of an entry, and is the lenient one.
	Reading *awsauth.Reading `json:"-"`
	// SaidAt is the line of another finding of the same rule in the same value, whose error makes this one unnecessary as well;
	// 0 if there is none.
	SaidAt int `json:"-"`

	// Category is that of the rule.
	Category Category `json:"-"`
	// AlwaysNew says that the finding counts against every edit whose new object has it: nobody can know whether the old one had it.
	AlwaysNew bool `json:"-"`
	// Gives says what the entry gives somebody by what the finding is about.
	Gives Gives `json:"-"`
	// Yields says which errors make this finding unnecessary, so that it is left out (settle.go).
	Yields Yield `json:"-"`
}

// Dash is what an entry begins with.
const Dash = "-"

// Gives says what an entry gives somebody. A finding about something that is given only since the edit is new, even if the
// old version has the same text (baseline, unmarkGiven).
type Gives uint8

// What an entry may give.
const (
	GivesNothing Gives = iota
	GivesName
	GivesNodeIdentity
)

// Yield says which errors make a finding unnecessary.
type Yield uint8

// The yields. Most findings are reported whatever else is.
const (
	YieldsNever  Yield = iota
	YieldsToRule       // to the errors of the rules that silence its own, see Rule.SilencedBy
	YieldsToAny        // to every error of another rule about the same principal
)

// Key is what a finding is known again by in another version of the object.
func (f Finding) Key() string { return f.Rule + "\x00" + f.Principal + "\x00" + f.Subject }

// WaivableBy are the values by which a waiver may name what the finding is about. A field is none: data.mapRoles[1] is
// another entry as soon as one before it is gone.
func (f Finding) WaivableBy() []string { return []string{f.Principal, f.Value, f.Subject} }

// Sentence is the finding on one line, without its field and place: rule id and name, problem, fix, reason.
func (f Finding) Sentence() string { return f.Head() + " " + f.Text() }

// Head is the rule, as a finding begins with it.
func (f Finding) Head() string { return f.Rule + " " + f.Name + ":" }

// Text is problem, fix and reason on one line.
func (f Finding) Text() string {
	s := f.Message
	if f.Fix != "" {
		s += "; fix: " + f.Fix
	}
	if f.Why != "" {
		s += "; why: " + f.Why
	}
	return s
}
