package manifest

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestLines asks for places and offsets in any order, and compares them with counting from the beginning.
func TestLines(t *testing.T) {
	const text = "a: é\r\n東京: \"x\"\n\n\U0001F600b\u2028c\rd\n  last"
	for name, lines := range map[string]*lines{"editor": editorLines(text), "YAML": yamlLines(text)} {
		r := rand.New(rand.NewPCG(1, 1))
		for range 10_000 {
			offset := r.IntN(len(text) + 1)
			for !utf8.RuneStart((text + "x")[offset]) {
				offset--
			}
			line, column := counted(text[:offset], name == "YAML", strings.HasPrefix(text[offset:], "\n"))
			if r.IntN(2) == 0 {
				if got := lines.offset(line, column); got != offset {
					t.Fatalf("%s: %d:%d is byte %d, want %d", name, line, column, got, offset)
				}
				continue
			}
			if gotLine, gotColumn := lines.place(offset); gotLine != line || gotColumn != column {
				t.Fatalf("%s: byte %d is at %d:%d, want %d:%d", name, offset, gotLine, gotColumn, line, column)
			}
		}
		if got := lines.offset(99, 1); got != len(text) {
			t.Errorf("%s: a line behind the last is byte %d, want %d", name, got, len(text))
		}
		if got := lines.offset(0, 5); got != 0 {
			t.Errorf("%s: line 0 is byte %d, want 0", name, got)
		}
		if got := lines.offset(3, 99); got != len(text) {
			t.Errorf("%s: a column behind the text is byte %d, want %d", name, got, len(text))
		}
	}
}

// counted is the line and column behind a text. beforeLF says that a line feed follows, so that a last CR ends no line by itself.
func counted(before string, asYAML, beforeLF bool) (line, column int) {
	ended := before
	if asYAML {
		if beforeLF && strings.HasSuffix(ended, "\r") {
			ended = strings.TrimSuffix(ended, "\r") + "x"
		}
		ended = strings.NewReplacer("\r\n", "x\n", "\r", "\n", "\u2028", "\n").Replace(ended)
	}
	return 1 + strings.Count(ended, "\n"), 1 + utf8.RuneCountInString(ended[strings.LastIndexByte(ended, '\n')+1:])
}
