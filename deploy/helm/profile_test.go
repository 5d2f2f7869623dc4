package helm_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// TestProfile: a profile fills in what the policy leaves empty, and nothing that it says.
func TestProfile(t *testing.T) {
	t.Parallel()
	type settings struct {
		Mode                    policy.Mode
		MissingField, Template  policy.Severity
		OnUnreadable, OnUnknown string
	}
	strict := settings{Mode: policy.Enforce, MissingField: "error", Template: "error", OnUnreadable: "deny", OnUnknown: "deny"}
	for values, want := range map[string]settings{
		"{}":               {Mode: policy.Enforce},
		"profile: null":    {Mode: policy.Enforce},
		"profile: starter": {Mode: policy.Audit},
		"{profile: starter, policy: {mode: enforce}}": {Mode: policy.Enforce},
		"profile: strict": strict,
		"{profile: strict, policy: {mode: audit, nodes: {onUnknown: warn}, privileged: {onUnreadable: warn}}}": {
			Mode: policy.Audit, MissingField: "error", Template: "error", OnUnreadable: "warn", OnUnknown: "warn"},
		"{profile: strict, policy: {rules: {AA106: off, unknown-template: warning}}}": {
			Mode: policy.Enforce, MissingField: "off", Template: "warning", OnUnreadable: "deny", OnUnknown: "deny"},
		"{profile: strict, policy: {rules: {missing-field: warning, AA206: off}}}": {
			Mode: policy.Enforce, MissingField: "warning", Template: "off", OnUnreadable: "deny", OnUnknown: "deny"},
		"{profile: strict, policy: {nodes: null, rules: null}}": strict,
	} {
		p, err := policy.Parse([]byte(policyOf(t, values)))
		if err != nil {
			t.Errorf("%s: %v", values, err)
			continue
		}
		rule := func(id, name string) policy.Severity {
			if s, ok := p.Rules[id]; ok {
				return s
			}
			return p.Rules[name]
		}
		got := settings{p.Mode, rule("AA106", "missing-field"), rule("AA206", "unknown-template"), p.Privileged.OnUnreadable, p.Nodes.OnUnknown}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", values, diff)
		}
	}
	if _, err := helm(t, "profile: relaxed", "template", chart, chart); err == nil {
		t.Error("a profile that does not exist is rendered")
	}
}
