package phrase_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
)

func TestWrap(t *testing.T) {
	arn := "arn:aws:iam::111122223333:role/on-call"
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"", []string{""}},
		{"one", []string{"one"}},
		{"one two three", []string{"one two", "three"}},
		{"a " + arn + " b", []string{"a", arn, "b"}},
		{"東京 東京 東京", []string{"東京 東京", "東京"}},               // two cells each
		{"one two   three", []string{"one", "two   three"}}, // the spaces of a value stay together
		{"the value fix: me", []string{"the", "value fix:", "me"}},
		{"a value why: me", []string{"a", "value why:", "me"}},
		{"one two * three", []string{"one two *", "three"}},
		{" begins", []string{" begins"}},
	} {
		if got := phrase.Wrap(tt.in, 9); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
		if got := strings.Join(phrase.Wrap(tt.in, 9), " "); got != tt.in {
			t.Errorf("%q became %q", tt.in, got)
		}
	}
	if got, want := phrase.Hang("  fix: ", "write it again", 16), []string{"  fix: write it", "       again"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
