package rules

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// twofold are the rules that judge both a version and a change: the same thing may be so, or come about, and has one id.
var twofold = []string{"AA403", "AA502", "AA505"}

func TestContract(t *testing.T) {
	for _, r := range All() {
		n := 0
		for _, set := range []bool{r.Entry != nil, r.Object != nil, r.Edit != nil} {
			if set {
				n++
			}
		}
		if want := 1 + len(slices.DeleteFunc(slices.Clone(twofold), func(id string) bool { return id != r.ID })); n != want {
			t.Errorf("%s has %d functions, want %d", r.ID, n, want)
		}
		if slices.Contains(twofold, r.ID) && r.Edit == nil {
			t.Errorf("%s has no function about the edit", r.ID)
		}
		if r.Category == 0 {
			t.Errorf("%s has no category", r.ID)
		}
		for _, s := range r.SilencedBy {
			if by, ok := Lookup(s.Rule); !ok || by.ID != s.Rule || s.Rule == r.ID || s.Same == 0 {
				t.Errorf("%s is silenced by %+v, want another rule and a scope", r.ID, s)
			}
		}
	}
	if !slices.IsSortedFunc(All(), func(a, b *rule.Rule) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("the catalogue is not in the order of the ids")
	}
}

var id = regexp.MustCompile(`"AA[0-9]{3}"`)

// A rule is in the file of its name, alone, and names no other rule but those that silence it.
func TestOneRuleOneFile(t *testing.T) {
	for _, r := range All() {
		name := strings.ReplaceAll(r.Name, "-", "_") + ".go"
		text, err := os.ReadFile(name)
		if err != nil {
			t.Errorf("%s: %v", r.ID, err)
			continue
		}
		if n := strings.Count(string(text), "&rule.Rule{"); n != 1 {
			t.Errorf("%s holds %d rules, want one", name, n)
		}
		for _, other := range id.FindAllString(string(text), -1) {
			silences := func(s rule.Silence) bool { return `"`+s.Rule+`"` == other }
			if other != `"`+r.ID+`"` && !slices.ContainsFunc(r.SilencedBy, silences) {
				t.Errorf("%s names %s", name, other)
			}
		}
	}
}

// Each problem that the reader can report is said by exactly one rule.
func TestEveryProblemIsSaid(t *testing.T) {
	for code := awsauth.Syntax; code <= awsauth.TooMany; code++ {
		problem := awsauth.Problem{Code: code, Field: "data.mapRoles", Place: awsauth.Place{DataKey: awsauth.MapRoles}}
		version := rule.Version{Version: awsauth.Read(nil, nil)}
		version.Problems = []awsauth.Problem{problem}
		version.Object = &corev1.ConfigMap{}
		var by []string
		for _, f := range rule.RunOnVersion(All(), rule.EntryContext{}, rule.ObjectContext{Version: &version, Policy: policy.Default(), Before: &awsauth.Access{}}) {
			if f.Field == problem.Field && f.Message != "" {
				by = append(by, f.Rule)
			}
		}
		if len(by) != 1 {
			t.Errorf("problem %d is said by %q, want one rule", code, by)
		}
	}
}
