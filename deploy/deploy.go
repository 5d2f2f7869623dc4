// Package deploy holds the match conditions of the guard's two webhooks, which the API server evaluates itself. The chart
// renders the same file.
package deploy

import (
	_ "embed" // the match conditions
	"fmt"
	"strconv"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"
)

//go:embed helm/aws-auth-guard/files/match-conditions.yaml
var matchConditions string

// MatchConditions are the conditions under which the API server calls a webhook.
type MatchConditions struct {
	// Guard's are true for everybody except the exempt usernames and the break-glass groups.
	Guard []admissionregistrationv1.MatchCondition `json:"guard"`
	// Witness's are true for exactly those.
	Witness []admissionregistrationv1.MatchCondition `json:"witness"`
}

// Render fills in the exempt usernames (by exact match) and the break-glass groups. Both may be empty.
//
// The file is a template, but text/template calls methods by their names, so that the linker keeps all there are: 25 MB of the guard's image and
// 15 MiB of its memory. The one construct in it is replaced instead; a test compares with text/template.
func Render(exemptUsernames, breakGlassGroups []string) (MatchConditions, error) {
	var c MatchConditions
	_, text, _ := strings.Cut(matchConditions, "-}}\n") // the comment in front
	text = strings.NewReplacer(each("exemptUsernames"), quoted(exemptUsernames), each("breakGlassGroups"), quoted(breakGlassGroups)).Replace(text)
	if err := yaml.UnmarshalStrict([]byte(text), &c); err != nil {
		return c, fmt.Errorf("match-conditions.yaml: %w", err)
	}
	return c, nil
}

// each is how the template writes a list of strings.
func each(list string) string {
	return "{{ range $i, $name := ." + list + " }}{{ if $i }}, {{ end }}{{ printf \"%q\" $name }}{{ end }}"
}

func quoted(list []string) string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = strconv.Quote(s)
	}
	return strings.Join(all, ", ")
}
