package internal_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// recipe is a section of docs/cookbook.md: values for the chart, RBAC objects if it needs any, and edits with their verdicts.
type recipe struct {
	name, values, rbac string
	edits              []cookbookEdit
}

// cookbookEdit is what the page says of one edit.
type cookbookEdit struct {
	verdict, group string // as on the page: "Denied: AA401"; the caller's group, "" for a cluster admin
	at             time.Time
	diff           []string
}

// cookbookDate is the day of an edit for which the page names none.
const cookbookDate = "2026-12-01"

var (
	cookbookBlock   = regexp.MustCompile("(?ms)^(?:(\\*\\*[^\n]+)\n\n)?```(yaml|diff)\n(.*?)^```$")
	cookbookVerdict = regexp.MustCompile(`^\*\*([^*]+)\*\*(?: by a member of ([a-z-]+))?(?: on (\d{4}-\d{2}-\d{2}))?(?:, .*)?$`)
)

// TestCookbook runs docs/cookbook.md: the chart takes each recipe's values, and the verdict on each edit is the one above it.
func TestCookbook(t *testing.T) {
	before, recipes := readCookbook(t)
	schema := chartSchema(t)
	if len(recipes) < 10 {
		t.Errorf("docs/cookbook.md has %d recipes, want 10 at least", len(recipes))
	}
	for _, r := range recipes {
		t.Run(r.name, func(t *testing.T) {
			if len(r.edits) < 2 {
				t.Errorf("%d edits, want one that is allowed and one that is denied at least", len(r.edits))
			}
			v := r.validator(t, schema)
			for _, e := range r.edits {
				if diff := cmp.Diff(e.verdict, e.run(t, v, before)); diff != "" {
					t.Errorf("the verdict on (-page +guard)\n%s\n%s", strings.Join(e.diff, "\n"), diff)
				}
			}
		})
	}
}

// readCookbook returns the text of the aws-auth that all edits begin with, and the recipes.
func readCookbook(t *testing.T) (before string, recipes []recipe) {
	t.Helper()
	page, err := os.ReadFile("../docs/cookbook.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(page), "\n## ")
	for i, section := range sections {
		name, _, _ := strings.Cut(section, "\n")
		r := recipe{name: name}
		for _, block := range cookbookBlock.FindAllStringSubmatch(section, -1) {
			verdict, kind, text := block[1], block[2], block[3]
			switch {
			case kind == "diff":
				r.edits = append(r.edits, readEdit(t, verdict, text))
			case i == 0:
				before = text
			case strings.HasPrefix(text, "policy:"):
				r.values += text
			default:
				r.rbac += text
			}
		}
		if i > 0 {
			recipes = append(recipes, r)
		}
	}
	return before, recipes
}

func readEdit(t *testing.T, verdict, diff string) cookbookEdit {
	t.Helper()
	m := cookbookVerdict.FindStringSubmatch(verdict)
	if m == nil {
		t.Fatalf("the line above\n%s\nis %q, want **Allowed** or **Denied: RULE**", diff, verdict)
	}
	day := cookbookDate
	if m[3] != "" {
		day = m[3]
	}
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	return cookbookEdit{verdict: m[1], group: m[2], at: at, diff: strings.Split(strings.TrimSuffix(diff, "\n"), "\n")}
}

// validator judges by the recipe's policy, at the time that it returns.
func (r recipe) validator(t *testing.T, schema *jsonschema.Schema) func(time.Time) *validate.Validator {
	t.Helper()
	var values map[string]any
	if err := yaml.Unmarshal([]byte(r.values), &values); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(overChart(t, values)); err != nil {
		t.Errorf("the chart rejects the values: %v", err)
	}
	text := r.values[strings.Index(r.values, "\n")+1:]
	p, err := policy.Parse([]byte("apiVersion: " + policy.APIVersion + "\nkind: " + policy.Kind + "\n" + regexp.MustCompile(`(?m)^  `).ReplaceAllString(text, "")))
	if err != nil {
		t.Fatal(err)
	}
	ports := validate.Ports{}
	if r.rbac != "" {
		objects, err := rbac.Decode([]byte(r.rbac))
		if err != nil {
			t.Fatal(err)
		}
		ports.Privileges = rbac.Know(objects, rbac.Guard{Namespace: "aws-auth-guard"})
	}
	if len(p.Accounts) > 0 {
		ports.Principals = fakeIAM(t, p)
	}
	return func(at time.Time) *validate.Validator {
		v, err := validate.New(p, validate.WithPorts(ports), validate.WithClock(func() time.Time { return at }))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// chartSchema is what helm checks values with.
func chartSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("../deploy/helm/aws-auth-guard/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// overChart lays values over the chart's own, as helm does.
func overChart(t *testing.T, values map[string]any) map[string]any {
	t.Helper()
	text, err := os.ReadFile("../deploy/helm/aws-auth-guard/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := yaml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	overlay(all, values)
	return all
}

func overlay(below, above map[string]any) {
	for key, value := range above {
		under, isMap := below[key].(map[string]any)
		if over, ok := value.(map[string]any); ok && isMap {
			overlay(under, over)
		} else {
			below[key] = value
		}
	}
}

// fakeIAM answers for the accounts of test/awsfake/seed.yaml.
func fakeIAM(t *testing.T, p *policy.Policy) *iam.Directory {
	t.Helper()
	seed, err := fake.Load("../test/awsfake/seed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	server, err := fake.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	directory := iam.New(sdk.Config{HTTPClient: fake.Memory{Handler: server}, Region: "eu-west-1",
		Credentials: sdk.NewCredentialsCache(credentials.NewStaticCredentialsProvider("guard", "secret", ""))}, p, iam.Options{})
	directory.Identify(t.Context())
	return directory
}

// run returns the verdict in the page's words.
func (e cookbookEdit) run(t *testing.T, at func(time.Time) *validate.Validator, before string) string {
	t.Helper()
	user := authenticationv1.UserInfo{Username: "admin", Groups: []string{"system:masters"}}
	if e.group != "" {
		user = authenticationv1.UserInfo{Username: "somebody", Groups: []string{e.group}}
	}
	report := at(e.at).Validate(t.Context(), validate.Request{Operation: validate.Update,
		Old: cookbookObject(t, before), New: cookbookObject(t, e.apply(t, before)), User: user})
	rules := func(s validate.Severity) string {
		var ids []string
		for _, f := range report.Findings {
			if f.Severity == s && !slices.Contains(ids, f.Rule) {
				ids = append(ids, f.Rule)
			}
		}
		slices.Sort(ids)
		return strings.Join(ids, ", ")
	}
	verdict := "Denied: " + rules(validate.Error)
	switch {
	case report.Excuse != "": // what is wrong does not count
		return "Allowed"
	case report.Allowed:
		verdict = "Allowed"
	}
	if warned := rules(validate.Warning); warned != "" {
		verdict += ", and warns: " + warned
	}
	return verdict
}

// apply makes the edit: lines that stay or go are looked for from where the last one was found, and added lines come there.
func (e cookbookEdit) apply(t *testing.T, before string) string {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(before, "\n"), "\n")
	at := 0
	if strings.HasPrefix(e.diff[0], "+") {
		at = slices.Index(lines, "  mapUsers: |") // the end of mapRoles
	}
	for _, line := range e.diff {
		mark, text := line[0], line[1:]
		if mark == '+' {
			lines = slices.Insert(lines, at, text)
			at++
			continue
		}
		found := slices.Index(lines[at:], text)
		if found < 0 {
			t.Fatalf("the aws-auth has no line %q", text)
		}
		at += found
		if mark == '-' {
			lines = slices.Delete(lines, at, at+1)
		} else {
			at++
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func cookbookObject(t *testing.T, text string) *corev1.ConfigMap {
	t.Helper()
	cm := &corev1.ConfigMap{}
	if err := yaml.UnmarshalStrict([]byte(text), cm); err != nil {
		t.Fatal(fmt.Errorf("%w in\n%s", err, text))
	}
	cm.Namespace, cm.Name = "kube-system", "aws-auth"
	return cm
}
