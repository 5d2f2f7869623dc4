package validate_test

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// warned are the cases of testdata/field that are allowed with a warning, by its rule. All others are allowed without a word.
var warned = map[string]string{
	"terraform-aws-eks-windows-shared": "AA108",
	"eksctl-service-emr":               "AA106",
	"batch-on-eks":                     "AA106",
	"blueprints-emr":                   "AA107",
	"prometheus-scraper":               "AA106",
	"node-proxier-on-ec2":              "AA505",
	"authenticator-example":            "AA404",
}

var partitionOf = regexp.MustCompile(`arn:[a-z-]+`)

// withEntry adds an ordinary entry to a value, in its own style.
func withEntry(t *testing.T, value string) string {
	t.Helper()
	const username, group = "one-more", "viewers"
	arn := partitionOf.FindString(value) + ":iam::111122223333:role/one-more"
	if end := strings.LastIndexByte(value, ']'); strings.HasPrefix(value, "[") && end > 0 {
		return value[:end] + fmt.Sprintf(`,{"rolearn":%q,"username":%q,"groups":[%q]}`, arn, username, group) + value[end:]
	}
	if !strings.Contains(value, "- ") {
		t.Fatalf("no list: %q", value)
	}
	return strings.TrimSuffix(value, "\n") + fmt.Sprintf("\n- rolearn: %s\n  username: %s\n  groups: [%s]\n", arn, username, group)
}

// TestField holds that what the tools and services of the field write is allowed: as a new object, again as it is, with one more entry,
// and back. The section want has the reports on the new object and on the two edits; -update writes it.
func TestField(t *testing.T) {
	names, err := filepath.Glob("testdata/field/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range names {
		id := strings.TrimSuffix(filepath.Base(name), ".txtar")
		t.Run(id, func(t *testing.T) {
			c := readCase(t, name)
			v, err := validate.New(c.policy, validate.WithClock(func() time.Time { return clock }), validate.WithPorts(c.ports(t)))
			if err != nil {
				t.Fatal(err)
			}
			first := c.new.ConfigMap
			more := first.DeepCopy()
			more.Data[awsauth.MapRoles] = withEntry(t, first.Data[awsauth.MapRoles])
			again := first.DeepCopy()
			again.Labels = map[string]string{"app.kubernetes.io/managed-by": "field"}
			var reports []string
			for _, step := range []struct {
				title string
				validate.Request
				silent bool
			}{
				{"a new object", validate.Request{Operation: validate.Create, New: first}, false},
				{"a re-apply", validate.Request{Operation: validate.Update, Old: first, New: again}, true},
				{"one entry more", validate.Request{Operation: validate.Update, Old: first, New: more}, false},
				{"one entry less", validate.Request{Operation: validate.Update, Old: more, New: first}, false},
			} {
				rep := v.Validate(context.Background(), step.Request)
				var rules []string
				for _, f := range rep.Findings {
					if !slices.Contains(rules, f.Rule) {
						rules = append(rules, f.Rule)
					}
				}
				want := []string{warned[id]}
				if warned[id] == "" || step.silent {
					want = nil
				}
				if !rep.Allowed || !slices.Equal(rules, want) {
					t.Errorf("%s: allowed is %v, findings of %v, want %v: %v", step.title, rep.Allowed, rules, want, findingsOf(rep))
				}
				if !step.silent {
					reports = append(reports, "== "+step.title+"\n"+c.text(t, step.Operation, rep))
				}
				if diff := agree(step.New.Data, strict) + agree(step.New.Data, lenient); diff != "" {
					t.Errorf("%s: the authenticator reads it differently: %s", step.title, diff)
				}
			}
			c.compareSection(t, "want", strings.Join(reports, "\n"))
		})
	}
}
