package rules

import (
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var principalNotFound = &rule.Rule{
	ID: "AA301", Name: "principal-not-found", Severity: rule.Error, Category: rule.Principal,
	What: "a role or user that IAM does not know, or a role with the name of one of IAM Identity Center's that is not; an ARN that differs from IAM's in letter case alone works and is a warning",
	Why:  "EKS keeps the entry, and it matches nobody, until somebody makes a principal of that name and has these rights",
	Bad:  strings.Replace(goodNodesAndCI, "role/ci", "role/cii", 1), Good: goodNodesAndCI,
	Edit: ofBrought(notFound),
}

func notFound(b brought) (f rule.Finding, ok bool) {
	switch b.answer.Existence {
	case principal.Exists:
		return b.another()
	case principal.Missing:
		return b.missing(), true
	}
	return f, false
}

// another is about a principal that exists, and is not the one that is meant, or is written in another letter case.
func (b brought) another() (f rule.Finding, ok bool) {
	real, _ := awsauth.ParseARN(b.answer.ARN)
	switch {
	case b.arn.Kind == awsauth.KindRole && !madeByIdentityCenter(real):
		path := "another path"
		if b.c.IAM.Shows(b.arn.Account) {
			path = "the path " + phrase.Quote(real.Path)
		}
		f.Message = fmt.Sprintf("IAM has %s under %s", b.written(), path)
		f.Why = "and IAM Identity Center makes its roles under " + awsauth.SSOPath +
			", so this one is somebody's own: what the policy approves for a permission set is not meant for it"
		f.Fix = "write the ARN of the permission set's role, or give the role another name"
		return f, true
	case real.Canonical() == b.arn.Canonical():
		return f, false
	}
	f.Severity, f.Message = rule.Warning, fmt.Sprintf("IAM writes %s as %s", b.written(), phrase.Whole(real.Canonical()))
	f.Why, f.Fix = "and EKS takes both for the same", "write "+phrase.Whole(real.Canonical())
	return f, true
}

func (b brought) missing() (f rule.Finding) {
	f.Message, f.Why = fmt.Sprintf("IAM knows no %s %s", b.arn.Kind, b.written()), "so this entry matches nobody"
	f.Fix = fmt.Sprintf("create the %s first, or write the ARN of one that exists", b.arn.Kind)
	if b.answer.ARN != "" {
		f.Message = fmt.Sprintf("%s is not the ARN of user %s", b.written(), phrase.Quote(b.arn.Name))
		f.Why, f.Fix = "and EKS compares the path of a user as well, so this entry matches nobody", "write the ARN that `aws iam get-user` shows"
		if b.c.IAM.Shows(b.arn.Account) {
			f.Fix = "write " + phrase.Whole(b.answer.ARN)
		}
	} else if meant := b.didYouMean(); meant != "" {
		f.Fix = meant
	}
	return f
}

// madeByIdentityCenter says that a role which is called like one of IAM Identity Center's has their path.
// Other names are not looked at.
func madeByIdentityCenter(role awsauth.ARN) bool {
	return !awsauth.HasSSOPrefix(role.Name) || strings.HasPrefix(role.Path, awsauth.SSOPath)
}
