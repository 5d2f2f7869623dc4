package e2e

import (
	"encoding/json"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/deploy"
)

// The API server compiles the match conditions for any exempt users, also none, and whatever their names hold.
func TestMatchConditionsCompile(t *testing.T) {
	for name, c := range map[string]struct{ usernames, groups []string }{
		"nobody":             {},
		"usernames alone":    {usernames: []string{"a", "b"}},
		"groups alone":       {groups: []string{"a", "b"}},
		"quotes and accents": {usernames: []string{`a"b`, `c\d`, "e'f"}, groups: []string{"équipe", "チーム"}},
	} {
		t.Run(name, func(t *testing.T) {
			conditions, err := deploy.Render(c.usernames, c.groups)
			if err != nil {
				t.Fatal(err)
			}
			hook := func(name string, conditions any) map[string]any {
				return map[string]any{"name": name, "clientConfig": map[string]string{"url": guard.URL}, "sideEffects": "None",
					"admissionReviewVersions": []string{"v1"}, "matchConditions": conditions}
			}
			config, err := json.Marshal(map[string]any{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
				"metadata": map[string]string{"name": "compiled"},
				"webhooks": []any{hook("guard.example.com", conditions.Guard), hook("witness.example.com", conditions.Witness)}})
			if err != nil {
				t.Fatal(err)
			}
			kubectl(t, string(config), "create", "--dry-run=server", "-f", "-").want(t,
				"validatingwebhookconfiguration.admissionregistration.k8s.io/compiled created (server dry run)\n", 0)
		})
	}
}
