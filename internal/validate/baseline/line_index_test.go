package baseline

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// count is how often a line has these words in it, and not as a part of longer ones.
func count(line, words string) (n int) {
	joined := func(a, b string) bool {
		return a != "" && b != "" && strings.Contains("ab", a[len(a)-1:]) && strings.Contains("ab", b[:1])
	}
	for at := 0; at < len(line); {
		if strings.HasPrefix(line[at:], words) && !joined(line[:at], words) && !joined(words, line[at+len(words):]) {
			n, at = n+1, at+len(words)
		} else {
			at++
		}
	}
	return n
}

// TestLineIndex holds the index against reading the text line by line.
func TestLineIndex(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // a test that can be run again
	word := func(letters string, most int) string {
		var b strings.Builder
		for range random.IntN(most + 1) {
			b.WriteByte(letters[random.IntN(len(letters))])
		}
		return b.String()
	}
	for range 20_000 {
		text, words := word("ab-\n", 30), word("aab-\n", 4)
		want := 0
		for l := range strings.Lines(text) {
			if words != "" {
				want += count(l, words)
			}
		}
		h := newLineIndex(text)
		if first, again := h.lines(words), h.lines(words); first != want || again != want {
			t.Fatalf("%q in %q: %d times, then %d, want %d", words, text, first, again, want)
		}
	}
}
