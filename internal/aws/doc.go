// Package aws is how the guard asks AWS: with AWS's own SDK, in few operations, and always in the same way.
//
// LoadConfig finds region, credentials and endpoints as every AWS tool does. The interfaces in sdk.go are what the
// guard may ask; a client behind one of them makes one attempt. Call adds the rest: a turn (Limiter), a time limit,
// attempts after a failure that may pass, and a Breaker. Every error that leaves it is an Error, whose Reason says
// what the caller may conclude. This package knows nothing of aws-auth.
//
// Sources: the API references of IAM, STS, EC2 and EKS ("Common Error Types"), and the source of aws-sdk-go-v2.
package aws
