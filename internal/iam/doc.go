// Package iam asks AWS IAM whether principals exist: it implements principal.Source.
//
// For each ARN there is one of three answers: exists, does not exist, could not be checked (and why). Only a role or
// user in an answer of IAM exists, and only IAM's own NoSuchEntity makes one missing. Everything else (an empty 200, a
// proxy's page, a denial, no answer) is reported as not checked.
//
// A role is looked up by its name, so that its path does not matter; a user's ARN is compared whole, as EKS does.
// Every lookup is bounded by the caller's deadline, and because of a circuit breaker no edit waits for an outage of AWS
// that is already known.
//
// Sources: the IAM API reference (GetRole, GetUser, ListRoles, ListUsers), the STS API reference (GetCallerIdentity,
// AssumeRole), and the source of aws-sdk-go-v2.
package iam
