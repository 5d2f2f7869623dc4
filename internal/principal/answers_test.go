package principal_test

import (
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
)

func TestIsAccountID(t *testing.T) {
	for text, want := range map[string]bool{
		"111122223333": true, "000000000000": true,
		"": false, "11112222333": false, "1111222233334": false, "1111-2222-33": false, "11112222333a": false, "111122223333\n": false,
		"\u0661\u0661\u0661\u0661\u0661\u0661": false, // Arabic digits of twelve bytes
	} {
		if got := principal.IsAccountID(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestIsName(t *testing.T) {
	for text, want := range map[string]bool{
		"a": true, "AWSReservedSSO_a-b.c@d=e,f+g": true, "Az09_": true, strings.Repeat("n", 64): true,
		"": false, strings.Repeat("n", 65): false, "a/b": false, "a b": false, " a": false, "a\n": false, "*": false, "a:b": false,
		"n\u00e9": false, "\xff": false, "\u212a": false, // the Kelvin sign
	} {
		if got := principal.IsName(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
