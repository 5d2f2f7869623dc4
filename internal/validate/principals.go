package validate

import (
	"fmt"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

var principalFamily = family{
	edit: checkPrincipals,
	rules: []Rule{
		{ID: "AA301", Name: "principal-not-found", Severity: Error,
			What: "a role or user that IAM does not know; an ARN that differs from IAM's in letter case alone works and is a warning",
			Why:  "EKS keeps the entry, and it matches nobody, until somebody makes a principal of that name and has these rights",
			Bad:  strings.Replace(goodNodesAndCI, "role/ci", "role/cii", 1), Good: goodNodesAndCI},
		{ID: "AA302", Name: "principal-unverified", Severity: Error,
			What: "a principal that IAM could not be asked about: throttled, denied, unreachable, out of time, an answer that is not IAM's; a warning if the policy says iam.onUnverified: warn",
			Why:  "not knowing is not the same as knowing that it exists",
			Bad:  strings.Replace(goodNodesAndCI, "role/ci", "role/unverified", 1), Good: goodNodesAndCI},
		{ID: "AA303", Name: "foreign-account", Severity: Error,
			What: "a principal of another account that the policy does not know, or whose account cannot be read (then as AA302); not asked with IAM off",
			Why:  "another account's administrators decide who may assume its roles",
			Bad:  strings.Replace(goodNodesAndCI, "111122223333:role/ci", "444455556666:role/ci", 1), Good: goodNodesAndCI},
	},
}

// checkPrincipals asks IAM, only about ARNs that the edit brings.
func checkPrincipals(p *pass) {
	if p.ports.Principals == nil || p.new == nil {
		return
	}
	var entries []*awsauth.Entry
	var arns []awsauth.ARN
	known := map[string]bool{}
	if p.old != nil {
		for _, e := range p.old.doc.Entries() {
			known[awsauth.Key(e.ARN.Value)] = true
		}
	}
	for _, e := range p.new.doc.Entries() {
		a, err := awsauth.ParseARN(e.ARN.Value)
		if err != nil || known[awsauth.Key(e.ARN.Value)] || !askable(a) {
			continue
		}
		known[awsauth.Key(e.ARN.Value)] = true
		entries, arns = append(entries, e), append(arns, a)
	}
	if len(arns) == 0 {
		return
	}
	for i, answer := range p.ports.Principals.Lookup(p.ctx, arns) {
		p.principal(entries[i], arns[i], answer)
	}
}

// askable are the ARNs that IAM can be asked about: sound ones of roles and users. The others have findings of their own.
func askable(a awsauth.ARN) bool {
	return (a.Kind == awsauth.KindRole || a.Kind == awsauth.KindUser) && a.Region == "" && accountID.MatchString(a.Account) && principalName.MatchString(a.Name)
}

func (p *pass) principal(e *awsauth.Entry, a awsauth.ARN, answer Principal) {
	f := Finding{Field: e.Path(awsauth.ARNField(e.DataKey)), DataKey: e.DataKey, Line: e.ARN.Line, Column: e.ARN.Column,
		Value: e.ARN.Value, entry: awsauth.Subject(e.ARN.Value), subject: "principal"}
	unverified := Error
	if p.policy.IAM.WarnUnverified {
		unverified = Warning
	}
	arn := q(e.ARN.Value)
	switch answer.Existence {
	case Exists:
		real, err := awsauth.ParseARN(answer.ARN)
		if err != nil || real.Canonical() == a.Canonical() {
			return
		}
		f.Severity, f.Message = Warning, fmt.Sprintf("IAM writes %s as %s", arn, bare(real.Canonical()))
		f.Why, f.Fix = "which EKS takes for the same", "write "+bare(real.Canonical())
		p.report("AA301", f)
	case Missing:
		f.Message, f.Why = fmt.Sprintf("IAM knows no %s %s", a.Kind, arn), "so this entry matches nobody"
		f.Fix = fmt.Sprintf("create the %s first, or write the ARN of one that exists", a.Kind)
		switch {
		case answer.ARN != "":
			f.Message = fmt.Sprintf("%s is not the ARN of user %s", arn, q(a.Name))
			f.Why, f.Fix = "whose path EKS compares as well, so this entry matches nobody", "write "+bare(answer.ARN)
		case len(answer.Suggestions) > 0:
			f.Fix = "did you mean " + bare(answer.Suggestions[0]) + "?"
			if others := answer.Suggestions[1:]; len(others) > 0 {
				f.Fix += " (or " + bare(strings.Join(others, ", ")) + ")"
			}
		}
		p.report("AA301", f)
	case Unverified:
		rule := "AA302"
		if answer.Reason == ReasonForeign {
			rule = "AA303"
		}
		f.Severity = unverified
		f.Message, f.Why, f.Fix = fmt.Sprintf("could not check whether %s exists: %s", arn, answer.Reason), bare(answer.Detail), remedy(answer.Reason)
		p.report(rule, f)
	case Foreign:
		f.Message, f.Why = fmt.Sprintf("%s is in account %s, which the policy does not know", arn, a.Account), "and whose administrators decide who may assume its roles"
		f.Fix = "add the account to the policy under accounts, with a roleARN to look principals up, or trust: unchecked"
		p.report("AA303", f)
	}
}

// remedy says what to do about not knowing.
func remedy(r Reason) string {
	switch r {
	case ReasonThrottled:
		return "try again in a minute"
	case ReasonDenied:
		return "give the guard's role the permission; `kubectl awsauth iam-policy` prints the policy"
	case ReasonForeign:
		return "let the guard assume the account's roleARN, or set trust: unchecked for the account in the policy"
	}
	return "try again; if it stays so, see the guard's log and its way to IAM, or set iam.onUnverified: warn in the policy"
}
