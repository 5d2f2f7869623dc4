package privilege

import (
	"slices"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// Holds reports that an identity has, or by a template can have, something that an approval names for it.
func Holds(id awsauth.Identity, a policy.Approval) bool {
	if !a.Matches(id.Canonical) {
		return false
	}
	arn, _ := awsauth.ParseARN(id.Canonical) // what EKS matches is one
	can := func(written, name string) bool {
		_, ok := awsauth.ParseTemplate(written, arn).CanBe(name)
		return ok
	}
	return slices.ContainsFunc(a.Usernames, func(name string) bool { return can(id.Username, name) }) ||
		slices.ContainsFunc(a.Groups, func(name string) bool {
			return slices.ContainsFunc(id.Groups, func(g string) bool { return can(g, name) })
		})
}
