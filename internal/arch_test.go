// Package internal_test holds the packages of this module to docs/design.md: which there are, and which imports which.
package internal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/aws-auth-guard/aws-auth-guard"

// graph is the import graph, from the inside out: a package imports only what is above it. Every package has a line,
// except those that consist of tests.
//
//	path     below the module
//	imports  the packages of this module that it imports, without "internal/": all of them, and no others
//	reaches  the worlds that it imports by itself, or pure
//
// The tests print the line that a package should have.
var graph = []struct{ path, imports, reaches string }{
	{"internal/awsauth", "", pure},
	{"internal/awsauth/edit", "awsauth", pure},
	{"internal/awsauth/plaintext", "awsauth", pure},
	{"internal/phrase", "", pure},
	{"internal/policy", "awsauth", pure},
	{"internal/principal", "awsauth phrase", pure},
	{"internal/privilege", "awsauth policy", pure},
	{"internal/nodes", "awsauth phrase principal", pure},
	{"internal/validate/rule", "awsauth nodes phrase policy principal privilege", pure},
	{"internal/validate/rules", "awsauth nodes phrase policy principal privilege validate/rule", pure},
	{"internal/validate/baseline", "awsauth nodes validate/rule", pure},
	{"internal/validate", "awsauth nodes policy principal privilege validate/baseline validate/rule validate/rules", pure},
	{"internal/validate/gendocs", "validate", ""},
	{"internal/validate/newrule", "validate", ""},
	{"internal/policy/gen", "awsauth policy validate", ""},
	{"internal/manifest", "awsauth validate", pure},
	{"internal/report", "phrase validate", pure},
	{"internal/fix", "awsauth manifest policy principal validate validate/rule", pure},
	{"internal/rbac", "privilege", pure},
	{"internal/rbac/watch", "privilege rbac", "client-go net"},
	{"internal/aws", "", "aws net"},
	{"internal/iam", "aws awsauth policy principal", "aws"},
	{"internal/fleet", "aws awsauth nodes", "aws client-go net"},
	{"internal/listen", "", "controller-runtime net"},
	{"internal/health", "listen", "controller-runtime net"},
	{"internal/metricsauth", "", "client-go net"},
	{"internal/admission", "listen phrase validate", "controller-runtime net"},
	{"internal/events", "admission", "client-go"},
	{"internal/approvals", "admission validate", "client-go"},
	{"internal/version", "", ""},
	{"deploy", "", ""},
	{"internal/coverage", "admission deploy", "client-go net"},
	{"internal/editor", "", "exec"},
	{"certs", "", "client-go controller-runtime net"},
	{"internal/cli", "aws awsauth awsauth/edit awsauth/plaintext editor fix fleet iam manifest nodes phrase policy principal privilege rbac rbac/watch report validate version",
		"client-go net"},
	{"internal/cli/genman", "cli version", ""},
	{"cmd/webhook", "admission approvals aws certs coverage events fleet health iam listen metricsauth policy rbac rbac/watch validate version",
		"client-go controller-runtime net"},
	{"cmd/kubectl-awsauth", "cli", ""},
	{"test/awsfake/fake", "", "net"},
	{"test/awsfake", "test/awsfake/fake", "net"},
	{"test/picture", "", ""},
	{"test/guarded", "admission deploy policy", "client-go controller-runtime exec net"},
	{"test/signin/draw", "awsauth", ""},
	{"test/transitions", "", ""},
	{"test/signin", "awsauth test/awsfake/fake", "net"},
	{"test/bench", "admission awsauth test/guarded", "client-go exec net"},
	{"test/bench/ceiling", "", "net"},
	{"test/eks", "admission awsauth test/awsfake/fake test/guarded", "client-go controller-runtime exec net"},
	{"test/demo", "policy test/awsfake/fake test/eks test/guarded test/picture", "client-go exec"},
	{"test/fuzz", "", "exec"},
	{"test/chaos", "", ""},
	{"test/e2e", "", ""},
	{"test/e2e/installed", "", ""},
	{"test/memory", "", ""},
	{"test/screens", "", ""},
}

// pure packages judge: the same in front of the API server, on the command line and in a browser. They import none of
// the worlds, nothing that they import brings in more than net (apimachinery does), and they compile for js/wasm.
const pure = "pure"

// worlds are the ways out of the process, each with what is imported for it: a package, or all below a path with a
// slash.
var worlds = map[string][]string{
	"aws":                {"github.com/aws/"},
	"client-go":          {"k8s.io/client-go/"},
	"controller-runtime": {"sigs.k8s.io/controller-runtime", "sigs.k8s.io/controller-runtime/"},
	"net":                {"net", "net/http", "net/http/", "crypto/tls"},
	"exec":               {"os/exec"},
}

// pkg is what go list says of a package without its tests: Imports are those of its own files, Deps all it is built
// from.
type pkg struct {
	ImportPath             string
	Name                   string
	GoFiles, Imports, Deps []string
}

// packages are those of this module by their paths below it, without those that consist of tests.
func packages(t *testing.T) map[string]pkg {
	t.Helper()
	// go test keeps a result as long as the files that the test opens stay the same, and does not see what go list reads.
	for _, dir := range []string{"../certs", "../cmd", "../deploy", "../internal", "../test"} {
		if err := filepath.WalkDir(dir, func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
			t.Fatal(err)
		}
	}
	list := exec.Command("go", "list", "-json=ImportPath,Name,GoFiles,Imports,Deps", module+"/...")
	var failure bytes.Buffer
	list.Stderr = &failure
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &failure)
	}
	all := map[string]pkg{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			all[strings.TrimPrefix(p.ImportPath, module+"/")] = p
		}
	}
}

func within(path, tree string) bool { return path == tree || strings.HasPrefix(path, tree+"/") }

// below reports that a path is below one that ends with a slash.
func below(path, tree string) bool {
	return strings.HasSuffix(tree, "/") && strings.HasPrefix(path, tree)
}

// into returns the worlds that some imports lead to.
func into(imports []string) []string {
	var reached []string
	for world, ways := range worlds {
		if slices.ContainsFunc(imports, func(path string) bool {
			return slices.ContainsFunc(ways, func(way string) bool { return path == way || below(path, way) })
		}) {
			reached = append(reached, world)
		}
	}
	slices.Sort(reached)
	return reached
}

// ours returns which of some imports are of this module.
func ours(imports []string) []string {
	var paths []string
	for _, imported := range imports {
		if path, ok := strings.CutPrefix(imported, module+"/"); ok {
			paths = append(paths, strings.TrimPrefix(path, "internal/"))
		}
	}
	slices.Sort(paths)
	return paths
}

// TestImportGraph: the graph lists every package, with what it imports.
func TestImportGraph(t *testing.T) {
	all := packages(t)
	for _, line := range graph {
		p, ok := all[line.path]
		if !ok {
			t.Errorf("%s: there is no such package, or it has a line already", line.path)
			continue
		}
		delete(all, line.path)
		want := strings.Join(into(p.Imports), " ")
		if line.reaches == pure && want == "" {
			want = pure
		}
		if imports := strings.Join(ours(p.Imports), " "); line.imports != imports || line.reaches != want {
			t.Errorf("%s: if the import is right, its line is {%q, %q, %q}", line.path, line.path, imports, want)
		}
	}
	for path, p := range all {
		t.Errorf("%s: it has no line; below what it imports, add {%q, %q, %q}, or pure", path,
			path, strings.Join(ours(p.Imports), " "), strings.Join(into(p.Imports), " "))
	}
}

// TestArrowsPointInward: no line of the graph refers to one below it, and nothing that is shipped refers to the tests.
func TestArrowsPointInward(t *testing.T) {
	above := map[string]bool{}
	for _, line := range graph {
		for _, name := range strings.Fields(line.imports) {
			if !above[name] {
				t.Errorf("%s imports %s, which is not above it", line.path, name)
			}
			if within(name, "test") && !within(line.path, "test") {
				t.Errorf("%s imports %s, which is for tests", line.path, name)
			}
		}
		above[strings.TrimPrefix(line.path, "internal/")] = true
	}
}

// TestPurePackages compiles them for js/wasm, where nothing else links, and looks at all they are built from.
func TestPurePackages(t *testing.T) {
	all := packages(t)
	build := exec.Command("go", "build", "-o", os.DevNull)
	for _, line := range graph {
		if line.reaches != pure {
			continue
		}
		build.Args = append(build.Args, module+"/"+line.path)
		for _, world := range into(all[line.path].Deps) {
			if world != "net" {
				t.Errorf("%s is built from packages of %s: %v", line.path, world, worlds[world])
			}
		}
	}
	for _, name := range []string{"awsauth", "policy", "validate", "report", "manifest"} {
		if !slices.Contains(build.Args, module+"/internal/"+name) {
			t.Errorf("internal/%s is not pure", name)
		}
	}
	flags := strings.ReplaceAll(os.Getenv("GOFLAGS"), "-race", "") // which js/wasm does not have
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS="+flags)
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", build.Args, err, out)
	}
}

// TestDesignListsPackages: every package has a line in the first list of docs/design.md, or is below one that ends with
// a slash, and there is a package for every line.
func TestDesignListsPackages(t *testing.T) {
	text, err := os.ReadFile("../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(string(text), "```\n", 3)
	if len(parts) != 3 {
		t.Fatal("docs/design.md has no list")
	}
	found := map[string]bool{}
	for line := range strings.Lines(parts[1]) {
		found[strings.Fields(line + " ?")[0]] = false
	}
	for path := range packages(t) {
		listed := false
		for name := range found {
			if name == path || below(path, name) {
				found[name], listed = true, true
			}
		}
		if !listed {
			t.Errorf("docs/design.md has no line for %s", path)
		}
	}
	for name, exists := range found {
		if !exists {
			t.Errorf("docs/design.md lists %s, and there is no such package", name)
		}
	}
}

// TestOracleIsNotShipped: the authenticator's parser is for tests alone. It brings in logrus, two more YAML parsers and
// the EC2 SDK.
func TestOracleIsNotShipped(t *testing.T) {
	commands := 0
	for path, p := range packages(t) {
		if p.Name == "main" && within(path, "cmd") {
			commands++
		}
		for _, dep := range p.Deps {
			if within(dep, "sigs.k8s.io/aws-iam-authenticator") && !within(path, "test") {
				t.Errorf("%s is built from %s", path, dep)
			}
		}
	}
	if commands < 2 {
		t.Errorf("found %d commands, want the webhook and the kubectl plugin", commands)
	}
}
