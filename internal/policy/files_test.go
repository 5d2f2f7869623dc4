package policy_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

var update = flag.Bool("update", false, "write the errors into testdata/files.txtar")

// wholeFile begins the name of a case that does not stand under the header.
const wholeFile = "whole file: "

// TestFiles compares every error, whole: of every field with values of other kinds, of unknown fields at every depth, of
// fields that appear twice, and of what is no YAML. testdata/files.txtar has each file, and below it the error, which is
// empty if the file is accepted.
func TestFiles(t *testing.T) {
	const name = "testdata/files.txtar"
	all, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(all.Files); i += 2 {
		file, want := all.Files[i], &all.Files[i+1]
		t.Run(file.Name, func(t *testing.T) {
			text := string(file.Data)
			if !strings.HasPrefix(file.Name, wholeFile) {
				text = header + text
			}
			got := ""
			if _, err := policy.Parse([]byte(text)); err != nil {
				got = err.Error() + "\n"
			}
			if *update {
				want.Data = []byte(got)
			} else if diff := cmp.Diff(string(want.Data), got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", text, diff)
			}
		})
	}
	if *update {
		if err := os.WriteFile(name, txtar.Format(all), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
