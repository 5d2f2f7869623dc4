package privilege

import (
	"cmp"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// Kind says what makes a name privileged.
type Kind int

// The kinds.
const (
	// ListedGroup is a group to which the API server or the policy itself gives power.
	ListedGroup Kind = iota + 1
	// Equivalent is a group or username that RBAC makes equivalent to cluster-admin, or a username to which the
	// policy gives power.
	Equivalent
	// Template is a group or username that becomes another one for every caller.
	Template
)

// Way is one way in which an identity is, or for a template can become, equivalent to cluster-admin.
type Way struct {
	Kind Kind
	// Username says that Name is the identity's username, else it is one of its groups.
	Username bool
	// Name is as written; everybody is in system:authenticated without its being written anywhere.
	Name string
	// Index is that of the group, -1 if it is none or written nowhere.
	Index int
	// Becomes is what a template becomes, or can become, and Session the session name that does it, if it asks for one.
	Becomes, Session string
	// Evidence is what makes it privileged: a chain through RBAC, or words.
	Evidence string
	// Approver says that it gives no more than the place of one of the policy's approvers.
	Approver bool
	// Approval is the policy's, and Standing how it counts now.
	Approval policy.Approval
	Standing policy.Standing
}

// Rendered is the name that is privileged, which need not be the one that is written.
func (w Way) Rendered() string { return cmp.Or(w.Becomes, w.Name) }

// Admin reports that the way itself is more than what everybody has, or the place of an approver.
func (w Way) Admin() bool { return w.Name != policy.Everybody && !w.Approver }
