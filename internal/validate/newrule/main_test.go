package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A new rule compiles as far as a parser can tell, is in the catalogue, and has a case for each answer.
func TestWrite(t *testing.T) {
	for _, id := range []string{"AA199", "AA299", "AA399", "AA499", "AA599"} {
		dir := t.TempDir()
		catalogue, err := os.ReadFile("../rules/catalogue.go")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, "rules"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "rules", "catalogue.go"), catalogue, 0o600); err != nil {
			t.Fatal(err)
		}
		files, err := write(dir, id, "some-new-thing")
		if err != nil {
			t.Fatal(err)
		}
		if len(files) != 3 {
			t.Errorf("%s: written %q, want three files", id, files)
		}
		for name, says := range map[string]string{"some_new_thing.go": `ID: "` + id + `", Name: "some-new-thing"`, "catalogue.go": "someNewThing"} {
			path := filepath.Join(dir, "rules", name)
			if _, err := parser.ParseFile(token.NewFileSet(), path, nil, 0); err != nil {
				t.Error(err)
			}
			if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), says) {
				t.Errorf("%s does not say %s: %v", name, says, err)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for _, bad := range [][2]string{{"AA203", "a-new-name"}, {"AA299", "role-arn-path"}, {"AA901", "x"}, {"203", "x"}, {"AA299", "Role ARN"}, {"AA299", ""}} {
		if files, err := write(t.TempDir(), bad[0], bad[1]); err == nil {
			t.Errorf("%q %q: written %q, want an error", bad[0], bad[1], files)
		}
	}
}
