package helm_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/coverage"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// TestChartHasNoGaps: the configuration that the chart renders is the one that the guard, started by the same chart, wants to see.
// What its first replica writes, and what the values ask for themselves, are the only gaps.
func TestChartHasNoGaps(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no renderings (%v)", err)
	}
	for _, file := range files {
		manifest, err := os.ReadFile(file) //nolint:gosec // from the list above
		if err != nil {
			t.Fatal(err)
		}
		var config *admissionregistrationv1.ValidatingWebhookConfiguration
		var deployment *appsv1.Deployment
		var parsed *policy.Policy
		for key, o := range objects(t, string(manifest)) {
			switch kind, _, _ := strings.Cut(key, " "); kind {
			case "ValidatingWebhookConfiguration":
				config = as[admissionregistrationv1.ValidatingWebhookConfiguration](t, o)
			case "Deployment":
				deployment = as[appsv1.Deployment](t, o)
			case "ConfigMap":
				if text, ok := as[corev1.ConfigMap](t, o).Data["policy.yaml"]; ok {
					if parsed, err = policy.Parse([]byte(text)); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if config == nil || deployment == nil || parsed == nil {
			t.Fatalf("%s has no configuration, no Deployment or no policy", file)
		}
		need := coverage.Need{Namespace: deployment.Namespace, ExemptUsernames: parsed.Exempt.Usernames, BreakGlassGroups: parsed.BreakGlass.Groups}
		for _, arg := range deployment.Spec.Template.Spec.Containers[0].Args {
			if name, ok := strings.CutPrefix(arg, "--webhook-configuration="); ok {
				need.Name = name
			}
		}
		want := []coverage.Kind{coverage.Rules} // the guard's first replica that is ready writes them
		if slices.ContainsFunc(config.Webhooks[0].MatchConditions, func(c admissionregistrationv1.MatchCondition) bool {
			return !slices.Contains([]string{"only-aws-auth", "not-exempt", "not-break-glass"}, c.Name)
		}) {
			want = append(want, coverage.MatchConditions)
		}
		if *config.Webhooks[0].FailurePolicy != admissionregistrationv1.Fail {
			want = append(want, coverage.FailurePolicy)
		}
		gaps, err := coverage.Gaps(config, need)
		if err != nil {
			t.Fatal(err)
		}
		var got []coverage.Kind
		for _, g := range gaps {
			got = append(got, g.Kind)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", file, gaps, diff)
		}
	}
}
