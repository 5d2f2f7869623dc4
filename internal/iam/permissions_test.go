package iam_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
)

// The policy that is printed allows what the guard does, and nothing that it does not do.
func TestLeastPrivilege(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		text, err := iam.Permissions{Partition: "aws", Account: "*", Lists: true, AssumeRoles: []string{other + "role/aws-auth-guard"}}.Document()
		if err != nil {
			t.Fatal(err)
		}
		var document struct{ Statement []struct{ Action []string } }
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		allowed := map[string]bool{}
		for _, s := range document.Statement {
			for _, a := range s.Action {
				allowed[a] = true
			}
		}

		w := memoryWorld(t, "guard", reading, seed())
		w.lookup(own+"role/ci", own+"role/nope", own+"user/people/alice", own+"user/nope", other+"role/auditor", other+"role/nope", "arn:aws:iam::444455556666:role/ci")
		done := map[string]bool{}
		for _, c := range w.aws.Calls() {
			service := "iam:"
			if strings.HasPrefix(c.Action, "Assume") {
				service = "sts:"
			}
			if c.Action != "GetCallerIdentity" { // needs no permission
				done[service+c.Action] = true
			}
		}
		if d := cmp.Diff(slices.Sorted(maps.Keys(allowed)), slices.Sorted(maps.Keys(done))); d != "" {
			t.Errorf("(-allowed +done):\n%s", d)
		}
	})
}
