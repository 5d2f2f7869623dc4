package nodes

import "github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"

// Claim is a node identity that a principal did not have before the edit.
type Claim struct {
	awsauth.Identity
}
