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
	What: "IAM has no such role or user, or the role has the name of one of IAM Identity Center's and is not one; an ARN that differs from IAM's only in letter case works, so it is a warning",
	Why:  "EKS keeps the entry, but it matches nobody until somebody creates a principal of that name, which then has these rights",
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
		f.Message = fmt.Sprintf("%s has the name of an IAM Identity Center (SSO) role, but IAM has it under %s", b.written(), path)
		f.Fix = "write the ARN of the permission set's role, or give the role another name"
		f.Why = "IAM Identity Center creates its roles under " + awsauth.SSOPath +
			", so this role is another one: what the policy approves for the permission set is not meant for it"
		return f, true
	case real.Canonical() == b.arn.Canonical():
		return f, false
	}
	f.Severity, f.Message = rule.Warning, fmt.Sprintf("%s differs in letter case from IAM's ARN", b.written())
	f.Fix, f.Why = "write "+phrase.Whole(real.Canonical()), "EKS treats both as the same principal; other tools do not"
	return f, true
}

func (b brought) missing() (f rule.Finding) {
	f.Message = fmt.Sprintf("IAM has no %s %s", b.arn.Kind, b.written())
	f.Fix = fmt.Sprintf("create the %s first, or write the ARN of one that exists", b.arn.Kind)
	f.Why = fmt.Sprintf("this entry matches nobody until a %s of that name is created; that %s then gets these rights", b.arn.Kind, b.arn.Kind)
	if b.answer.ARN != "" {
		f.Message = fmt.Sprintf("%s is not the ARN of user %s", b.written(), phrase.Quote(b.arn.Name))
		f.Fix, f.Why = "write the ARN that `aws iam get-user` shows", "EKS compares the path of a user too, so this entry matches nobody"
		if b.c.IAM.Shows(b.arn.Account) {
			f.Fix = "write " + phrase.Whole(b.answer.ARN)
		}
	} else if meant := b.didYouMean(); meant != "" {
		f.Fix = "write an ARN that exists: " + meant
	}
	return f
}

// madeByIdentityCenter says that a role which is called like one of IAM Identity Center's has their path.
// Other names are not looked at.
func madeByIdentityCenter(role awsauth.ARN) bool {
	return !awsauth.HasSSOPrefix(role.Name) || strings.HasPrefix(role.Path, awsauth.SSOPath)
}
