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

// Validate judges one edit. It never fails: what could not be checked is a finding.
// docs/design.md describes its steps.
func (v *Validator) Validate(ctx context.Context, req Request) Report {
	finalized, stored := finalizes(req), false
	switch {
	case finalized:
		req.Operation, req.New = Delete, nil
	case req.Unedited && unchanged(req):
		stored = true
	case ends(req), unchanged(req):
		return Report{Allowed: true, Findings: []Finding{}}
	}
	edit := v.gather(ctx, req)
	edit.Finalized = finalized
	found := v.settle(v.run(edit), edit.Now)
	if stored {
		for i := range found {
			found[i].Severity = Warning // whatever the policy says of what is already there
		}
	}
	return v.verdict(req.User, found, nodes.Lost(edit.Fleet, edit.Old.Text(), edit.New.Text(), edit.Now))
}

// run runs the rules about one version on the old and on the new one, marks which findings the old one had, and runs the
// rules about the edit.
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

// runOn runs the rules about one version on version, which is edit.Old or edit.New.
func runOn(version *rule.Version, edit rule.EditContext) []Finding {
	entry := rule.EntryContext{Policy: edit.Policy, Partition: edit.Partition, Privileges: edit.Privileges, IAM: edit.IAM}
	if version == edit.New && edit.Old != nil {
		entry.Before = edit.Old.Effective
	}
	object := rule.ObjectContext{Version: version, Policy: edit.Policy, Partition: edit.Partition, Fleet: edit.Fleet, Now: edit.Now, Old: edit.Old, Before: edit.Old.Access()}
	return rule.RunOnVersion(rules.All(), entry, object)
}

// verdict allows or denies an edit by its settled findings. lost are the running nodes that it costs.
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

// Excuse says why errors do not deny the edits of a user: exempt, break-glass or audit. ok is false if they do.
func (v *Validator) Excuse(user authenticationv1.UserInfo) (why string, ok bool) {
	if why, ok := v.policy.NeverDenies(user.Username, user.Groups); ok {
		return why, true
	}
	if v.policy.Mode == policy.Audit {
		return "audit", true
	}
	return "", false
}
