package baseline

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// holds reports that a line has these words in it, and not as a part of longer ones.
func holds(line, words string) bool {
	for at := range line {
		before, after, ok := line[:at], "", strings.HasPrefix(line[at:], words)
		if ok {
			after = line[at+len(words):]
		}
		joined := func(a, b string) bool {
			return a != "" && b != "" && strings.Contains("ab", a[len(a)-1:]) && strings.Contains("ab", b[:1])
		}
		if ok && !joined(before, words) && !joined(words, after) {
			return true
		}
	}
	return false
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
			if words != "" && holds(l, words) {
				want++
			}
		}
		h := newLineIndex(text)
		if first, again := h.lines(words), h.lines(words); first != want || again != want {
			t.Fatalf("%q in %q: %d lines, then %d, want %d", words, text, first, again, want)
		}
	}
}
