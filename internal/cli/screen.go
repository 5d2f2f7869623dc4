package cli

import (
	"bytes"
	"io"
	"os"
	"unicode/utf8"

	"github.com/fatih/color"
	"golang.org/x/term"

	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
)

// textOptions asks the terminal, if there is one. The colour library has looked at NO_COLOR and TERM.
func textOptions(w io.Writer) report.TextOptions {
	o := report.TextOptions{Color: !color.NoColor}
	if s, ok := w.(*screen); ok {
		w = s.Writer
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			o.Width = width
		}
	}
	return o
}

// unscreened is where the text of a file goes byte by byte, unless somebody looks at it.
func unscreened(w io.Writer) io.Writer {
	s, ok := w.(*screen)
	if !ok {
		return w
	}
	if f, ok := s.Writer.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return w
	}
	return s.Writer
}

// screen is the last place before the terminal: whatever was not made printable where it was printed is written out
// here. Line ends and tabs pass, and colours if there are any.
type screen struct {
	io.Writer
	colours bool
	// half is the beginning of a character whose end is still to come.
	half []byte
}

func newScreen(w io.Writer) *screen { return &screen{Writer: w, colours: !color.NoColor} }

func (s *screen) Write(p []byte) (int, error) {
	text := append(s.half, p...)
	s.half = nil
	if n := unfinished(text); n > 0 {
		text, s.half = text[:len(text)-n], bytes.Clone(text[len(text)-n:])
	}
	if _, err := s.Writer.Write(s.safe(text)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// flush writes half of a character that stayed one.
func (s *screen) flush() {
	if len(s.half) > 0 {
		_, _ = io.WriteString(s.Writer, report.Visible(string(s.half))) // there is nobody to say it to
		s.half = nil
	}
}

// unfinished is how many bytes at the end of a text are the beginning of a character.
func unfinished(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}

func (s *screen) safe(text []byte) []byte {
	var out []byte
	for len(text) > 0 {
		_, size := utf8.DecodeRune(text)
		switch n := colour(text); {
		case s.colours && n > 0:
			size = n
			out = append(out, text[:n]...)
		case text[0] == '\n' || text[0] == '\t':
			out = append(out, text[0])
		default:
			out = append(out, report.Visible(string(text[:size]))...)
		}
		text = text[size:]
	}
	return out
}

// colour is the length of the escape sequence for a colour that a text begins with, 0 if there is none: ESC [ digits
// and semicolons m (ECMA-48, SGR). It changes how letters look and nothing else.
func colour(text []byte) int {
	if len(text) < 3 || text[0] != 0x1b || text[1] != '[' {
		return 0
	}
	for i, b := range text[2:] {
		switch {
		case b == 'm':
			return i + 3
		case b != ';' && (b < '0' || b > '9'):
			return 0
		}
	}
	return 0
}
