package validate_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// TestNoWaiverOfAPlace: of every finding of the golden cases, a waiver whose subject is its field excuses nothing. What is at
// that place now another edit moves.
func TestNoWaiverOfAPlace(t *testing.T) {
	tried := 0
	for _, c := range goldenCases(t) {
		for _, f := range c.run(t).Findings {
			if f.Severity != validate.Error || !strings.Contains(f.Field, "[") {
				continue
			}
			tried++
			waiving := *c.policy
			waiving.Waivers = append(slices.Clone(waiving.Waivers), policy.Waiver{Rule: f.Rule, Subject: f.Field, Reason: "none"})
			v, err := validate.New(&waiving, validate.WithClock(func() time.Time { return clock }), validate.WithPorts(c.ports(t)))
			if err != nil {
				t.Fatal(err)
			}
			still := func(g validate.Finding) bool {
				return g.Rule == f.Rule && g.Field == f.Field && g.Severity == validate.Error
			}
			if rep := v.Validate(context.Background(), c.request()); !slices.ContainsFunc(rep.Findings, still) {
				t.Errorf("%s: a waiver of %s for %s excuses it", c.name, f.Rule, f.Field)
			}
		}
	}
	if tried < 200 {
		t.Errorf("only %d findings tried", tried)
	}
	t.Logf("%d findings", tried)
}
