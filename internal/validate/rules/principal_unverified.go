package rules

import (
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var principalUnverified = &rule.Rule{
	ID: "AA302", Name: "principal-unverified", Severity: rule.Error, Category: rule.Principal,
	What: "IAM could not be asked whether the principal exists: it throttled or denied the call, could not be reached, did not answer in time, or the answer is not IAM's; it is a warning if the policy says iam.onUnverified: warn",
	Why:  "if IAM did not answer, the guard does not assume that the principal exists",
	Bad:  strings.Replace(goodNodesAndCI, "role/ci", "role/unverified", 1), Good: goodNodesAndCI,
	Edit: ofBrought(unverified),
}

func unverified(b brought) (f rule.Finding, ok bool) {
	if b.answer.Existence != principal.Unverified || b.answer.Reason == principal.ReasonForeign {
		return f, false
	}
	f = rule.Finding{Severity: b.severityOfUnverified(), Message: fmt.Sprintf("could not check whether %s exists: %s", b.written(), b.answer.Reason),
		Why: phrase.Whole(b.answer.Detail) + "; without an answer the guard does not assume that it exists"}
	switch b.answer.Reason {
	case principal.ReasonThrottled:
		f.Fix = "try again in a minute"
	case principal.ReasonDenied:
		f.Fix = "give the role that asks IAM the permissions that `kubectl awsauth iam-policy` prints, and try again"
	default:
		f.Fix = "try again; if it fails again, check the connection to AWS, or set iam.onUnverified: warn in the policy"
	}
	return f, true
}
