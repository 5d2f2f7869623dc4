package helm_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/aws-auth-guard/aws-auth-guard/deploy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// TestSparedByAllAlike: the webhooks, the floor and the policy spare the same callers, whatever the values say.
func TestSparedByAllAlike(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]string{
		"defaults":        "{}",
		"nobody":          "policy: {exempt: {usernames: []}, breakGlass: {groups: []}}",
		"several":         "policy: {exempt: {usernames: ['eks:node-manager', 'system:serviceaccount:flux-system:kustomize-controller']}, breakGlass: {groups: [break-glass, 'system:serviceaccounts:ops']}}",
		"hostile names":   `policy: {exempt: {usernames: ['a"] || true || "" in ["']}, breakGlass: {groups: ['{{ .Values }}', 'b\', "ü"]}}`,
		"more conditions": "{webhook: {matchConditions: [{name: not-now, expression: 'true'}]}, policy: {breakGlass: {groups: [break-glass]}}}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := objects(t, template(t, values))
			p, err := policy.Parse([]byte(policyOf(t, values)))
			if err != nil {
				t.Fatal(err)
			}
			want, err := deploy.Render(p.Exempt.Usernames, p.BreakGlass.Groups)
			if err != nil {
				t.Fatal(err)
			}
			floor := as[admissionregistrationv1.ValidatingAdmissionPolicy](t, all["ValidatingAdmissionPolicy aws-auth-guard-floor"])
			if diff := cmp.Diff(want.Guard, floor.Spec.MatchConditions); diff != "" {
				t.Errorf("the floor spares others than the policy (-policy +floor):\n%s", diff)
			}
			webhooks := as[admissionregistrationv1.ValidatingWebhookConfiguration](t, all["ValidatingWebhookConfiguration aws-auth-guard"]).Webhooks
			if diff := cmp.Diff(want.Guard, webhooks[0].MatchConditions[:len(want.Guard)]); diff != "" {
				t.Errorf("the guard spares others than the policy (-policy +guard):\n%s", diff)
			}
			if diff := cmp.Diff(want.Witness, webhooks[1].MatchConditions); diff != "" {
				t.Errorf("the witness sees others than the policy spares (-policy +witness):\n%s", diff)
			}
		})
	}
}

// TestUpgradeWithEverybodySpared: values that an older version took, and that no guard starts with any more, are refused by helm, in
// words that say what to write instead.
func TestUpgradeWithEverybodySpared(t *testing.T) {
	t.Parallel()
	for values, want := range map[string]string{
		"policy: {breakGlass: {groups: [system:authenticated]}}":               "at '/policy/breakGlass/groups/0': value must be 'a group to which you add people, such as aws-auth-break-glass",
		"policy: {privileged: {approvers: {groups: [a, system:nodes]}}}":       "at '/policy/privileged/approvers/groups/1': value must be 'a group to which you add people",
		"policy: {exempt: {usernames: ['system:serviceaccount:*:*']}}":         "at '/policy/exempt/usernames/0': value must be 'a whole username, such as system:serviceaccount:NAMESPACE:NAME",
		"policy: {privileged: {approvers: {usernames: ['system:anonymous']}}}": "at '/policy/privileged/approvers/usernames/0': value must be 'the username of one caller",
	} {
		t.Run(values, func(t *testing.T) {
			t.Parallel()
			if _, err := helm(t, values, "template", "guard", chart, "--is-upgrade"); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}
