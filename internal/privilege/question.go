package privilege

import (
	"context"
	"errors"

	authenticationv1 "k8s.io/api/authentication/v1"
)

// Question is one to the cluster's authorizer: may the caller grant that object of aws-auth-guard.io.
type Question struct {
	Resource, Name string
}

// Reply is what the cluster's authorizer answered.
type Reply struct {
	Allowed bool
	Reason  string
	Err     error
}

var errNoCluster = errors.New("no cluster is connected")

// Asking returns what asks the authorizer for a user, about the same thing only once. Without an authorizer, every
// reply is an error.
func Asking(ctx context.Context, authorizer Authorizer, user authenticationv1.UserInfo) func(Question) Reply {
	replies := map[Question]Reply{}
	return func(q Question) Reply {
		r, asked := replies[q]
		if asked {
			return r
		}
		r.Err = errNoCluster
		if authorizer != nil {
			r.Allowed, r.Reason, r.Err = authorizer.MayGrant(ctx, user, q.Resource, q.Name)
		}
		replies[q] = r
		return r
	}
}
