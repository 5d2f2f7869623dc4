package rule

import (
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
)

// Operation is what is done to the object.
type Operation string

// The operations, as admission spells them.
const (
	Create Operation = "CREATE"
	Update Operation = "UPDATE"
	Delete Operation = "DELETE"
)

// Version is one version of the object.
type Version struct {
	*awsauth.Version
	Object *corev1.ConfigMap
	// Counted is the access that a loss is measured by, see Access.
	Counted *awsauth.Access
}

// Text is what was read of the object's text; nil without an object.
func (v *Version) Text() *awsauth.Version {
	if v == nil {
		return nil
	}
	return v.Version
}

// Access is the access that a loss is measured by; without an object it is empty. Of the old version it is what EKS really
// gives, since nothing can be lost that was not there. Of the new one it is what the text means, so that one syntax error is
// not also reported as the loss of everybody. But if the new version leaves something unreadable that already was, and
// nothing more, it is what EKS really gives there as well.
func (v *Version) Access() *awsauth.Access {
	if v == nil {
		return &awsauth.Access{}
	}
	return v.Counted
}

// EntryContext is what a rule sees that judges one entry.
type EntryContext struct {
	Entry      *awsauth.Entry
	Policy     *policy.Policy
	Partition  string
	Privileges *privilege.Resolver
	IAM        *principal.Answers
	// Before is who could authenticate before the edit; nil while the old version is judged, and where there is none.
	Before *awsauth.Access

	report
}

// ObjectContext is what a rule sees that judges one version of the object.
type ObjectContext struct {
	*Version
	Policy    *policy.Policy
	Partition string
	Fleet     *nodes.View
	Now       time.Time
	// Old is the version before the edit, whichever is judged; nil if there is none. Before is the access that losses are measured from.
	Old    *Version
	Before *awsauth.Access

	report
}

// EditContext is what a rule sees that compares the two versions. It is gathered once, before any rule runs.
type EditContext struct {
	Operation Operation
	// User makes the edit; on the command line it is empty, since nobody knows who will.
	User authenticationv1.UserInfo
	// Finalized says that the deletion is the update that removes the last finalizer.
	Finalized bool
	// Old is nil if the object is created, New if it is deleted.
	Old, New *Version
	Policy   *policy.Policy
	Now      time.Time
	// Partition is the cluster's own; "" if nothing tells.
	Partition string
	// Privileges knows what is equivalent to cluster-admin.
	Privileges *privilege.Resolver
	// Fleet is what is known of the running nodes and of the access entries; nil if nothing is.
	Fleet *nodes.View
	// IAM is what IAM answered about the principals that the edit brings; nil if nobody can be asked.
	IAM *principal.Answers
	// Account is the guard's own, and so the cluster's; "" if it is not known.
	Account string
	// Claims are the node identities that the edit gives.
	Claims []nodes.Claim
	// Losses are what the edit costs the nodes. They are found once, when the first rule asks.
	Losses func() nodes.Losses
	// Grants are what the edit gives that is equivalent to cluster-admin.
	Grants privilege.Change
	// MayGrant asks the cluster's authorizer.
	MayGrant func(privilege.Question) privilege.Reply
	// Own is what the rule itself found in New, by its Entry or Object function.
	Own []Finding

	report
}

// ReadsLess reports that EKS could read a value of the old version of which it reads nothing in the new one.
func ReadsLess(old, updated *Version) bool {
	for key := range updated.Unreadable {
		if !old.Unreadable[key] || updated.Unread[key] && !old.Unread[key] {
			return true
		}
	}
	return false
}

// report takes the findings of one rule.
type report struct {
	rule  *Rule
	found *[]Finding
}

// Report adds a finding at a position, which fills in its field, place, value and principal.
func (r report) Report(at Position, f Finding) { *r.found = append(*r.found, at.finding(r.rule, f)) }
