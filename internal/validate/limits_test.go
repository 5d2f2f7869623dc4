package validate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// bulk is an entry with so many groups of so many bytes.
func bulk(username, groups, bytes int) string {
	var list []string
	for i := range groups {
		list = append(list, fmt.Sprintf("g%0*d", max(bytes-1, 1), i))
	}
	return item("  username: "+strings.Repeat("u", username), "  groups: ["+strings.Join(list, ", ")+"]")
}

// padding is a comment of so many bytes.
func padding(bytes int) string { return "# " + strings.Repeat("x", bytes-3) + "\n" }

// TestLimits makes entries larger and smaller in every way, across every limit.
func TestLimits(t *testing.T) {
	sizes := []struct{ username, groups, bytes int }{
		{2, 1, 8}, {1024, 1, 8}, {1025, 1, 8}, {100_000, 1, 8}, {2, 200, 8}, {2, 201, 8}, {2, 1000, 8}, {2, 1001, 8}, {2, 20_000, 8}, {2, 1, 1024}, {2, 1, 1025}, {2, 64, 1000}, {2, 80, 1000}, {2, 1000, 64}, {2, 1000, 66},
	}
	tooLarge := func(username, groups, bytes int) bool {
		return username > 1024 || groups > 1000 || bytes > 1024 || username+groups*max(bytes, 2) > 64<<10
	}
	v := validator(t, "")
	for _, s := range sizes {
		data := roles0(nodeRole + bulk(s.username, s.groups, s.bytes))
		if rep := step(v, roles0(nodeRole), data); rep.Allowed == tooLarge(s.username, s.groups, s.bytes) || rep.Allowed != !hasError(rep, "AA110") {
			t.Errorf("%v is added: allowed is %v, %v", s, rep.Allowed, findingsOf(rep))
		}
		if rep := step(v, roles0(nodeRole+item()), data); rep.Allowed == tooLarge(s.username, s.groups, s.bytes) {
			t.Errorf("an entry becomes %v: allowed is %v", s, rep.Allowed)
		}
		for _, o := range sizes {
			rep := step(v, roles0(nodeRole+bulk(o.username, o.groups, o.bytes)), data)
			sum, oldSum := s.username+s.groups*max(s.bytes, 2), o.username+o.groups*max(o.bytes, 2)
			grows := s.groups > o.groups || sum > oldSum || max(s.username, s.bytes) > max(o.username, o.bytes)
			if want := !tooLarge(s.username, s.groups, s.bytes) || !grows; rep.Allowed != want {
				t.Errorf("%v becomes %v: allowed is %v, want %v: %v", o, s, rep.Allowed, want, findingsOf(rep))
			}
		}
		if rep := step(v, data, roles0(nodeRole+bulk(s.username, s.groups, s.bytes)+item("- rolearn: arn:aws:iam::111122223333:role/cd"))); !rep.Allowed {
			t.Errorf("an entry is added beside %v: %v", s, findingsOf(rep))
		}
		if rep := step(v, data, roles0(nodeRole)); !rep.Allowed {
			t.Errorf("%v goes: %v", s, findingsOf(rep))
		}
	}
}

// TestRenderedNames counts what templates can become: 700 short ones are as long as the session name makes them.
func TestRenderedNames(t *testing.T) {
	list := func(n int) string { return strings.TrimSuffix(strings.Repeat("'team:{{SessionName}}', ", n), ", ") }
	for n, allowed := range map[int]bool{600: true, 800: false} {
		if rep := step(validator(t, ""), roles0(nodeRole), roles0(nodeRole+item("  groups: ["+list(n)+"]"))); rep.Allowed != allowed {
			t.Errorf("%d groups: allowed is %v, want %v: %v", n, rep.Allowed, allowed, findingsOf(rep))
		}
	}
}

// TestLargeData warns from 256 KiB on, and denies nothing: what an object holds is bounded by the API server.
func TestLargeData(t *testing.T) {
	small, over, more := roles0(nodeRole), roles0(padding(257<<10)+nodeRole), roles0(padding(300<<10)+nodeRole)
	users := map[string]string{awsauth.MapRoles: padding(130<<10) + nodeRole, awsauth.MapUsers: padding(130<<10) + alice}
	for name, test := range map[string]struct {
		old, updated map[string]string
		want         string // of the warning: none, new, existing
	}{
		"grows over it":         {small, over, "new"},
		"two values over it":    {small, users, "new"},
		"grows beyond it":       {over, more, "new"},
		"shrinks above it":      {more, over, "existing"},
		"shrinks below it":      {over, small, "none"},
		"as large, other words": {over, roles0(strings.Replace(over[awsauth.MapRoles], "x", "y", 1)), "existing"},
	} {
		t.Run(name, func(t *testing.T) {
			rep := step(validator(t, ""), test.old, test.updated)
			got := "none"
			for _, f := range rep.Findings {
				switch {
				case f.Rule == "AA110" && f.Preexisting:
					got = "existing"
				case f.Rule == "AA110":
					got = "new"
				}
			}
			if got != test.want || !rep.Allowed {
				t.Errorf("the warning is %s, want %s; allowed is %v: %v", got, test.want, rep.Allowed, findingsOf(rep))
			}
		})
	}
}

func hasError(rep validate.Report, id string) bool {
	return slices.ContainsFunc(rep.Findings, func(f validate.Finding) bool { return f.Rule == id && f.Severity == validate.Error })
}
