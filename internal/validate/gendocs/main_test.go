package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

func TestPageIsUpToDate(t *testing.T) {
	want, err := render(validate.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/rules.md is not what the catalogue says; run go generate ./internal/validate (-want +got):\n%s", diff)
	}
}

func TestEveryRuleHasAChapter(t *testing.T) {
	if _, err := render([]validate.Rule{{ID: "AA901"}}); err == nil {
		t.Error("want an error for a rule without a chapter")
	}
}
