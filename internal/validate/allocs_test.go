package validate_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// TestAllocations: what the hundred roles of the benchmarks cost in allocations, each bound about twice what it was when this was
// written. It is there to see something that allocates for each pair of entries, or each byte; not to count.
func TestAllocations(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector allocates, too")
	}
	text := hundred()
	v := validator(t, "")
	denied := create(v, roles0(text+admin))
	sources := []report.Source{{Name: "mapRoles", Text: text + admin, Locate: func(_ string, line, column int) (int, int, bool) { return line, column, true }}}
	n := 0
	for name, c := range map[string]struct {
		most float64
		do   func()
	}{
		"parse": {30_000, func() { awsauth.Parse(roles0(text)) }},
		"validate, one changed": {50_000, func() {
			n++ // another text each time
			updated := fmt.Sprintf("%s# %d\n", strings.Replace(text, "username: team-50\n", "username: team-fifty\n", 1), n)
			req := validate.Request{Operation: validate.Update, Old: aconfigmap(roles0(text)), New: aconfigmap(roles0(updated))}
			if rep := v.Validate(context.Background(), req); !rep.Allowed {
				t.Fatal(findingsOf(rep))
			}
		}},
		"render": {1_000, func() {
			if err := report.Text(io.Discard, denied, sources, report.TextOptions{}); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := testing.AllocsPerRun(20, c.do)
			t.Logf("%.0f allocations", got)
			if got > c.most {
				t.Errorf("%.0f allocations, want %.0f at most", got, c.most)
			}
		})
	}
}
