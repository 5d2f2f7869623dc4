package main

import (
	"cmp"
	"context"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// judge is the only place that speaks to the engine. old is nil if there is no object yet. Who will make the edit is
// not known here, so nothing is said of the caller's own way in.
func judge(ctx context.Context, p *policy.Policy, ports validate.Ports, old, updated *corev1.ConfigMap) (validate.Report, error) {
	v, err := validate.New(p, validate.WithPorts(ports))
	if err != nil {
		return validate.Report{}, err
	}
	request := validate.Request{Operation: validate.Create, Old: old, New: updated, User: authenticationv1.UserInfo{}}
	if old != nil {
		request.Operation = validate.Update
	}
	return v.Validate(ctx, request), nil
}

// withManifest adds what is wrong with the file itself to the verdict on the object in it: an object that cannot be sent
// is not admitted.
func withManifest(rep validate.Report, findings []validate.Finding) validate.Report {
	rep.Findings = append(slices.Clone(findings), rep.Findings...)
	slices.SortStableFunc(rep.Findings, func(a, b validate.Finding) int {
		return cmp.Compare(rank(a), rank(b))
	})
	if slices.ContainsFunc(findings, func(f validate.Finding) bool { return f.Severity == validate.Error }) {
		rep.Allowed, rep.Excuse = false, ""
	}
	return rep
}

// rank keeps the engine's order: errors, then what the edit brings, then what was there.
func rank(f validate.Finding) int {
	switch {
	case f.Severity == validate.Error:
		return 0
	case !f.Preexisting:
		return 1
	}
	return 2
}
