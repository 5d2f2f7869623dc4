package phrase_test

import (
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
)

func TestQuoted(t *testing.T) {
	long := strings.Repeat("é", 121)
	key := "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	for _, tc := range []struct{ in, quote, bare, whole string }{
		{"ci", `"ci"`, "ci", "ci"},
		{`say "ci"`, `"say \"ci\""`, `say "ci"`, `say "ci"`},
		{"a\u200bb\n", `"a\u200bb\n"`, `a\u200bb\n`, `a\u200bb\n`},
		{long, `"` + long[:240] + `..."`, long[:240] + "...", long},
		{"AKIAIOSFODNN7EXAMPLE x", `"[redacted] x"`, "[redacted] x", "[redacted] x"},
		{key, `"[redacted]"`, "[redacted]", "[redacted]"},
		{strings.ToLower(key), `"` + strings.ToLower(key) + `"`, strings.ToLower(key), strings.ToLower(key)},
	} {
		if got := phrase.Quote(tc.in); got != tc.quote {
			t.Errorf("Quote(%q) is %s, want %s", tc.in, got, tc.quote)
		}
		if got := phrase.Bare(tc.in); got != tc.bare {
			t.Errorf("Bare(%q) is %s, want %s", tc.in, got, tc.bare)
		}
		if got := phrase.Whole(tc.in); got != tc.whole {
			t.Errorf("Whole(%q) is %s, want %s", tc.in, got, tc.whole)
		}
	}
}

func TestList(t *testing.T) {
	for want, words := range map[string][]string{"": nil, "a": {"a"}, "a and b": {"a", "b"}, "a, b and c": {"a", "b", "c"}} {
		if got := phrase.List(words); got != want {
			t.Errorf("%q make %q, want %q", words, got, want)
		}
	}
}

func TestFew(t *testing.T) {
	words := strings.Split("abcdefgh", "")
	for want, n := range map[string]int{"": 0, "a and b": 2, "a, b, c, d and e": 5, "a, b, c, d, e and 1 more": 6, "a, b, c, d, e and 3 more": 8} {
		if got := phrase.Few(words[:n]); got != want {
			t.Errorf("%d make %q, want %q", n, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1048576: "1,048,576"} {
		if got := phrase.Thousands(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int]string{1: "1 KiB", 1024: "1 KiB", 1025: "2 KiB", 1 << 20: "1,024 KiB"} {
		if got := phrase.KiB(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
	if phrase.Plural(1) != "" || phrase.Plural(2) != "s" || phrase.Plural(0) != "s" {
		t.Error("want an s for all numbers but 1")
	}
}
