package validate_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestEscalationCorpus holds the cases of AA402 to their names: every way to become equivalent to cluster-admin is refused,
// and every near miss is allowed without a word of it.
func TestEscalationCorpus(t *testing.T) {
	techniques, misses := 0, 0
	for _, c := range goldenCases(t) {
		if filepath.Base(filepath.Dir(c.name)) != "AA402" {
			continue
		}
		rep := c.run(t)
		found := hasRule(rep, "AA402")
		switch near := strings.HasPrefix(filepath.Base(c.name), "near-miss-"); {
		case near:
			misses++
			if found || !rep.Allowed {
				t.Errorf("%s: want it allowed, got %v", c.name, findingsOf(rep))
			}
		default:
			techniques++
			if !found {
				t.Errorf("%s: want a finding of AA402, got %v", c.name, findingsOf(rep))
			}
		}
	}
	t.Logf("%d techniques, %d near misses", techniques, misses)
	if techniques < 60 || misses < 60 {
		t.Errorf("%d techniques and %d near misses, want 60 of each and more", techniques, misses)
	}
}
