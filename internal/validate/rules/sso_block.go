package rules

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var ssoBlock = &rule.Rule{
	ID: "AA205", Name: "sso-block", Severity: rule.Error, Category: rule.ARN,
	What: "an entry has an sso block",
	Why:  "matching by permission set is a feature of the open-source authenticator that EKS does not enable, so the entry matches nobody",
	Bad: goodNodes + `    - sso:
        permissionSetName: Admin
        accountID: "111122223333"
      username: admin
      groups: [deployers]
`, Good: goodNodesAndCI,
	Entry: checkSSOBlock,
}

func checkSSOBlock(c *rule.EntryContext) {
	sso := c.Entry.SSO
	if sso == nil {
		return
	}
	f := rule.Finding{Subject: sso.AccountID + " " + sso.PermissionSetName,
		Message: "the entry for permission set " + phrase.Quote(sso.PermissionSetName) + " has an sso block",
		Fix:     "write rolearn: arn:aws:iam::ACCOUNT:role/AWSReservedSSO_NAME_..., the ARN of the role without its path, instead of the block",
		Why:     "EKS does not enable sso blocks, so this entry matches nobody"}
	if principal.IsAccountID(sso.AccountID) && principal.IsName(sso.PermissionSetName) {
		f.Fix = fmt.Sprintf("write rolearn: arn:%s:iam::%s:role/AWSReservedSSO_%s_ and the 16 characters that IAM shows, instead of the block",
			phrase.Bare(cmp.Or(sso.Partition, "aws")), sso.AccountID, sso.PermissionSetName)
	}
	if role := roleOfPermissionSet(c); role != "" {
		f.Fix = "write rolearn: " + role + " instead of the block"
	}
	c.Report(rule.At(c.Entry, "sso", awsauth.Text{Place: sso.Place, Value: sso.PermissionSetName}).Of(""), f)
}

// roleOfPermissionSet is the ARN of the role that IAM has for the permission set of an sso block, "" if it names none.
func roleOfPermissionSet(c *rule.EntryContext) string {
	meant, err := awsauth.ParseARN(principal.MeantBy(c.Entry))
	if err != nil {
		return ""
	}
	answer, _ := c.IAM.Of(meant)
	begins := strings.ToLower(awsauth.SSOPrefix + c.Entry.SSO.PermissionSetName + "_")
	for _, s := range answer.Suggestions {
		if real, err := awsauth.ParseARN(s); err == nil && strings.HasPrefix(strings.ToLower(real.Name), begins) {
			return phrase.Whole(real.Canonical())
		}
	}
	return ""
}
