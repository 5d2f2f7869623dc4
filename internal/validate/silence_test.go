package validate_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// TestNothingHidesBehindALoweredError: in every golden case with errors, a rule that the policy turns off, or whose finding it
// waives, takes no finding of another rule with it. What its error silenced comes up then.
func TestNothingHidesBehindALoweredError(t *testing.T) {
	tried, surfaced := 0, 0
	for _, c := range goldenCases(t) {
		before := c.run(t)
		for i, f := range before.Findings {
			first := slices.IndexFunc(before.Findings, func(g validate.Finding) bool { return g.Rule == f.Rule }) == i
			if f.Severity != validate.Error || !first {
				continue
			}
			tried++
			off, waiving := *c.policy, *c.policy
			off.Rules = maps.Clone(off.Rules)
			if off.Rules == nil {
				off.Rules = map[string]policy.Severity{}
			}
			delete(off.Rules, f.Name)
			off.Rules[f.Rule] = policy.Severity(validate.Off)
			waiving.Waivers = slices.Clone(waiving.Waivers)
			for _, g := range before.Findings {
				if g.Rule == f.Rule && g.Severity == validate.Error {
					waiving.Waivers = append(waiving.Waivers, policy.Waiver{Rule: g.Rule, Subject: cmp.Or(g.WaivableBy()...), Reason: "none"})
				}
			}
			for what, lowered := range map[string]*policy.Policy{"off": &off, "waived": &waiving} {
				v, err := validate.New(lowered, validate.WithClock(func() time.Time { return clock }), validate.WithPorts(c.ports(t)))
				if err != nil {
					t.Fatal(err)
				}
				after := v.Validate(context.Background(), c.request())
				left := countOthers(after, f.Rule)
				for k, n := range countOthers(before, f.Rule) {
					if left[k] < n {
						t.Errorf("%s: with %s %s, %v is gone", c.name, f.Rule, what, k)
					}
					left[k] -= n
				}
				for _, n := range left {
					surfaced += max(n, 0)
				}
			}
		}
	}
	if tried < 500 || surfaced < 10 {
		t.Errorf("only %d rules lowered, and %d findings came up", tried, surfaced)
	}
	t.Logf("%d rules lowered, %d findings came up", tried, surfaced)
}

// countOthers counts the findings of all rules but one.
func countOthers(r validate.Report, but string) map[[4]string]int {
	count := map[[4]string]int{}
	for _, f := range r.Findings {
		if f.Rule != but {
			count[[4]string{f.Rule, f.Field, string(f.Severity), f.Message}]++
		}
	}
	return count
}
