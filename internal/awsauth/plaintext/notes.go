package plaintext

import (
	"cmp"
	"slices"
	"strings"
)

// NotePrefix begins the lines that say something of the line above them, and are no part of the text. No line of a value
// begins so, since it is indented.
const NotePrefix = "# ^"

// Note is put below a line; below the header for line 0.
type Note struct {
	Line  int
	Lines []string
}

// Annotate puts notes below the lines of a text that has none.
func Annotate(text string, notes []Note) string {
	notes = slices.Clone(notes)
	slices.SortStableFunc(notes, func(a, b Note) int { return cmp.Compare(a.Line, b.Line) })
	var b strings.Builder
	number, next := 0, 0
	write := func(line int) {
		for ; next < len(notes) && notes[next].Line <= line; next++ {
			for _, l := range notes[next].Lines {
				b.WriteString(strings.TrimRight(NotePrefix+" "+l, " ") + "\n")
			}
		}
	}
	header := true
	for line := range strings.Lines(text) {
		if header && !strings.HasPrefix(line, "#") {
			header = false
			write(0)
		}
		number++
		b.WriteString(line)
		if !strings.HasSuffix(line, "\n") && next < len(notes) {
			b.WriteString("\n")
		}
		if !header {
			write(number)
		}
	}
	write(max(number, notesEnd(notes)))
	return b.String()
}

func notesEnd(notes []Note) int {
	end := 0
	for _, n := range notes {
		end = max(end, n.Line)
	}
	return end
}

// WithoutNotes is a text without the notes.
func WithoutNotes(text string) string {
	if !strings.Contains(text, NotePrefix) {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, NotePrefix) {
			b.WriteString(line)
		}
	}
	return b.String()
}
