package validate_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// TestCatalogue is what a rule must have: metadata, a golden case that it finds and one that it does not, and a section
// in docs/rules.md.
func TestCatalogue(t *testing.T) {
	docs, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	found, passed := map[string]int{}, map[string]int{}
	for _, c := range goldenCases(t) {
		rule := filepath.Base(filepath.Dir(c.name))
		if hasRule(c.run(t), rule) {
			found[rule]++
		} else {
			passed[rule]++
		}
	}
	seen := map[string]bool{}
	for _, r := range validate.Catalogue() {
		t.Run(r.ID, func(t *testing.T) {
			if !regexp.MustCompile(`^AA[0-9]{3}$`).MatchString(r.ID) || !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(r.Name) {
				t.Errorf("id %q and name %q: want AA and three digits, and words with dashes", r.ID, r.Name)
			}
			for _, s := range []string{r.ID, r.Name} {
				if seen[s] {
					t.Errorf("%s is there twice", s)
				}
				seen[s] = true
			}
			if r.Severity != validate.Error && r.Severity != validate.Warning {
				t.Errorf("severity %q", r.Severity)
			}
			if r.What == "" || r.Why == "" || r.Good == "" || r.Bad == "" && r.ID != "AA501" {
				t.Error("wants What, Why, Bad and Good")
			}
			for _, s := range []string{r.What, r.Why} {
				if strings.HasSuffix(s, ".") || strings.TrimSpace(s) != s {
					t.Errorf("%q: want no full stop and no blanks around it", s)
				}
			}
			if found[r.ID] == 0 {
				t.Errorf("no case of testdata/%s is found by it", r.ID)
			}
			if passed[r.ID] == 0 {
				t.Errorf("no case of testdata/%s is let pass by it", r.ID)
			}
			if !strings.Contains(string(docs), "\n### "+r.ID+" "+r.Name+"\n") {
				t.Error("no section in docs/rules.md")
			}
		})
	}
	dirs, _ := filepath.Glob("testdata/AA*")
	for _, dir := range dirs {
		if !seen[filepath.Base(dir)] {
			t.Errorf("%s belongs to no rule", dir)
		}
	}
}

// examplesNeed is what must be so for a rule's examples to be found: those of most rules need nothing.
var examplesNeed = map[string]struct {
	policy string
	user   authenticationv1.UserInfo
	iam    map[string]answer
	fleet  *nodes.View
	rbac   string
	// before is the old object, where the good one does not do.
	before string
}{
	"AA301": {iam: map[string]answer{"arn:aws:iam::111122223333:role/cii": {Existence: "missing"}}},
	"AA302": {iam: map[string]answer{"arn:aws:iam::111122223333:role/unverified": {Existence: "unverified", Reason: principal.ReasonThrottled}}},
	"AA303": {iam: map[string]answer{"arn:aws:iam::444455556666:role/ci": {Existence: "foreign"}}},
	"AA402": {rbac: `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: cluster-admin}
rules: [{verbs: ["*"], apiGroups: ["*"], resources: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ops}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: ops}]
`},
	"AA407": {
		policy: "privileged: {approvals: [{arn: arn:aws:iam::111122223333:role/ci, groups: [system:masters], expires: 2026-11-01}]}",
		before: masters("ci")},
	"AA408": {iam: map[string]answer{"arn:aws:iam::111122223333:role/deploy": {Existence: "exists", ARN: "arn:aws:iam::111122223333:role/deploy",
		Trust: &principal.Trust{Known: principal.TrustKnown, Other: "arn:aws:iam::111122223333:root"}}}},
	"AA504": {policy: "required: [arn:aws:iam::111122223333:role/ci]"},
	"AA506": {user: caller("ci", "build", "ci", "deployers"), iam: map[string]answer{}},
	"AA508": {fleet: view(accessEntry("ci", "STANDARD", "deployers"))},
	"AA507": {policy: "privileged: {approvals: [{arn: arn:aws:iam::111122223333:role/ci, groups: [system:masters]}]}"},
}

// TestExamples runs the examples of the documentation: the good one is allowed without a word, and the bad one, when it
// replaces the good one, is found by that rule and by no other.
func TestExamples(t *testing.T) {
	for _, r := range validate.Catalogue() {
		t.Run(r.ID, func(t *testing.T) {
			need := examplesNeed[r.ID]
			var ports validate.Ports
			if need.iam != nil {
				ports.Principals = caseHead{IAM: need.iam}
			}
			if need.rbac != "" {
				ports.Privileges = fromRBAC(t, need.rbac, nil)
			}
			if need.fleet != nil {
				ports.Fleet = fleetPort{need.fleet}
			}
			v := validator(t, need.policy, validate.WithPorts(ports))
			good := example(t, r.Good)
			if rep := v.Validate(context.Background(), validate.Request{Operation: validate.Create, New: good, User: need.user}); !rep.Allowed || len(rep.Findings) > 0 {
				t.Errorf("the good example has findings: %v", findingsOf(rep))
			}
			req := validate.Request{Operation: validate.Delete, Old: good, User: need.user}
			if need.before != "" {
				req.Old = example(t, need.before)
			}
			if r.Bad != "" {
				req.Operation, req.New = validate.Update, example(t, r.Bad)
			}
			rep := v.Validate(context.Background(), req)
			others := slices.DeleteFunc(slices.Clone(rep.Findings), func(f validate.Finding) bool { return f.Rule == r.ID })
			if !hasRule(rep, r.ID) || len(others) > 0 {
				t.Errorf("want findings of %s alone, got %v", r.ID, findingsOf(rep))
			}
			if rep.Allowed != (r.Severity == validate.Warning) {
				t.Errorf("severity %s, and allowed is %v", r.Severity, rep.Allowed)
			}
		})
	}
}

// masters is the bad example of AA407 with another username.
func masters(username string) string {
	r, _ := validate.Lookup("AA407")
	return strings.Replace(r.Bad, "username: builder", "username: "+username, 1)
}

func example(t *testing.T, body string) *corev1.ConfigMap {
	t.Helper()
	cm := aconfigmap(nil)
	if err := yaml.UnmarshalStrict([]byte(body), cm); err != nil {
		t.Fatal(err)
	}
	return cm
}

func hasRule(rep validate.Report, id string) bool {
	return slices.ContainsFunc(rep.Findings, func(f validate.Finding) bool { return f.Rule == id })
}

func findingsOf(rep validate.Report) []string {
	var s []string
	for _, f := range rep.Findings {
		s = append(s, "\n"+string(f.Severity)+" "+f.Field+": "+f.Sentence())
	}
	return s
}
