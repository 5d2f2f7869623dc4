package principal

import (
	"cmp"
	"fmt"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// MeantBy is the ARN that an entry stands for. That of an sso block is the beginning of one: IAM Identity Center
// adds 16 characters to the role's name that nobody can guess.
func MeantBy(e *awsauth.Entry) string {
	if e.SSO == nil {
		return e.ARN.Value
	}
	return fmt.Sprintf("arn:%s:iam::%s:role/%s%s_", cmp.Or(e.SSO.Partition, "aws"), e.SSO.AccountID, awsauth.SSOPrefix, e.SSO.PermissionSetName)
}

// Brought are the principals that an edit brings: those of the new version's entries that no entry of the old one stands for. old is nil
// if there is none.
func Brought(old, updated *awsauth.Version) []*awsauth.Entry {
	type meant struct {
		sso bool // a block is no role of the name that its roles begin with
		key string
	}
	of := func(e *awsauth.Entry) meant { return meant{e.SSO != nil, awsauth.Key(MeantBy(e))} }
	known := map[meant]bool{}
	if old != nil {
		for _, e := range old.Entries() {
			known[of(e)] = true
		}
	}
	var brought []*awsauth.Entry
	for _, e := range updated.Entries() {
		a, err := awsauth.ParseARN(MeantBy(e))
		if err == nil && !known[of(e)] && Askable(a) {
			known[of(e)] = true
			brought = append(brought, e)
		}
	}
	return brought
}
