package internal_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoTemplates: neither program links text/template. It calls methods by their names, so the linker would keep all
// methods of all types: programs become tens of megabytes larger. Cobra imports the package, and links it for a
// program that sets a template of its own.
func TestNoTemplates(t *testing.T) {
	for _, program := range []string{"webhook", "kubectl-awsauth"} {
		t.Run(program, func(t *testing.T) {
			binary := filepath.Join(t.TempDir(), program)
			build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "../cmd/"+program)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			symbols, err := exec.Command("go", "tool", "nm", binary).Output()
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(symbols), " main.main\n") {
				t.Fatal("the program has no symbols to look at")
			}
			for _, pkg := range []string{"text/template", "html/template"} {
				if strings.Contains(string(symbols), " "+pkg+".(*Template).Execute") {
					t.Errorf("%s is linked", pkg)
				}
			}
		})
	}
}
