package internal_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/internal/version"
)

var update = flag.Bool("update", false, "write docs/promised-names.txt, and the hashes in translations")

const promisedNames = "../docs/promised-names.txt"

// TestPromisedNames: no name of docs/promised-names.txt is gone, and all that there are now are listed. docs/compatibility.md
// says what the list promises.
func TestPromisedNames(t *testing.T) {
	text, err := os.ReadFile(promisedNames)
	if err != nil {
		t.Fatal(err)
	}
	var promised []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			promised = append(promised, line)
		}
	}
	now := namesNow(t)
	for _, name := range promised {
		if !now[name] {
			t.Errorf("%q is promised and gone: docs/compatibility.md says what has to happen first", name)
		}
		delete(now, name)
	}
	if *update {
		all := slices.Sorted(slices.Values(append(promised, slices.Collect(maps.Keys(now))...)))
		head, _, _ := strings.Cut(string(text), "\n\n")
		if err := os.WriteFile(promisedNames, []byte(head+"\n\n"+strings.Join(all, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		t.Errorf("%q is not in docs/promised-names.txt: go test ./internal -run TestPromisedNames -update adds it", name)
	}
}

// TestPromisedFiles: what the first version took for a policy and for values, this one takes too.
func TestPromisedFiles(t *testing.T) {
	p, err := policy.Load("testdata/promised/policy.yaml")
	if err == nil {
		_, err = validate.New(p)
	}
	if err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile("testdata/promised/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.UnmarshalStrict(text, &values); err != nil {
		t.Fatal(err)
	}
	if err := chartSchema(t).Validate(overChart(t, values)); err != nil {
		t.Errorf("the chart rejects testdata/promised/values.yaml: %v", err)
	}
}

// namesNow are the names that there are, each with its kind in front.
func namesNow(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for kind, names := range map[string][]string{
		"rule": ruleNames(), "metric": metricNames(t), "json": jsonNames(t),
		"policy": firstColumn(t, "../docs/policy.md", "`"), "chart": firstColumn(t, "../deploy/helm/aws-auth-guard/README.md", ""),
	} {
		if len(names) < 15 {
			t.Fatalf("%d names of the kind %s: where are the others?", len(names), kind)
		}
		for _, name := range names {
			all[kind+" "+name] = true
		}
	}
	return all
}

func ruleNames() (names []string) {
	for _, r := range validate.Catalogue() {
		names = append(names, r.ID+" "+r.Name)
	}
	return names
}

// firstColumn are the names in a generated table: of the policy's fields, or of the chart's values without the policy.
func firstColumn(t *testing.T, page, quote string) (names []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| ` + quote + `([a-z][A-Za-z.\[\]]*)` + quote + ` \|`)
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		if quote != "" || !strings.HasPrefix(m[1], "policy.") {
			names = append(names, m[1])
		}
	}
	return names
}

// metricNames are those that the source makes, with their labels.
func metricNames(t *testing.T) (names []string) {
	t.Helper()
	for _, file := range filesOfRepository(t) {
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") || within(file, "test") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", file), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if name, labels := metricOf(call); name != "" {
					names = append(names, withLabels(name, labels))
				}
			}
			return true
		})
	}
	registry := prometheus.NewRegistry()
	version.Register(registry)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		names = append(names, withLabels(f.GetName(), labels))
	}
	return names
}

// metricOf is the metric that a call of client_golang makes: its name is an argument or a field of one, and its labels are
// another argument.
func metricOf(call *ast.CallExpr) (name string, labels []string) {
	for _, argument := range call.Args {
		switch a := argument.(type) {
		case *ast.BasicLit:
			if s, _ := strconv.Unquote(a.Value); strings.HasPrefix(s, "aws_auth_guard_") {
				name = s
			}
		case *ast.CompositeLit:
			_, isList := a.Type.(*ast.ArrayType)
			for _, element := range a.Elts {
				if field, ok := element.(*ast.KeyValueExpr); ok {
					element = field.Value
				}
				literal, ok := element.(*ast.BasicLit)
				if !ok {
					continue
				}
				s, _ := strconv.Unquote(literal.Value)
				switch {
				case isList:
					labels = append(labels, s)
				case strings.HasPrefix(s, "aws_auth_guard_"):
					name = s
				}
			}
		}
	}
	return name, labels
}

func withLabels(name string, labels []string) string {
	return fmt.Sprintf("%s{%s}", name, strings.Join(slices.Sorted(slices.Values(labels)), ","))
}

// jsonNames are the fields that the command line prints for -o json and -o yaml, as its golden cases show them: the command, and
// the path of the field.
func jsonNames(t *testing.T) (names []string) {
	t.Helper()
	cases, err := filepath.Glob("cli/testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^kubectl awsauth ([a-z-]+) .*-o (?:json|yaml)\b`)
	for _, name := range cases {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		runs := command.FindAllStringSubmatch(string(a.Comment), -1)
		if len(runs) != 1 {
			continue
		}
		for _, f := range a.Files {
			var printed any
			if f.Name == "stdout.txt" && yaml.Unmarshal(f.Data, &printed) == nil {
				names = append(names, fieldPaths(runs[0][1]+" ", printed)...)
			}
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

func fieldPaths(under string, value any) (paths []string) {
	switch v := value.(type) {
	case map[string]any:
		for name, below := range v {
			paths = append(paths, under+name)
			paths = append(paths, fieldPaths(under+name+".", below)...)
		}
	case []any:
		for _, item := range v {
			paths = append(paths, fieldPaths(strings.TrimSuffix(under, ".")+"[].", item)...)
		}
	}
	return paths
}
