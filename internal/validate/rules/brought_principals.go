package rules

import (
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// brought is a principal that the edit brings, with IAM's answer about it.
type brought struct {
	c      *rule.EditContext
	entry  *awsauth.Entry
	arn    awsauth.ARN
	answer principal.Principal
}

// ofBrought reports about the principals that an edit brings and that IAM was asked about.
func ofBrought(judge func(brought) (f rule.Finding, ok bool)) func(*rule.EditContext) {
	return func(c *rule.EditContext) {
		if c.New == nil || c.IAM == nil {
			return
		}
		for _, e := range principal.Brought(c.Old.Text(), c.New.Version) {
			a, err := awsauth.ParseARN(principal.MeantBy(e))
			if err != nil || e.SSO != nil { // AA205 names the role of an sso block
				continue
			}
			answer, _ := c.IAM.Of(a)
			if f, ok := judge(brought{c, e, a, answer}); ok {
				f.Subject = "principal"
				c.Report(rule.AtARN(e), f)
			}
		}
	}
}

// written is the ARN as the entry has it. A role has no path: another finding says to write it without, and IAM was asked for its name.
func (b brought) written() string {
	if b.arn.Kind == awsauth.KindRole {
		return namedARN(b.arn.Canonical())
	}
	return namedARN(b.entry.ARN.Value)
}

// severityOfUnverified is how a principal counts that could not be checked.
func (b brought) severityOfUnverified() rule.Severity {
	if b.c.Policy.IAM.OnUnverified == policy.Warn {
		return rule.Warning
	}
	return rule.Error
}

// didYouMean offers what IAM has instead, in the form in which EKS compares it; "" if there is nothing.
func (b brought) didYouMean() string {
	var offers []string
	for _, s := range b.answer.Suggestions {
		real, err := awsauth.ParseARN(s)
		if err != nil {
			continue
		}
		offer := phrase.Whole(real.Canonical())
		if real.Kind != b.arn.Kind {
			offer = fmt.Sprintf("the %s %s", real.Kind, offer)
		}
		offers = append(offers, offer)
	}
	switch len(offers) {
	case 0:
		return ""
	case 1:
		return "did you mean " + offers[0] + "?"
	}
	return "did you mean " + offers[0] + "? (or " + strings.Join(offers[1:], ", ") + ")"
}
