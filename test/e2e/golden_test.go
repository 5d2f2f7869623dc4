package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// golden compares what a user sees with testdata/golden/name.txt.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (-update writes it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// What differs from run to run in kubectl's output.
var (
	addresses = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	policies  = regexp.MustCompile(`/\S+/policy\.yaml`)
)

// told is a terminal's content after a command.
func told(command string, a answer) string {
	text := policies.ReplaceAllString(addresses.ReplaceAllString(a.text, "127.0.0.1:PORT"), "/DIR/policy.yaml")
	return fmt.Sprintf("$ kubectl %s\n%s[exit code %d]\n", command, text, a.code)
}

// What kubectl prints of a denial, to the letter: of an installation with floor and guard, and where the floor answers, of the guard
// alone. Each file of testdata/in is an edit of base.
func TestDenials(t *testing.T) {
	installed := denials(t)
	for name, said := range installed {
		golden(t, name, said)
	}
	t.Run("the guard alone", func(t *testing.T) {
		withoutFloor(t)
		for name, said := range denials(t) {
			if said != installed[name] {
				golden(t, name+"-guard-alone", said)
			}
		}
	})
}

// denials are what kubectl says, by the names of the golden files.
func denials(t *testing.T) map[string]string {
	t.Helper()
	inputs, err := filepath.Glob("testdata/in/*.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	all := map[string]string{}
	for _, input := range inputs {
		file := filepath.Base(input)
		givenRoles(t, base)
		cmd := cluster.Kubectl(t.Context(), "apply", "-f", file)
		cmd.Dir = filepath.Dir(input)
		got := show(t, "", cmd)
		if got.code != 1 {
			t.Errorf("%s: exit code %d, want 1", file, got.code)
		}
		all[strings.TrimSuffix(file, ".yaml")] = told("apply -f "+file, got)
		wantRoles(t, base)
	}
	const path = "/api/v1/namespaces/kube-system/configmaps"
	givenRoles(t, base)
	all["delete"] = told("delete configmap aws-auth -n kube-system", kubectl(t, "", "delete", "configmap", "aws-auth", "-n", "kube-system"))
	all["delete-collection"] = told("delete --raw "+path, kubectl(t, "", "delete", "--raw", path))
	return all
}
