package policy

import (
	"maps"
	"slices"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy/v1alpha1"
)

// fromFile makes a policy of a file that is valid and has its defaults. line finds the line of a value.
func fromFile(f *v1alpha1.Policy, line func(place) int) *Policy {
	p := &Policy{
		Mode:      Mode(f.Mode),
		Partition: f.Partition,
		Privileged: Privileged{
			Groups:              f.Privileged.Groups,
			FromRBAC:            *f.Privileged.FromRBAC,
			DenyUnreadable:      f.Privileged.OnUnreadable == v1alpha1.Deny,
			Approvers:           Callers(f.Privileged.Approvers),
			SubjectAccessReview: f.Privileged.SubjectAccessReview,
		},
		ExemptUsernames:  f.Exempt.Usernames,
		BreakGlassGroups: f.BreakGlass.Groups,
		IAM: IAM{
			WarnUnverified:       f.IAM.OnUnverified == v1alpha1.Warn,
			Region:               f.IAM.Region,
			CallTimeout:          timeout(f.IAM.Timeouts.Call),
			Timeout:              timeout(f.IAM.Timeouts.Total),
			SuggestOtherAccounts: Callers(f.IAM.SuggestOtherAccounts),
		},
		Nodes: Nodes{
			Roles: f.Nodes.Roles,
			// Whoever lists the roles of the nodes has said which are none.
			DenyUnknown: f.Nodes.OnUnknown == v1alpha1.Deny || f.Nodes.OnUnknown == "" && len(f.Nodes.Roles) > 0,
		},
		DenyPreexisting: f.Preexisting == v1alpha1.Deny,
	}
	for _, rule := range slices.Sorted(maps.Keys(f.Rules)) {
		p.Rules = append(p.Rules, RuleSeverity{Rule: rule, Severity: severity(f.Rules[rule]),
			Line: line(place{"rules", rule})})
	}
	for i, a := range f.Privileged.Approvals {
		terms := terms(a.Reason, a.Expires, line(place{"privileged", "approvals", i}))
		p.Privileged.Approvals = append(p.Privileged.Approvals,
			Approval{ARN: a.Principals(), Groups: a.Groups, Usernames: a.Usernames, ApprovedBy: a.ApprovedBy, Terms: terms})
	}
	for _, a := range f.Accounts {
		p.Accounts = append(p.Accounts, Account{ID: a.ID, RoleARN: a.RoleARN, ExternalID: a.ExternalID,
			Unchecked: a.Trust == v1alpha1.Unchecked, MapAccounts: a.MapAccounts})
	}
	for i, r := range f.Required {
		p.Required = append(p.Required, Required{ARN: r.ARN, Username: r.Username, Groups: r.Groups,
			Line: line(place{"required", i})})
	}
	for i, w := range f.Waivers {
		p.Waivers = append(p.Waivers, Waiver{Rule: w.Rule, Subject: w.Subject,
			Terms: terms(w.Reason, w.Expires, line(place{"waivers", i}))})
	}
	return p
}

// severity is that of an empty value too.
func severity(s string) Severity {
	switch s {
	case "":
		return Error
	case v1alpha1.Warn:
		return Warning
	}
	return Severity(s)
}

func terms(reason, expires string, line int) Terms {
	t, _ := v1alpha1.ParseDate(expires) // it is valid
	return Terms{Reason: reason, Expires: t, Line: line}
}

func timeout(s string) time.Duration {
	d, _ := time.ParseDuration(s) // it is valid, or empty
	return d
}
