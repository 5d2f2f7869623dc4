package main_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// testCoverage switches the guard off by its configuration, as the chart's webhook.matchConditions can, and on again.
func (c *cluster) testCoverage(t *testing.T, r *replica) {
	configure := func(change func(*admissionregistrationv1.ValidatingWebhook)) { t.Helper(); c.configure(t, change) }
	shows := func(detail, metric string) func() error {
		return func() error {
			status, got := r.get("/readyz")
			if status != http.StatusOK || !strings.Contains(got, detail) {
				return fmt.Errorf("readiness %d: %s, want %s", status, got, detail)
			}
			if _, got := r.getMetrics(); !strings.Contains(got, metric) {
				return fmt.Errorf("no %s", metric)
			}
			return nil
		}
	}
	const one = "aws_auth_guard_webhook_gaps{gap=%q,webhook=\"guard\"} %d\n"
	c.eventually(t, shows("[+] coverage: ok\n", fmt.Sprintf(one, "match-conditions", 0)))
	configure(func(w *admissionregistrationv1.ValidatingWebhook) {
		w.MatchConditions = append(w.MatchConditions, admissionregistrationv1.MatchCondition{Name: "hide", Expression: "false"})
	})
	c.eventually(t, shows(`[!] coverage: webhook "guard.aws-auth-guard.io": matchConditions has "hide" ("false"), which is not the chart's`, fmt.Sprintf(one, "match-conditions", 1)))
	c.eventually(t, func() error { return c.edit(nodesEntry + brokenPath) }) // it is off indeed
	configure(func(w *admissionregistrationv1.ValidatingWebhook) {
		w.MatchConditions = w.MatchConditions[:len(w.MatchConditions)-1]
	})
	c.eventually(t, shows("[+] coverage: ok\n", fmt.Sprintf(one, "match-conditions", 0)))
	c.eventually(t, func() error {
		if c.edit(nodesEntry+brokenPath) == nil {
			return errors.New("the guard is not asked again")
		}
		return nil
	})

	// The policy and the configuration name the same groups, or one of the two does not say what is in force.
	c.setPolicy(t, "breakGlass: {groups: [oncall]}")
	c.eventually(t, shows(`[!] coverage: webhook "guard.aws-auth-guard.io": matchConditions has "not-break-glass" as `, fmt.Sprintf(one, "match-conditions", 1)))
	c.setPolicy(t, "")
	c.eventually(t, shows("[+] coverage: ok\n", fmt.Sprintf(one, "match-conditions", 0)))
}
