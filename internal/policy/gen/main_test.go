package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

var update = flag.Bool("update", false, "write testdata/accepted.json")

const root = "../../.."

func TestFilesAreUpToDate(t *testing.T) {
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		got, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is not what internal/policy says; run make generate (-want +got):\n%s", path, diff)
		}
	}
}

func TestEveryFieldIsDescribed(t *testing.T) {
	for path, f := range allFields(t) {
		if f.Doc == "" && f.Fields == nil {
			t.Errorf("%s has no comment", path)
		}
	}
}

// base is a policy with a valid item in each list.
const base = `
exempt: {usernames: []}
breakGlass: {groups: []}
privileged: {approvals: [{arn: 'arn:aws:iam::111122223333:role/a', groups: [a]}]}
accounts: [{id: "444455556666", roleARN: 'arn:aws:iam::444455556666:role/guard'}]
required: [{arn: 'arn:aws:iam::111122223333:role/a'}]
waivers: [{rule: AA203, subject: a, reason: b}]
`

// alone are fields that cannot stand beside others of base.
var alone = map[string][]string{
	"privileged.approvals[].pattern": {"arn"},
	"accounts[].trust":               {"roleARN"},
	"accounts[].id":                  {"roleARN"},
}

// verdicts is testdata/accepted.json: values, and which of them the schema accepts in each field.
type verdicts struct {
	Values   []any
	Accepted map[string][]any
}

// TestSchemaOfEveryField compares what the schema accepts, and holds that against the guard, which must accept it too.
func TestSchemaOfEveryField(t *testing.T) {
	const name = "testdata/accepted.json"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var want verdicts
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	schema := theSchema(t)
	got := verdicts{want.Values, map[string][]any{}}
	for path := range allFields(t) {
		for _, value := range want.Values {
			doc := with(t, path, value)
			if schema.Validate(doc) != nil {
				continue
			}
			got.Accepted[path] = append(got.Accepted[path], value)
			if err := guardRefuses(t, path, doc); err != nil && !beyondSchema(path, value) {
				t.Errorf("the schema accepts %v in %s, and the guard does not: %v", value, path, err)
			}
		}
	}
	if *update {
		got.write(t, name)
		return
	}
	if diff := cmp.Diff(want.Accepted, got.Accepted); diff != "" {
		t.Errorf("the schema accepts other values (-want +got):\n%s", diff)
	}
}

// beyondSchema is what only the guard refuses: days that a month does not have, the role of another account than the id
// says, and a * in the path of a user.
func beyondSchema(path string, value any) bool {
	text, _ := value.(string)
	return strings.HasPrefix(text, "2027-02-30") || path == "accounts[].roleARN" || strings.HasSuffix(text, ":user/*/b")
}

// write writes one line for each field.
func (v verdicts) write(t *testing.T, name string) {
	t.Helper()
	line := func(of any) string {
		text, err := json.Marshal(of)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var fields []string
	for _, path := range slices.Sorted(maps.Keys(v.Accepted)) {
		fields = append(fields, line(path)+": "+line(v.Accepted[path]))
	}
	text := "{\"Values\": " + line(v.Values) + ",\n\"Accepted\": {\n" + strings.Join(fields, ",\n") + "\n}}\n"
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// allFields are the fields by path.
func allFields(t *testing.T) map[string]field {
	t.Helper()
	fields, err := policyFields(filepath.Join(root, "internal/policy/policy.go"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]field{}
	var add func(under string, fields []field)
	add = func(under string, fields []field) {
		for _, f := range fields {
			path := under + f.Name
			all[path] = f
			if f.Type.Kind() == reflect.Slice {
				path += "[]"
			}
			add(path+".", f.Fields)
		}
	}
	add("", fields)
	return all
}

// theSchema is compiled by what helm checks values with.
func theSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "deploy/helm/aws-auth-guard/policy.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// with is base with another value at a path.
func with(t *testing.T, path string, value any) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := yaml.Unmarshal([]byte(base), &doc); err != nil {
		t.Fatal(err)
	}
	m := doc
	steps := strings.Split(path, ".")
	for _, step := range steps[:len(steps)-1] {
		key, item := strings.CutSuffix(step, "[]")
		switch {
		case item:
			m = m[key].([]any)[0].(map[string]any)
		case m[key] == nil:
			m[key] = map[string]any{}
			fallthrough
		default:
			m = m[key].(map[string]any)
		}
	}
	for _, other := range alone[path] {
		delete(m, other)
	}
	m[steps[len(steps)-1]] = value
	return doc
}

// guardRefuses is the error with which the guard refuses a policy, by its text or by its rules.
func guardRefuses(t *testing.T, path string, doc any) error {
	t.Helper()
	text, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if path == "rules" { // as the chart writes it
		text = bytes.ReplaceAll(text, []byte(": false\n"), []byte(": off\n"))
	}
	p, err := policy.Parse(append([]byte("apiVersion: "+policy.APIVersion+"\nkind: "+policy.Kind+"\n"), text...))
	if err == nil {
		_, err = validate.New(p)
	}
	return err
}

// TestExample: the file in docs/policy.md has every field, and can be loaded.
func TestExample(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/policy.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yaml\n")
	text, _, ok := strings.Cut(text, "```")
	if !ok {
		t.Fatal("no example in docs/policy.md")
	}
	if _, err := policy.Parse([]byte(text)); err != nil {
		t.Error(err)
	}
	for path, f := range allFields(t) {
		if !regexp.MustCompile(`(?m)^[ -]*` + f.Name + `:`).MatchString(text) {
			t.Errorf("the example says nothing of %s", path)
		}
	}
}
