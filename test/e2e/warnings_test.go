package e2e

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// many are n entries with a path in the ARN. Names are long and not ASCII where they may be.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "- rolearn: arn:aws:iam::111122223333:role/%s/%s-%02d\n  username: デプロイ担当-%02d\n  groups: [デプロイ]\n",
			strings.Repeat("team/", 20), strings.Repeat("r", 40), i, i)
	}
	return b.String()
}

// What the API server drops or cuts of an answer's warnings is lost to the user: nothing may be.
func TestWarningsSurvive(t *testing.T) {
	const (
		shown   = 15 // of which the last says how many are left out
		longest = 249
	)
	check := func(t *testing.T, got answer, want, leftOut int) {
		t.Helper()
		w := got.warnings()
		if len(w) != want || got.code != 0 {
			t.Fatalf("exit code %d, %d warnings, want %d:\n%s", got.code, len(w), want, got.text)
		}
		for _, line := range w {
			if n := utf8.RuneCountInString(line); n > longest || !utf8.ValidString(line) {
				t.Errorf("%d characters, want at most %d of valid UTF-8: %q", n, longest, line)
			}
			if strings.Contains(line, "AA203") && !strings.Contains(line, "write arn:aws:iam::111122223333:role/") {
				t.Errorf("the fix is missing: %q", line)
			}
		}
		if last := w[len(w)-1]; leftOut > 0 && !strings.HasPrefix(last, fmt.Sprintf("%d more findings", leftOut)) {
			t.Errorf("last warning %q, want that %d more are left out", last, leftOut)
		}
	}
	t.Run("for an exempt user", func(t *testing.T) {
		givenRoles(t, base)
		// The first warning says that the user is exempt, the last how many findings are left out.
		got := kubectl(t, manifest("aws-auth", base+many(30)), append([]string{"apply", "-f", "-"}, asUser("eks:node-manager")...)...)
		check(t, got, shown, 30-(shown-2))
	})
	t.Run("for the break-glass group", func(t *testing.T) {
		givenRoles(t, base)
		got := kubectl(t, manifest("aws-auth", base+many(3)), append([]string{"apply", "-f", "-"}, asMember(breakGlass)...)...)
		check(t, got, 4, 0)
	})
	t.Run("of what is already there", func(t *testing.T) {
		givenRoles(t, base+many(30))
		got := kubectl(t, manifest("aws-auth", base+many(30)+ci), "apply", "-f", "-")
		check(t, got, shown, 30-(shown-1))
		if w := got.warnings()[0]; !strings.Contains(w, "(already there); fix: write ") {
			t.Errorf("%q does not say that it is already there", w)
		}
	})
	t.Run("as many as are shown", func(t *testing.T) {
		givenRoles(t, base+many(shown))
		check(t, kubectl(t, manifest("aws-auth", base+many(shown)+ci), "apply", "-f", "-"), shown, 0)
	})
	t.Run("of a text with control characters", func(t *testing.T) {
		givenRoles(t, base)
		got := kubectl(t, manifest("aws-auth", base+"- rolearn: \"arn:aws:iam::111122223333:role/a\\tb\\nc\\u200bd\"\n  username: ci\n  groups: [deployers]\n"),
			append([]string{"apply", "-f", "-"}, asMember(breakGlass)...)...)
		if w := got.warnings(); len(w) < 2 || got.code != 0 {
			t.Errorf("exit code %d, want a warning of the ARN:\n%s", got.code, got.text)
		}
	})
	t.Run("beside a denial", func(t *testing.T) {
		givenRoles(t, base+many(2))
		got := kubectl(t, manifest("aws-auth", base+many(2)+strings.Replace(ci, "role/ci", "role/team/ci", 1)), "apply", "-f", "-")
		if w := got.warnings(); len(w) != 2 || got.code != 1 {
			t.Errorf("exit code %d, want a denial and two warnings:\n%s", got.code, got.text)
		}
	})
}
