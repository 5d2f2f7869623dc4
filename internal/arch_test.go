// Package internal_test holds the packages of this module to docs/design.md: who may import whom.
package internal_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/aws-auth-guard/aws-auth-guard"

// pkg is what go list says of a package, its tests apart: Imports are those of its own files, Deps all it is built from.
type pkg struct {
	ImportPath    string
	Name          string
	Imports, Deps []string
}

func packages(t *testing.T) map[string]pkg {
	t.Helper()
	// go test keeps a result as long as the files that the test opens stay the same, and does not see what go list reads.
	for _, dir := range []string{"../cmd", "../internal", "../test"} {
		if err := filepath.WalkDir(dir, func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Imports,Deps", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	all := map[string]pkg{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

func within(path, tree string) bool { return path == tree || strings.HasPrefix(path, tree+"/") }

// TestPurePackages: what judges must be the same in the API server's way and on the command line, without a cluster and
// without AWS.
func TestPurePackages(t *testing.T) {
	all := packages(t)
	for _, name := range []string{"awsauth", "policy", "validate", "report", "manifest", "rbac"} {
		p, ok := all[module+"/internal/"+name]
		if !ok {
			t.Errorf("there is no package internal/%s", name)
		}
		for _, dep := range p.Deps {
			if within(dep, "k8s.io/client-go") || within(dep, "github.com/aws/aws-sdk-go-v2") || within(dep, "sigs.k8s.io/controller-runtime") {
				t.Errorf("internal/%s is built from %s", name, dep)
			}
		}
	}
}

// TestOracleIsNotShipped: the authenticator's parser is for tests alone. It drags in logrus, two more YAML parsers and the EC2 SDK.
func TestOracleIsNotShipped(t *testing.T) {
	commands := 0
	for path, p := range packages(t) {
		if p.Name == "main" && within(path, module+"/cmd") {
			commands++
		}
		for _, dep := range p.Deps {
			if within(dep, "sigs.k8s.io/aws-iam-authenticator") && !within(path, module+"/test") {
				t.Errorf("%s is built from %s", path, dep)
			}
		}
	}
	if commands < 2 {
		t.Errorf("found %d commands, want the webhook and the kubectl plugin", commands)
	}
}

// mayImport are the arrows of docs/design.md: which packages of internal a package may import. Packages that are not
// listed are commands and wiring, which may import everything below.
var mayImport = map[string][]string{
	"awsauth":     {},
	"policy":      {"awsauth"},
	"validate":    {"awsauth", "policy"},
	"manifest":    {"awsauth", "validate"}, // what is a comment is asked once
	"report":      {"validate"},
	"listen":      {},
	"coverage":    {"admission"},
	"approvals":   {"admission", "validate"},
	"events":      {"admission"},
	"health":      {"listen"},
	"metricsauth": {},
	"version":     {},
	"admission":   {"listen", "validate"}, // whose turn it is depends on the address
	"iam":         {"awsauth", "policy", "validate"},
	"fleet":       {"awsauth", "iam", "validate"}, // what AWS's errors mean is said once
	"rbac":        {"awsauth", "validate"},
	"rbac/watch":  {"rbac", "validate"},
}

func TestArrowsPointInward(t *testing.T) {
	for path, p := range packages(t) {
		name, ok := strings.CutPrefix(path, module+"/internal/")
		legal, listed := mayImport[name]
		for _, imported := range p.Imports {
			if within(imported, module+"/cmd") || within(imported, module+"/test") && !within(path, module+"/test") {
				t.Errorf("%s imports %s", path, imported)
			}
			if to, inside := strings.CutPrefix(imported, module+"/internal/"); ok && listed && inside && !slices.Contains(legal, to) {
				t.Errorf("internal/%s imports internal/%s; the arrows of docs/design.md allow %q", name, to, legal)
			}
		}
	}
}
