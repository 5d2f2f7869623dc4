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
	What: "a principal that IAM could not be asked about: throttled, denied, unreachable, out of time, an answer that is not IAM's; a warning if the policy says iam.onUnverified: warn",
	Why:  "not knowing is not the same as knowing that it exists",
	Bad:  strings.Replace(goodNodesAndCI, "role/ci", "role/unverified", 1), Good: goodNodesAndCI,
	Edit: ofBrought(unverified),
}

func unverified(b brought) (f rule.Finding, ok bool) {
	if b.answer.Existence != principal.Unverified || b.answer.Reason == principal.ReasonForeign {
		return f, false
	}
	f = rule.Finding{Severity: b.severityOfUnverified(), Message: fmt.Sprintf("could not check whether %s exists: %s", b.written(), b.answer.Reason),
		Why: phrase.Whole(b.answer.Detail)}
	switch b.answer.Reason {
	case principal.ReasonThrottled:
		f.Fix = "try again in a minute"
	case principal.ReasonDenied:
		f.Fix = "see to the guard's role; `kubectl awsauth iam-policy` prints the permissions that it needs"
	default:
		f.Fix = "try again; if it stays so, see the guard's log and its way to AWS, or set iam.onUnverified: warn in the policy"
	}
	return f, true
}
