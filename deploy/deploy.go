// Package deploy holds the one source of what the API server itself is told about the guard: the match conditions of its
// two webhooks. The chart renders the same file.
package deploy

import (
	"bytes"
	_ "embed" // the match conditions
	"fmt"
	"text/template"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"
)

//go:embed helm/aws-auth-guard/files/match-conditions.yaml
var matchConditions string

// MatchConditions are the conditions under which the API server calls a webhook.
type MatchConditions struct {
	// Guard's hold for everybody but the exempt usernames and the break-glass groups.
	Guard []admissionregistrationv1.MatchCondition `json:"guard"`
	// Witness's hold for exactly those.
	Witness []admissionregistrationv1.MatchCondition `json:"witness"`
}

// Render fills in who is exempt (usernames, by exact match) and who breaks the glass (groups). Both may be empty.
func Render(exemptUsernames, breakGlassGroups []string) (MatchConditions, error) {
	var c MatchConditions
	t, err := template.New("match-conditions.yaml").Parse(matchConditions)
	if err != nil {
		return c, err // names the file already
	}
	var text bytes.Buffer
	in := map[string][]string{"exemptUsernames": exemptUsernames, "breakGlassGroups": breakGlassGroups}
	if err := t.Execute(&text, in); err != nil {
		return c, err
	}
	if err := yaml.UnmarshalStrict(text.Bytes(), &c); err != nil {
		return c, fmt.Errorf("match-conditions.yaml: %w", err)
	}
	return c, nil
}
