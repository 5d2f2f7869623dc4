package policy

import (
	"path"
	"regexp"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

var (
	// permissionSetRole is the name of a role that IAM Identity Center makes, in lower case: awsauth.SSOPrefix, the permission
	// set, _, and sixteen hexadecimal digits that differ from account to account.
	permissionSetRole = regexp.MustCompile(`^awsreservedsso_[\w+=,.@-]+_[0-9a-f]{16}$`)
	stars             = regexp.MustCompile(`\*+`)
)

// roleSuffix is the length of _0123456789abcdef.
const roleSuffix = 17

// MatchARN says whether a pattern of the policy is about the principal with that canonical ARN. Letter case makes no
// difference: IAM has no two names that differ in it alone, and EKS compares without it. * in the name matches any
// characters.
//
// A pattern AWSReservedSSO_... is about roles of IAM Identity Center alone, and _* at its end is the sixteen digits: otherwise
// AWSReservedSSO_Admin_* would be about the permission set Admin_ReadOnly too. AWSReservedSSO_* is every permission set.
func MatchARN(pattern, canonicalARN string) bool {
	pattern, arn := awsauth.Subject(pattern), awsauth.Subject(canonicalARN)
	if !strings.Contains(pattern, "*") {
		return pattern == arn
	}
	// path.Match's * stops at a slash, and the part before the name is compared literally: a pattern can never
	// reach into another account, kind or path.
	i, j := strings.LastIndexByte(pattern, '/'), strings.LastIndexByte(arn, '/')
	if i < 0 || j < 0 || pattern[:i] != arn[:j] {
		return false
	}
	glob, name := stars.ReplaceAllString(pattern[i+1:], "*"), arn[j+1:]
	if strings.HasSuffix(pattern[:i], ":role") && awsauth.HasSSOPrefix(glob) {
		if !permissionSetRole.MatchString(name) {
			return false
		}
		if set, ok := strings.CutSuffix(glob, "_*"); ok && !strings.EqualFold(set+"_", awsauth.SSOPrefix) {
			glob, name = set, name[:len(name)-roleSuffix]
		}
	}
	ok, err := path.Match(glob, name)
	return err == nil && ok
}
