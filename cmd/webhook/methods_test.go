package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// keepsAllMethods are the functions of a program for which the linker keeps every exported method of every type: those
// that call methods by names that only the running program knows (cmd/link, deadcode.go).
func keepsAllMethods(t *testing.T, program string) (all []string) {
	t.Helper()
	command := exec.Command("go", "build", "-buildvcs=false", "-ldflags", "-s -w -dumpdep", "-o", filepath.Join(t.TempDir(), "program"), program)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if from, _, ok := strings.Cut(line, " <ReflectMethod>"); ok {
			all = append(all, from)
		}
	}
	return all
}

// The linker drops what nobody calls. With text/template in the program it cannot: 25 MB, and 15 MiB of memory.
func TestUnusedMethodsAreDropped(t *testing.T) {
	t.Parallel()
	if all := keepsAllMethods(t, "."); len(all) > 0 {
		t.Errorf("every method is kept because of %s", strings.Join(all, ", "))
	}
	if all := keepsAllMethods(t, "../../internal/validate/gendocs"); len(all) == 0 {
		t.Error("a program with text/template is not detected")
	}
}
