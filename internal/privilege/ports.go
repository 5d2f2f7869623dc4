package privilege

import (
	"context"
	"errors"

	authenticationv1 "k8s.io/api/authentication/v1"
)

// Source is the port to the cluster's RBAC.
type Source interface {
	// Equivalents is what is known at the moment. It does not wait. The error says in one line why RBAC cannot be
	// looked at; then the rules use the policy's literal list. ErrNotYet: RBAC has not been read to the end yet, well
	// or not, and will be in some seconds.
	Equivalents() (*Equivalents, error)
}

// ErrNotYet is the error of a port that has just started. What it does not know yet is not the same as nothing.
var ErrNotYet = errors.New("the guard has just started and has not read it yet")

// Equivalents are the names that the cluster's RBAC makes equivalent to cluster-admin, each with the evidence: "group
// ops -> ClusterRoleBinding ops-admin -> ClusterRole cluster-admin (* on *)". They are not to be changed.
type Equivalents struct {
	Groups, Usernames map[string]string
	// Partial says what could not be read of RBAC: nil if all was. Then a name that is not listed is none.
	Partial *Partial
}

// Partial says which kinds of RBAC objects could not be read, and of which other names they may make more than is
// known.
type Partial struct {
	// Kinds are those that could not be read, as the API calls them, and Why says so in one line, with the reason.
	Kinds []string
	Why   error
	// Any says that it may be so of every name: bindings could not be read.
	Any bool
	// Groups and Usernames are those of which it may be so, else, each with what leads to a role that is not known.
	Groups, Usernames map[string]string
}

// Authorizer is the port to the cluster's authorizer, for organisations that say in RBAC who may grant what.
type Authorizer interface {
	// MayGrant asks whether the user may do the verb grant on that object of aws-auth-guard.io: privilegedgroups/NAME,
	// or privilegedusernames/NAME. reason is the authorizer's own; err says that it could not be asked.
	MayGrant(ctx context.Context, user authenticationv1.UserInfo, resource, name string) (allowed bool, reason string, err error)
}
