// Package iam asks AWS IAM whether principals exist: it stands behind principal.Source.
//
// In go ARNs, out come answers with three values: exists, does not exist, could not be checked (and why). Only a role or
// user in an answer of IAM exists, and only IAM's own NoSuchEntity makes one missing; whatever else comes back - an
// empty 200, a proxy's page, a refusal, silence - is told as not checked.
//
// A role is asked for by its name, so that its path does not matter; a user's ARN is compared whole, since that is what
// EKS does. Every question is bounded by the caller's deadline, and a circuit breaker keeps an outage of AWS from being
// waited for twice.
//
// Sources: the IAM API reference (GetRole, GetUser, ListRoles, ListUsers), the STS API reference (GetCallerIdentity,
// AssumeRole), and the source of aws-sdk-go-v2.
package iam
