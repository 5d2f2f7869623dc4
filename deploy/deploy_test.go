package deploy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-auth-guard/aws-auth-guard/deploy"
)

const onlyAWSAuth = "only-aws-auth: (oldObject != null ? oldObject : object).metadata.?name.orValue('') == 'aws-auth'"

func TestRender(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		usernames, groups []string
		guard, witness    []string
	}{
		"one of each": {
			usernames: []string{"eks:node-manager"}, groups: []string{"break-glass"},
			guard: []string{onlyAWSAuth,
				`not-exempt: !(request.userInfo.username in ["eks:node-manager"])`,
				`not-break-glass: !request.userInfo.?groups.orValue([]).exists(g, g in ["break-glass"])`},
			witness: []string{onlyAWSAuth,
				`exempt-or-break-glass: request.userInfo.username in ["eks:node-manager"] || request.userInfo.?groups.orValue([]).exists(g, g in ["break-glass"])`},
		},
		"several": {
			usernames: []string{"a", "b", "c"}, groups: []string{"d", "e"},
			guard: []string{onlyAWSAuth,
				`not-exempt: !(request.userInfo.username in ["a", "b", "c"])`,
				`not-break-glass: !request.userInfo.?groups.orValue([]).exists(g, g in ["d", "e"])`},
			witness: []string{onlyAWSAuth,
				`exempt-or-break-glass: request.userInfo.username in ["a", "b", "c"] || request.userInfo.?groups.orValue([]).exists(g, g in ["d", "e"])`},
		},
		"nobody": {
			guard: []string{onlyAWSAuth,
				`not-exempt: !(request.userInfo.username in [])`,
				`not-break-glass: !request.userInfo.?groups.orValue([]).exists(g, g in [])`},
			witness: []string{onlyAWSAuth,
				`exempt-or-break-glass: request.userInfo.username in [] || request.userInfo.?groups.orValue([]).exists(g, g in [])`},
		},
		"a name cannot end its own quotes": {
			usernames: []string{`a"] || true || "" in ["`}, groups: []string{"b\\"},
			guard: []string{onlyAWSAuth,
				`not-exempt: !(request.userInfo.username in ["a\"] || true || \"\" in [\""])`,
				`not-break-glass: !request.userInfo.?groups.orValue([]).exists(g, g in ["b\\"])`},
			witness: []string{onlyAWSAuth,
				`exempt-or-break-glass: request.userInfo.username in ["a\"] || true || \"\" in [\""] || request.userInfo.?groups.orValue([]).exists(g, g in ["b\\"])`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := deploy.Render(c.usernames, c.groups)
			if err != nil {
				t.Fatal(err)
			}
			var guard, witness []string
			for _, m := range got.Guard {
				guard = append(guard, m.Name+": "+strings.TrimSpace(m.Expression))
			}
			for _, m := range got.Witness {
				witness = append(witness, m.Name+": "+strings.TrimSpace(m.Expression))
			}
			if diff := cmp.Diff(c.guard, guard); diff != "" {
				t.Errorf("guard (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.witness, witness); diff != "" {
				t.Errorf("witness (-want +got):\n%s", diff)
			}
		})
	}
}
