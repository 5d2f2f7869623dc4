package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/cli"
)

// TestManPages holds that every command has a page, which says its exit codes and has its flags.
func TestManPages(t *testing.T) {
	dir := t.TempDir()
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	for _, c := range cli.Command().Commands() {
		page, err := os.ReadFile(filepath.Join(dir, "kubectl-awsauth-"+c.Name()+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range []string{".TH", "Exit codes: 0 ", ".SH OPTIONS", "--color"} {
			if !strings.Contains(string(page), want) {
				t.Errorf("the page of %s has no %q", c.Name(), want)
			}
		}
	}
}
