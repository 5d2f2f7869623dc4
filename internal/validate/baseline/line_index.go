package baseline

import (
	"index/suffixarray"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lineIndex answers how often some words stand on a line of a text. Without its suffix array, which a search through the text for each
// finding replaces, a verdict on a megabyte with 10,000 new faults takes 2.7 times as long (BenchmarkStanding).
type lineIndex struct {
	text    string
	index   *suffixarray.Index
	answers map[string]int
}

func newLineIndex(text string) *lineIndex {
	return &lineIndex{text: text, index: suffixarray.New([]byte(text)), answers: map[string]int{}}
}

// lines counts how often these words stand on a line, of which there must be some: whole words, or half a key would stand in it.
// They may stand on one line several times: a text that lost its line breaks has all its lines there.
func (h *lineIndex) lines(words string) int {
	if words == "" {
		return 0
	}
	n, known := h.answers[words]
	if known {
		return n
	}
	found := h.index.Lookup([]byte(words), -1)
	slices.Sort(found)
	end := 0 // of the last words that were counted
	for _, at := range found {
		if at < end || !h.whole(at, at+len(words)) {
			continue
		}
		next := len(h.text)
		if i := strings.IndexByte(h.text[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		if at+len(words) <= next { // words of several lines stand in none
			n, end = n+1, at+len(words)
		}
	}
	h.answers[words] = n
	return n
}

// all is how often all of these words may stand together, at most: as often as the rarest.
func (h *lineIndex) all(words []string) int {
	if len(words) == 0 {
		return 0
	}
	least := h.lines(words[0])
	for _, w := range words[1:] {
		least = min(least, h.lines(w))
	}
	return least
}

// whole reports that a part of the text neither begins nor ends inside of a word.
func (h *lineIndex) whole(from, to int) bool {
	inside := func(at int) bool {
		before, _ := utf8.DecodeLastRuneInString(h.text[:at])
		after, _ := utf8.DecodeRuneInString(h.text[at:])
		return inWord(before) && inWord(after)
	}
	return !inside(from) && !inside(to)
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
