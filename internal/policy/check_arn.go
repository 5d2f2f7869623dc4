package policy

import (
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// principal checks an ARN that EKS can match.
func (c *checker) principal(at *field.Path, arn string) {
	a, err := awsauth.ParseARN(arn)
	switch {
	case arn == "":
		c.fail(at, "missing: want a role or user ARN")
	case err != nil:
		c.fail(at, "%s", err)
	case strings.ContainsRune(arn, '*'):
		c.fail(at, "%q has a *, want one exact ARN", arn)
	case a.Kind == awsauth.KindRole && a.Path != "/":
		c.path(at, arn, a)
	case !a.Matchable():
		c.fail(at, "%q names %s, want a role or user ARN", arn, a.Kind)
	}
}

func (c *checker) path(at *field.Path, arn string, a awsauth.ARN) {
	c.fail(at, "%q has a path, and EKS drops the path before it compares: write %s", arn, a.Canonical())
}

var nameGlob = regexp.MustCompile(`^[\w+=,.@*-]+$`)

// pattern checks an ARN that may have * in its name. example is what could be written instead of a * alone.
func (c *checker) pattern(at *field.Path, arn, example string) {
	if !strings.ContainsRune(arn, '*') {
		c.principal(at, arn)
		return
	}
	a, err := awsauth.ParseARN(arn)
	named := a.Kind == awsauth.KindRole || a.Kind == awsauth.KindUser
	switch {
	case err != nil:
		c.fail(at, "%s", err)
	case !named || strings.ContainsRune(strings.TrimSuffix(arn, a.Name), '*'):
		c.fail(at, "%q has a * outside the name of a role or user", arn)
	case a.Kind == awsauth.KindRole && a.Path != "/":
		c.path(at, arn, a)
	case !nameGlob.MatchString(a.Name):
		c.fail(at, "%q is no pattern of a name: want letters, digits, + = , . @ _ - and *", a.Name)
	case strings.Trim(a.Name, "*") == "":
		c.fail(at, "%q matches every name, want a pattern such as %s", arn, example)
	}
}

// nodeRole checks the ARN or pattern of a role that nodes use.
func (c *checker) nodeRole(at *field.Path, arn string) {
	c.pattern(at, arn, "eks-nodes-*")
	if a, err := awsauth.ParseARN(arn); err == nil && a.Matchable() && a.Kind != awsauth.KindRole {
		c.fail(at, "%q names %s, want a role", arn, a.Kind)
	}
}

// roleIn checks the ARN of a role in an account.
func (c *checker) roleIn(at *field.Path, arn, account string) (ok bool) {
	a, err := awsauth.ParseARN(arn)
	switch {
	case err != nil:
		c.fail(at, "%s", err)
	case a.Kind != awsauth.KindRole:
		c.fail(at, "%q names %s, want a role", arn, a.Kind)
	case a.Account != account:
		c.fail(at, "%q is not in account %q", arn, account)
	default:
		return true
	}
	return false
}
