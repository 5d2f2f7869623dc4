package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// functions are the names of the functions and methods of a file, seen from the root of the repository.
func functions(t *testing.T, file string) map[string]bool {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			names[f.Name.Name] = true
		}
	}
	return names
}

// TestReviewPath: the page that follows a review from socket to answer names functions that exist, and has six steps at most.
func TestReviewPath(t *testing.T) {
	design, err := os.ReadFile("../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ := strings.Cut(string(design), "\n## A review, from socket to answer\n")
	page, _, _ = strings.Cut(page, "\n## ")
	_, drawing, _ := strings.Cut(page, "```\n")
	drawing, rest, _ := strings.Cut(drawing, "```\n")
	places := regexp.MustCompile(`(?m)^([ 1-9]).*?(\S+\.go): (\w+(?:, \w+)*)`).FindAllStringSubmatch(drawing, -1)
	steps := 0
	for _, place := range places {
		if place[1] != " " {
			steps++
		}
		has := functions(t, place[2])
		for name := range strings.SplitSeq(place[3], ", ") {
			if !has[name] {
				t.Errorf("docs/design.md: %s has no function %s", place[2], name)
			}
		}
	}
	if steps == 0 || steps > 6 || len(places) < 10 {
		t.Errorf("docs/design.md has %d steps among %d places, want 6 steps at most", steps, len(places))
	}
	named := regexp.MustCompile("`(\\w+)` in (\\w+\\.go)").FindAllStringSubmatch(rest, -1)
	for _, n := range named {
		if !functions(t, "internal/admission/"+n[2])[n[1]] {
			t.Errorf("docs/design.md: %s has no function %s", n[2], n[1])
		}
	}
	if len(named) == 0 {
		t.Error("docs/design.md says nothing of what is refused on the way")
	}
}

// TestNothingOnTheSide: what the steps of a review need of each other is in their parameters and results.
func TestNothingOnTheSide(t *testing.T) {
	files, err := filepath.Glob("admission/*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	hidden := regexp.MustCompile(`context\.WithValue|[cC]tx\.Value\(|Context\(\)\.Value\(|RawExtension`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := hidden.Find(text); found != nil && !strings.HasSuffix(file, "_test.go") {
			t.Errorf("%s uses %s", file, found)
		}
	}
}
