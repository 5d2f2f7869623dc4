package baseline

import (
	"index/suffixarray"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lineIndex answers how many lines of a text hold some words. Without its suffix array, which a search through the text for each
// finding replaces, a verdict on a megabyte with 10,000 new faults takes 2.7 times as long (BenchmarkStanding).
type lineIndex struct {
	text    string
	index   *suffixarray.Index
	answers map[string]int
}

func newLineIndex(text string) *lineIndex {
	return &lineIndex{text: text, index: suffixarray.New([]byte(text)), answers: map[string]int{}}
}

// lines counts the lines that hold these words, of which there must be some: whole words, or half a key would stand in it.
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
	end := 0 // of the last line that was counted
	for _, at := range found {
		if at < end || !h.whole(at, at+len(words)) {
			continue
		}
		next := len(h.text)
		if i := strings.IndexByte(h.text[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		if at+len(words) <= next { // words of several lines stand in none
			n, end = n+1, next
		}
	}
	h.answers[words] = n
	return n
}

// all counts how often all of some words may stand there together, if they do.
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
