package validate

import (
	"context"
	"errors"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// Existence is an answer about a principal. "Does not exist" and "could not be checked" are
// different answers; neither is ever guessed from the other.
type Existence int

// The zero value is the honest one: nobody asked.
const (
	NotAsked   Existence = iota // no port, IAM off, or an ARN that cannot be looked up by name (root, federated user)
	Exists                      // IAM returned the principal
	Missing                     // IAM said NoSuchEntity
	Unverified                  // IAM could not be asked, or its answer could not be understood
	Foreign                     // in an account that the policy does not know
	Trusted                     // in an account that the policy takes on trust, unasked
)

// Reason is why a principal is Unverified.
type Reason string

// The reasons. Each has its own remedy in the message of AA302.
const (
	ReasonThrottled   Reason = "throttled"   // IAM said slow down, or the guard kept to its own pace
	ReasonDenied      Reason = "denied"      // the guard's identity lacks the permission
	ReasonUnreachable Reason = "unreachable" // no connection, DNS, TLS, 5xx, or no credentials
	ReasonTimeout     Reason = "timed out"   // the time budget was spent
	ReasonMalformed   Reason = "malformed"   // an answer that is not IAM's: HTML, truncated XML, no Role in it
	ReasonForeign     Reason = "foreign"     // a known account whose role could not be assumed
)

// Principal is what IAM says of one ARN.
type Principal struct {
	Existence Existence
	// ARN is the principal's real ARN, with its path and IAM's own letter case. Set if it Exists; set
	// with Missing if a user of that name exists under another path.
	ARN string
	// Reason and Detail say why it is Unverified: Detail is one line for the operator, lower case,
	// without credentials ("the guard's role arn:... lacks iam:GetRole").
	Reason Reason
	Detail string
	// Suggestions are real ARNs that may have been meant, the likeliest first; for Missing and Foreign, as far
	// as there were time and permissions to find some.
	Suggestions []string
	// Trust says who may assume a role that Exists.
	Trust Trust
}

// TrustKnowledge says whether a role's trust policy is known.
type TrustKnowledge int

// The zero value is no answer, and never taken for one.
const (
	TrustNotAsked   TrustKnowledge = iota
	TrustUnreadable                // IAM returned the role without a usable trust policy
	TrustKnown
)

// Trust says who may assume a role, by its trust policy.
type Trust struct {
	Known TrustKnowledge
	// Instances says that EC2 gives the role's credentials to instances, as sessions that are named for them; Sessions that a
	// service gives them to Fargate or hybrid nodes.
	Instances, Sessions bool
	// Service is another AWS service that may assume the role, Other a principal that is no service: an account, a role, a user,
	// an identity provider, *. "" if there is none.
	Service, Other string
}

// Self is who the guard is, and so which account and partition the cluster is in. ARN is empty if only
// the account is known.
type Self struct {
	ARN, Account, Partition string
}

// Asker is for whom something is looked up. It decides whose question waits for whose, never what the answer is. The zero
// value is nobody in particular: the command line, which asks for itself alone.
type Asker struct {
	Username string
	DryRun   bool // nothing will be stored, so it can wait
}

// Principals is the port to IAM.
type Principals interface {
	// Lookup answers for every ARN, in order: len(result) == len(arns). It returns before ctx's deadline,
	// with Unverified for what it did not get to.
	Lookup(ctx context.Context, asker Asker, arns []awsauth.ARN) []Principal
	// Self returns who the guard is; ok is false while that is not known.
	Self() (self Self, ok bool)
}

// Fleet is the port to the live nodes and to the cluster's access entries.
type Fleet interface {
	// View returns what is known at this moment, at once: it never asks anybody. nil: nothing is known yet.
	View() *FleetView
}

// Equivalents are the names that the cluster's RBAC makes as good as system:masters, each with the evidence: "group ops ->
// ClusterRoleBinding ops-admin -> ClusterRole cluster-admin (* on *)". They are not to be changed.
type Equivalents struct {
	Groups, Usernames map[string]string
}

// ErrNotYet is the error of a port that has just started. What it does not know yet is not the same as nothing.
var ErrNotYet = errors.New("the guard has just started and has not read it yet")

// Privileges is the port to the cluster's RBAC.
type Privileges interface {
	// Equivalents is what is known at the moment. It does not wait. The error says in one line why RBAC cannot be looked
	// at; then the rules use the policy's literal list. ErrNotYet: RBAC has not been read to the end yet, well or not, and
	// will be in some seconds.
	Equivalents() (*Equivalents, error)
}

// Grants is the port to the cluster's authorizer, for organisations that say in RBAC who may hand out what.
type Grants interface {
	// MayGrant asks whether the user may do the verb grant on that object of aws-auth-guard.io: privilegedgroups/NAME, or
	// privilegedusernames/NAME. reason is the authorizer's own; err says that it could not be asked.
	MayGrant(ctx context.Context, user authenticationv1.UserInfo, resource, name string) (allowed bool, reason string, err error)
}

// Ports are the validator's views of the world outside the two objects. A nil port was not asked.
type Ports struct {
	Principals Principals
	Fleet      Fleet
	Privileges Privileges
	Grants     Grants
}
