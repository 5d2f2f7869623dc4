package report

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/clipperhouse/displaywidth"
)

// Visible writes out what a terminal would obey or not show: control characters, bidirectional and zero-width ones,
// invalid UTF-8. Whatever comes from a file, a cluster or AWS goes through it before it is printed as text.
func Visible(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == unicode.ReplacementChar && !strings.HasPrefix(s[i:], "\ufffd"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		default:
			b.WriteString(visibleRune(r))
		}
	}
	return b.String()
}

// plain reports that there is nothing to write out, which is so for nearly all that is printed.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func visibleRune(r rune) string {
	switch {
	case r == '\t':
		return `\t`
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r < 0x20 || r == 0x7f:
		return fmt.Sprintf(`\x%02x`, r)
	case r >= 0x80 && obeyed(r):
		if r > 0xffff {
			return fmt.Sprintf(`\U%08x`, r)
		}
		return fmt.Sprintf(`\u%04x`, r)
	}
	return string(r)
}

// obeyed reports the characters beyond ASCII that a terminal obeys or does not show: controls, format characters (among
// them those for bidirectional text and the zero-width ones), line and paragraph separators.
func obeyed(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
}

// excerpt is a source line made fit to print, and where in it the offending text stands, in terminal cells.
type excerpt struct {
	text        string
	before, run int
}

const ellipsis = "…"

// excerptOf cuts a window of at most width cells around the offending text out of a line. column counts from 1, length
// in characters.
func excerptOf(chars []rune, column, length, width int) excerpt {
	from := min(max(column-1, 0), len(chars))
	to := min(from+max(length, 0), len(chars))
	// Widths are measured over whole pieces, so that a combining character stays with its base.
	// What is far from the window is not even looked at: no character takes less than no cell, few take none.
	far := 4*width + 16
	head := Visible(string(chars[max(0, from-far):from]))
	run := Visible(string(chars[from:min(to, from+far)]))
	tail := Visible(string(chars[to:min(len(chars), to+far)]))
	measure := displaywidth.String
	if measure(head)+measure(run)+measure(tail) > width {
		// Most room for the offending text; what is left is shared, two parts before and one after.
		if cut := keepFront(run, width-2*measure(ellipsis)); cut != run {
			run, tail = cut, "" // it ends in an ellipsis already
		}
		room := max(width-measure(run), 2)
		tailRoom := min(measure(tail), room/3)
		head = keepBack(head, room-tailRoom)
		if tail != "" {
			tail = keepFront(tail, max(room-measure(head), 1))
		}
	}
	return excerpt{text: head + run + tail, before: measure(head), run: max(measure(run), 1)}
}

// keepFront cuts the end of s off beyond width cells.
func keepFront(s string, width int) string {
	if displaywidth.String(s) <= width {
		return s
	}
	return displaywidth.TruncateString(s, max(width, 1), ellipsis)
}

// keepBack cuts the beginning of s off beyond width cells.
func keepBack(s string, width int) string {
	if displaywidth.String(s) <= width {
		return s
	}
	var clusters []string
	for g := displaywidth.StringGraphemes(s); g.Next(); {
		clusters = append(clusters, g.Value())
	}
	used, i := displaywidth.String(ellipsis), len(clusters)
	for i > 0 {
		w := displaywidth.String(clusters[i-1])
		if used+w > width {
			break
		}
		used += w
		i--
	}
	return ellipsis + strings.Join(clusters[i:], "")
}
