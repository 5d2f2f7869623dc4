// Package privilege says what is equivalent to cluster-admin.
package privilege

type (
	Resolver struct{}
	// Question is one to the cluster's authorizer: may the caller grant that object of aws-auth-guard.io.
	Question struct {
		Resource, Name string
	}
	// Reply is what the cluster's authorizer answered.
	Reply struct {
		Allowed bool
		Reason  string
		Err     error
	}
)
