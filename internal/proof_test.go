package internal_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	declaredTest = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w*)\(\w+ \*testing\.[TF]\)`)
	namedTest    = regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)`")
)

// TestProofNamesTests: docs/proof.md is short, names no test that does not exist, and leaves out no fuzz target.
func TestProofNamesTests(t *testing.T) {
	text, err := os.ReadFile("../docs/proof.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range namedTest.FindAllStringSubmatch(string(text), -1) {
		named[m[1]] = true
	}
	if len(named) == 0 {
		t.Fatal("docs/proof.md names no test")
	}
	if lines := strings.Count(string(text), "\n"); lines >= 120 {
		t.Errorf("docs/proof.md has %d lines, want fewer than 120: who reads it wants an overview", lines)
	}
	for _, tree := range []string{"../certs", "../cmd", "../deploy", "../internal", "../test"} {
		err := filepath.WalkDir(tree, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, m := range declaredTest.FindAllStringSubmatch(string(source), -1) {
				if strings.HasPrefix(m[1], "Fuzz") && !named[m[1]] {
					t.Errorf("docs/proof.md leaves out %s (%s)", m[1], path)
				}
				delete(named, m[1])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range named {
		t.Errorf("docs/proof.md names %s, which does not exist", name)
	}
}
