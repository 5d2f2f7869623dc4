//go:build prometheus

package helm_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// alertCase is what happens to series, a sample a minute, and the minutes at which the alerts are looked at.
type alertCase struct {
	alert  string
	series map[string]string
	// labels are those of the firing alert that tell one from another.
	labels string
	// firing are minutes at which this alert fires, and no other; quiet those at which none does.
	firing, quiet []int
}

// up is the series by which a replica answers.
const up = `up{namespace="guard", service="aws-auth-guard-metrics", pod="a"}`

// guards is a series of the guard's as it is scraped.
func guards(metric, labels, values string) map[string]string {
	return map[string]string{fmt.Sprintf(`aws_auth_guard_%s{namespace="guard", service="aws-auth-guard-metrics", pod="a"%s}`,
		metric, labels): values}
}

// gap is the series of a gap in a webhook's configuration.
func gap(webhook, name, values string) map[string]string {
	return guards("webhook_gaps", fmt.Sprintf(", webhook=%q, gap=%q", webhook, name), values)
}

// alertCases have each alert fire after its time, and not before, and clear. In promtool's notation "0x5 1x9" is six samples
// of 0, from minute 0 to 5, and then ten of 1, and _ is none.
var alertCases = map[string]alertCase{
	"no replica answers": {alert: "AWSAuthGuardDown", series: map[string]string{up: "1x5 0x19 1x9"},
		firing: []int{11, 25}, quiet: []int{10, 26}},
	// Prometheus takes a sample for five minutes as the latest.
	"no replica is there": {alert: "AWSAuthGuardDown", series: map[string]string{up: "1x5 _x30 1x9"},
		firing: []int{15, 35}, quiet: []int{14, 36}},
	"one replica of two does not answer": {
		series: map[string]string{up: "1x5 0x30", strings.Replace(up, `"a"`, `"b"`, 1): "1x40"},
		quiet:  []int{35}},
	"a certificate that is not trusted": {alert: "AWSAuthGuardCertificateNotTrusted",
		series: guards("certificate_trusted", "", "1x5 0x14 1x9"),
		labels: `pod="a"`, firing: []int{11, 20}, quiet: []int{10, 21}},
	// promtool's clock begins at 0: what ends after five days and an hour has less than five days left after minute 60.
	"a certificate that is not renewed in time": {alert: "AWSAuthGuardCertificateEnding",
		series: guards("certificate_expiry_timestamp_seconds", "", "435600x130 7776000x9"),
		labels: `pod="a"`, firing: []int{121, 130}, quiet: []int{120, 131}},
	"a renewal that is held": {alert: "AWSAuthGuardCertificateNotRenewed",
		series: guards("certificate_renewal_held", "", "0x5 1x20 0x9"),
		firing: []int{16, 26}, quiet: []int{15, 27}},
	"a clock that is ahead": {alert: "AWSAuthGuardClockWrong",
		series: guards("clock_offset_seconds", "", "1x5 1801x20 1800x9"),
		labels: `pod="a"`, firing: []int{16, 26}, quiet: []int{15, 27}},
	"a clock that is behind": {alert: "AWSAuthGuardClockWrong",
		series: guards("clock_offset_seconds", "", "1x5 -1801x20 -1800x9"),
		labels: `pod="a"`, firing: []int{16, 26}, quiet: []int{15, 27}},
	"a configuration without a rule": {alert: "AWSAuthGuardNotAsked", series: gap("guard", "rules", "0x5 1x10 0x9"),
		labels: `webhook="guard", gap="rules"`, firing: []int{11, 16}, quiet: []int{10, 17}},
	"a failure policy that allows": {alert: "AWSAuthGuardNotAsked", series: gap("guard", "failure-policy", "0x5 1x10 0x9"),
		labels: `webhook="guard", gap="failure-policy"`, firing: []int{11, 16}, quiet: []int{10, 17}},
	"the witness's match conditions": {alert: "AWSAuthGuardNotAsked", series: gap("witness", "match-conditions", "0x5 1x10 0x9"),
		labels: `webhook="witness", gap="match-conditions"`, firing: []int{11, 16}, quiet: []int{10, 17}},
	// The values ask for one.
	"a second match condition": {alert: "AWSAuthGuardNotAsked", series: gap("guard", "match-conditions", "1x5 2x10 1x9"),
		labels: `webhook="guard", gap="match-conditions"`, firing: []int{11, 16}, quiet: []int{10, 17}},
	"a policy that is rejected": {alert: "AWSAuthGuardPolicyRejected",
		series: guards("policy_rejected", "", "0x5 1x9 0x9"),
		firing: []int{7, 15}, quiet: []int{6, 16}},
	// It clears when the edit is ten minutes ago.
	"an edit by a break-glass group": {alert: "AWSAuthGuardBreakGlassUsed",
		series: guards("decisions_total", `, decision="allow-break-glass", operation="UPDATE"`, "0x5 1x20"),
		firing: []int{6, 14}, quiet: []int{5, 16}},
	"RBAC that cannot be read": {alert: "AWSAuthGuardCannotReadRBAC",
		series: both(guards("rbac_readable", `, resource="roles"`, "1x5 0x20 1x9"),
			guards("rbac_readable", `, resource="clusterroles"`, "1x40")),
		firing: []int{16, 26}, quiet: []int{15, 27}},
	"an approval that has expired": {alert: "AWSAuthGuardApprovalExpired",
		series: both(guards("permissions", `, kind="approval", state="expired-in-use"`, "0x5 1x80 0x9"),
			guards("permissions", `, kind="approval", state="expired"`, "1x99")),
		firing: []int{66, 86}, quiet: []int{65, 87}},
	"an IAM that does not answer": {alert: "AWSAuthGuardCannotAskIAM",
		series: guards("iam_breaker_open", `, account="own", calls="names"`, "0x5 1x20 0x9"),
		labels: `account="own", calls="names"`, firing: []int{16, 26}, quiet: []int{15, 27}},
}

func both(one, other map[string]string) map[string]string {
	maps.Copy(one, other)
	return one
}

// TestAlerts runs promtool's unit tests on the alerts as the chart renders them.
func TestAlerts(t *testing.T) {
	dir := t.TempDir()
	alerts := writeRules(t, filepath.Join(dir, "alerts.yaml"))
	for _, c := range alertCases {
		delete(alerts, c.alert)
	}
	for alert := range alerts {
		t.Errorf("no case has the alert %s fire", alert)
	}
	file := filepath.Join(dir, "test.yaml")
	writeYAML(t, file, map[string]any{
		"rule_files": []string{"alerts.yaml"}, "evaluation_interval": "1m", "tests": alertTests()})
	check := []string{"check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml"}
	for _, args := range [][]string{check, {"test", "rules", file}} {
		cmd := exec.CommandContext(t.Context(), "promtool", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// writeRules writes the rules of the chart with everything switched on, and gives back the names of its alerts.
func writeRules(t *testing.T, file string) map[string]bool {
	t.Helper()
	rule := objects(t, template(t, everything))["PrometheusRule "+chart]
	if rule == nil {
		t.Fatal("no PrometheusRule is rendered")
	}
	writeYAML(t, file, rule.Object["spec"])
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		Groups []struct{ Rules []struct{ Alert string } }
	}
	if err := yaml.Unmarshal(text, &spec); err != nil {
		t.Fatal(err)
	}
	alerts := map[string]bool{}
	for _, group := range spec.Groups {
		for _, r := range group.Rules {
			alerts[r.Alert] = true
		}
	}
	if len(alerts) == 0 {
		t.Fatal("the PrometheusRule has no alerts")
	}
	return alerts
}

// alertTests are the cases as promtool reads them.
func alertTests() (tests []any) {
	for _, name := range slices.Sorted(maps.Keys(alertCases)) {
		c := alertCases[name]
		var input, looks []any
		for _, metric := range slices.Sorted(maps.Keys(c.series)) {
			input = append(input, map[string]any{"series": metric, "values": c.series[metric]})
		}
		if c.series[up] == "" {
			input = append(input, map[string]any{"series": up, "values": "1x200"})
		}
		look := func(minute int, firing []any) {
			looks = append(looks, map[string]any{"eval_time": fmt.Sprintf("%dm", minute), "exp_samples": firing,
				"expr": `count by (alertname, pod, webhook, gap, account, calls) (ALERTS{alertstate="firing"})`})
		}
		for _, minute := range c.firing {
			labels := fmt.Sprintf(`{alertname=%q, %s}`, c.alert, c.labels)
			look(minute, []any{map[string]any{"labels": labels, "value": 1}})
		}
		for _, minute := range c.quiet {
			look(minute, []any{})
		}
		tests = append(tests, map[string]any{
			"name": name, "interval": "1m", "input_series": input, "promql_expr_test": looks})
	}
	return tests
}

func writeYAML(t *testing.T, file string, content any) {
	t.Helper()
	text, err := yaml.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
