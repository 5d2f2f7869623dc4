package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestWords(t *testing.T) {
	for name, c := range map[string]struct{ file, text, exceptions, want string }{
		"nothing":              {"a.go", "// fixes it, so that the edit is allowed\n", "", ""},
		"a word":               {"a.go", "package a\n\n// mends it\n", "", `a.go:3: "mends": write fix`},
		"in capitals":          {"a.md", "Whoever edits it", "", `a.md:1: "Whoever": write`},
		"over two lines":       {"a.go", "// the edit gets\n\t// past the guard\n", "", `a.go:1: "gets\n\t// past": write`},
		"with words between":   {"a.sh", "# lets the edit in\n", "", `a.sh:1: "lets the edit in": write allow`},
		"part of another word": {"a.md", "an amendment, and renewed", "", ""},
		"as an exception":      {"a.md", "no good", "a.md no good", ""},
		"exception elsewhere":  {"a.md", "no good", "b.md no good", `a.md:1: "no good": write invalid`},
		"a whole file":         {"a.md", "no good, anew", "# why\na.md", ""},
		"needless exception":   {"a.md", "invalid", "a.md no good", `"a.md no good" is not needed any more`},
		"generated":            {"a/testdata/a.txtar", "no good", "", ""},
		"the changelog":        {"CHANGELOG.md", "no good", "", ""},
		"not a text":           {"a.png", "\x00 no good", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			files := fstest.MapFS{c.file: {Data: []byte(c.text)}}
			found, err := run(files, strings.NewReader(c.file+"\n"), c.exceptions, &out)
			if err != nil {
				t.Fatal(err)
			}
			if found != (c.want != "") || !strings.Contains(out.String(), c.want) {
				t.Errorf("found %v, want %q, printed:\n%s", found, c.want, out.String())
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	if _, err := run(fstest.MapFS{}, strings.NewReader("gone.md\n"), "", &strings.Builder{}); err == nil {
		t.Error("a file that cannot be read is no error")
	}
}
