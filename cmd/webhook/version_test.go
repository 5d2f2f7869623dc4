package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/version"
)

// TestVersion holds that --version says which build this is, and serves nothing.
func TestVersion(t *testing.T) {
	var out bytes.Buffer
	cmd := command()
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"--version"})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "webhook version "+version.Version()+" (commit "+version.Commit()+", go1.") || strings.Count(got, "\n") != 1 {
		t.Errorf("--version says %q", got)
	}
}
