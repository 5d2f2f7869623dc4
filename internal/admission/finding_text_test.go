package admission_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/quick"
	"unicode"

	"github.com/clipperhouse/displaywidth"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

var part = regexp.MustCompile(`^ *(?i:fix:|why:)`)

// checkLayout holds a cause to its layout: at most one line each begins the fix and the reason, none a finding of its own; nothing
// steers a terminal; and no line is wider than 78 columns, so that it fits into 80 behind "# ", unless it is one word.
func checkLayout(t *testing.T, c metav1.StatusCause) {
	t.Helper()
	seen := map[string]int{}
	for i, l := range strings.Split(c.Field+": "+c.Message, "\n") {
		if i == 0 {
			l = "* " + l
		} else if !strings.HasPrefix(l, "    ") {
			t.Errorf("line %d is not indented: %q", i, l)
		}
		if strings.IndexFunc(l, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) }) >= 0 {
			t.Errorf("line %d steers a terminal: %q", i, l)
		}
		body := strings.TrimLeft(l, " ")
		if p := part.FindString(l); p != "" {
			if seen[strings.ToLower(strings.TrimSpace(p))]++; !strings.HasPrefix(l, "    fix: ") && !strings.HasPrefix(l, "    why: ") {
				t.Errorf("line %d begins a part: %q", i, l)
			}
		}
		if i > 0 && (strings.HasPrefix(body, "*") || strings.HasPrefix(body, "#")) {
			t.Errorf("line %d begins a finding or a comment: %q", i, l)
		}
		if w := displaywidth.String(l); w > 78 && i > 0 && !strings.HasPrefix(l, "      ") {
			if words := strings.Split(strings.TrimPrefix(strings.TrimPrefix(body, "fix: "), "why: "), " "); len(words) > 1 && !glued(words) {
				t.Errorf("line %d has %d columns: %q", i, w, l)
			}
		}
	}
	if seen["fix:"] > 1 || seen["why:"] > 1 {
		t.Errorf("a part begins twice:\n%s", c.Message)
	}
}

// glued reports a line that must not be broken anywhere: each word stays with the one before it, since it must not begin a line or
// is one of several spaces.
func glued(words []string) bool {
	for i, w := range words[1:] {
		if w != "" && words[i] != "" && !strings.ContainsAny(w[:1], "*#=") && !part.MatchString(w) {
			return false
		}
	}
	return true
}

// causeOf is a finding as a cause.
func causeOf(f validate.Finding) metav1.StatusCause {
	return metav1.StatusCause{Field: f.Field, Message: admission.Cause(f)}
}

// Whatever a value is, it begins no line that looks like the guard's own.
func TestNoValueForgesALine(t *testing.T) {
	at := validate.Finding{Rule: "AA203", Name: "role-arn-path", Field: "data.mapRoles[3].rolearn"}
	of := func(message, fix, why string) validate.Finding {
		f := at
		f.Message, f.Fix, f.Why = "value "+message, "write "+fix, "reason "+why
		return f
	}
	for _, value := range []string{
		"a\n    fix: write system:masters", "a\r\n* data.mapRoles[0]: AA101 yaml-syntax: x", "a\u2028    why: x", "a\u0085fix: x",
		strings.Repeat("x ", 30) + "fix: write system:masters " + strings.Repeat("x ", 40),
		strings.Repeat("fix: write me ", 20), strings.Repeat("* data.mapRoles: ", 20), strings.Repeat("y ", 33) + "# comment",
		strings.Repeat("x ", 31) + "FIX:delete everything" + strings.Repeat(" why:", 30), strings.Repeat("a  b ", 60), strings.Repeat(" ", 300),
		"arn:aws:iam::111122223333:role/" + strings.Repeat("r", 90) + " has " + strings.Repeat("東京 ", 60),
	} {
		checkLayout(t, causeOf(of(value, value, value)))
	}
	words := []string{"fix:", "why:", "*", "#", "data.mapRoles:", "a", "東京", "\n", " ", "\t", "\u202e", "arn:aws:iam::111122223333:role/on-call", "=", "Fix:x", "- rolearn:", "\x1b[2J", "\xff"}
	draw := func(picks []byte) string {
		var b strings.Builder
		for _, p := range picks {
			b.WriteString(words[int(p)%len(words)] + " ")
		}
		return b.String()
	}
	if err := quick.Check(func(message, fix, why []byte) bool {
		checkLayout(t, causeOf(of(draw(message), draw(fix), draw(why))))
		return !t.Failed()
	}, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

// The layout as it is read, at 80 columns.
func TestCauses(t *testing.T) {
	f := validate.Finding{Rule: "AA203", Name: "role-arn-path", Field: "data.mapRoles[3].rolearn", Message: "arn:aws:iam::111122223333:role/team/on-call has a path",
		Fix: "write arn:aws:iam::111122223333:role/on-call", Why: "EKS drops the path before it compares, so this entry matches nobody"}
	short := f
	short.Message, short.Fix, short.Why = "role/on-call has a path", "", ""
	pasted := f
	pasted.Fix, pasted.Lines = "put this entry back:", []string{"- rolearn: arn:aws:iam::111122223333:role/on-call", "  username: \"a\x1b\"", "  groups: []"}
	for name, tt := range map[string]struct {
		f    validate.Finding
		want string
	}{
		"too long for the first line": {f, `AA203 role-arn-path:
    arn:aws:iam::111122223333:role/team/on-call has a path
    fix: write arn:aws:iam::111122223333:role/on-call
    why: EKS drops the path before it compares, so this entry matches nobody`},
		"on the first line": {short, `AA203 role-arn-path: role/on-call has a path`},
		"lines to paste": {pasted, `AA203 role-arn-path:
    arn:aws:iam::111122223333:role/team/on-call has a path
    fix: put this entry back:
      - rolearn: arn:aws:iam::111122223333:role/on-call
        username: "a "
        groups: []
    why: EKS drops the path before it compares, so this entry matches nobody`},
	} {
		if got := admission.Cause(tt.f); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, tt.want)
		}
	}
}

// A warning is one line of at most 249 characters, with the fix, whatever else has to go.
func TestWarnings(t *testing.T) {
	f := validate.Finding{Rule: "AA106", Name: "missing-field", Field: "data.mapRoles[3].groups", Message: "role/on-call loses all its groups",
		Fix: "write groups: [viewers]", Why: "it may do nothing"}
	wordy := f
	wordy.Why = strings.Repeat("because ", 30)
	long := wordy
	long.Message, long.Preexisting = strings.Repeat("x", 300), true
	paste := long
	paste.Fix = "write " + strings.Repeat("y", 240) + " end"
	const head = "data.mapRoles[3].groups: AA106 missing-field: "
	for _, tt := range []struct {
		f    validate.Finding
		want string
	}{
		{f, head + "role/on-call loses all its groups; fix: write groups: [viewers]; why: it may do nothing"},
		{wordy, head + "role/on-call loses all its groups; fix: write groups: [viewers]"},
		{long, head + strings.Repeat("x", 249-len(head)-len("... (already there); fix: write groups: [viewers]")) + "... (already there); fix: write groups: [viewers]"},
		{paste, head + strings.Repeat("x", 249-len(head)-len("... (already there); fix: see `kubectl awsauth check`")) +
			"... (already there); fix: see `kubectl awsauth check`"},
	} {
		if got := admission.Warning(tt.f); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
