// Package principal says whether the roles and users that aws-auth names exist: what IAM answers, in three values, and what
// of an answer the caller may see.
package principal

import (
	"context"

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

// Source is the port to IAM.
type Source interface {
	// Lookup answers for every ARN, in order: len(result) == len(arns). It returns before ctx's deadline,
	// with Unverified for what it did not get to.
	Lookup(ctx context.Context, asker Asker, arns []awsauth.ARN) []Principal
	// Self returns who the guard is; ok is false while that is not known.
	Self() (self Self, ok bool)
}
