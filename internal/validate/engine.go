package validate

import (
	"context"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/baseline"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rules"
)

// Validate judges one edit. It never fails: what cannot be found out is a finding.
func (v *Validator) Validate(ctx context.Context, req Request) Report {
	finalized := finalizes(req)
	switch {
	case finalized:
		req.Operation, req.New = Delete, nil
	case ends(req), unchanged(req):
		return Report{Allowed: true, Findings: []Finding{}}
	}
	edit := v.gather(ctx, req)
	edit.Finalized = finalized
	found := v.run(edit)
	return v.verdict(req.User, v.settle(found, edit.Now), nodes.Lost(edit.Fleet, edit.OldText(), edit.NewText(), edit.Now))
}

// run lets every rule look at what it judges: each version by itself, and then the two of them.
func (v *Validator) run(edit rule.EditContext) []Finding {
	var found []Finding
	if edit.New != nil {
		var had []Finding
		if edit.Old != nil {
			had = runOn(edit.Old, edit)
		}
		found = baseline.Mark(runOn(edit.New, edit), had, edit.Old, edit.New, edit.Claims)
	}
	return append(found, rule.RunOnEdit(rules.All(), edit, found)...)
}

// runOn lets the rules about one version look at the old or the new one.
func runOn(version *rule.Version, edit rule.EditContext) []Finding {
	entry := rule.EntryContext{Policy: edit.Policy, Partition: edit.Partition, Privileges: edit.Privileges, IAM: edit.IAM}
	if version == edit.New && edit.Old != nil {
		entry.Before = edit.Old.Effective
	}
	object := rule.ObjectContext{Version: version, Policy: edit.Policy, Partition: edit.Partition, Fleet: edit.Fleet, Now: edit.Now, Before: edit.Old.Access()}
	return rule.RunOnVersion(rules.All(), entry, object)
}

// verdict makes the report of settled findings.
func (v *Validator) verdict(user authenticationv1.UserInfo, found []Finding, lost []string) Report {
	report := Report{Findings: found, Lost: lost}
	if len(found) > maxFindings {
		report.Omitted = len(found) - maxFindings
		report.Findings = slices.Clone(found[:maxFindings])
	}
	report.Allowed = !slices.ContainsFunc(report.Findings, func(f Finding) bool { return f.Severity == Error })
	if !report.Allowed {
		if why, ok := v.Excuse(user); ok {
			report.Allowed, report.Excuse = true, why
		}
	}
	return report
}

// Excuse says why nothing is refused to somebody, if nothing is: exempt, break-glass or audit.
func (v *Validator) Excuse(user authenticationv1.UserInfo) (why string, ok bool) {
	if why, ok := v.policy.NeverDenies(user.Username, user.Groups); ok {
		return why, true
	}
	if v.policy.Mode == policy.Audit {
		return "audit", true
	}
	return "", false
}
