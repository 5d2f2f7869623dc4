package validate

import (
	"fmt"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// Severity says what a finding does to an edit.
type Severity string

// Two severities are enough: an error would break or escalate and denies the edit; a warning cannot tell, or
// is harmless. Off is for the policy's rules only: the rule is not run.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Off     Severity = "off"
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
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Value   string `json:"value"`   // the offending text as written
	Message string `json:"message"` // what is wrong
	Why     string `json:"why"`     // why EKS would not do what was meant
	Fix     string `json:"fix"`     // what to type instead
	// Preexisting says that the old object had this too, so that it does not count against the edit.
	Preexisting bool `json:"preexisting"`

	// DataKey is the data key that Line and Column are inside: mapRoles, mapUsers, mapAccounts.
	DataKey string `json:"-"`
	// Nodes are the live nodes that cannot sign in for that reason.
	Nodes []NodeSet `json:"-"`
	// entry and subject say what the finding is about, so that the same thing is known again in another
	// version of the object: a canonical ARN, a field's name, never a line.
	entry, subject string
	// inNew says that the finding counts against every edit whose new object has it: it is not known whether the old one had it.
	inNew bool
	// reading is set for a difference between EKS's two readings of an entry; lenient is the other one.
	reading bool
	lenient awsauth.Reading
	// unless is a rule that says enough where it denies the same entry's field.
	unless string
}

func (f Finding) key() string { return f.Rule + "\x00" + f.entry + "\x00" + f.subject }

// subjects are the values by which a waiver may name what the finding is about. A field is none: data.mapRoles[1] is another
// entry as soon as one before it is gone.
func (f Finding) subjects() []string { return []string{f.entry, f.Value, f.subject} }

// Sentence is the finding in one line without its field: rule id and name, message, why, fix, place.
func (f Finding) Sentence() string {
	s := f.Rule + " " + f.Name + ": " + f.Message
	if f.Why != "" {
		s += ", " + f.Why
	}
	if f.Fix != "" {
		s += "; " + f.Fix
	}
	if f.Line > 0 {
		s += fmt.Sprintf(" (%s line %d, column %d)", f.DataKey, f.Line, f.Column)
	}
	return s
}

// Report is the verdict on one request.
type Report struct {
	Allowed bool `json:"allowed"`
	// Findings are sorted: errors first, then what the edit brought, then by place.
	Findings []Finding `json:"findings"`
	// Omitted is how many more there are, the least important ones: nobody reads a thousand before the first are mended.
	Omitted int `json:"omitted,omitempty"`
	// Excuse says why an edit with errors is let in all the same: "exempt", "break-glass" or "audit".
	Excuse string `json:"-"`
	// Lost are the live nodes, as far as they are known, that can sign in before the edit and cannot after it.
	Lost []string `json:"-"`
}
