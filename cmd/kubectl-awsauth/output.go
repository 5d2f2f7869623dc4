package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/fatih/color"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
)

func writeJSON(w io.Writer, v any) error { return report.WriteJSON(w, v) }

// printable is a text from the object, a file, a cluster or AWS, on one line and without what would disturb a terminal or a table.
func printable(s string) string { return report.Visible(s) }

// note prints a line for the reader beside the answer.
func note(cmd *cobra.Command, text string) {
	fmt.Fprintf(cmd.ErrOrStderr(), "note: %s\n", printable(text))
}

// table is rows below a header, in columns. Where a terminal is too narrow for that, each row is a paragraph. Cells are printable.
func table(width int, header []string, rows [][]string) string {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	_ = t.Flush() // into memory
	fits := true
	for line := range strings.Lines(b.String()) {
		fits = fits && utf8.RuneCountInString(strings.TrimRight(line, " \n")) <= width
	}
	if width == 0 || fits {
		return b.String()
	}
	b.Reset()
	for _, row := range rows {
		fmt.Fprintln(t, row[0])
		for i, cell := range row[1:] {
			if cell != "" {
				fmt.Fprintf(t, "    %s\t%s\n", strings.ToLower(header[i+1]), cell)
			}
		}
		_ = t.Flush()
	}
	return b.String()
}

// errorText is an error for the reader: on one line, or on one for each of several errors that were joined.
func errorText(err error) string {
	text := strings.TrimSpace(err.Error())
	var many interface{ Unwrap() []error }
	if !errors.As(err, &many) {
		return printable(text)
	}
	var raw, lines []string
	for _, e := range many.Unwrap() {
		raw, lines = append(raw, e.Error()), append(lines, errorText(e))
	}
	before, ok := strings.CutSuffix(text, strings.TrimSpace(strings.Join(raw, "\n")))
	if !ok { // not joined but made part of a sentence
		return printable(text)
	}
	return printable(before) + strings.Join(lines, "\n")
}

// logTo sends there, once, what client-go logs: it repeats what a server says, and writes to stderr as it is.
func logTo(w io.Writer) {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	for name, value := range map[string]string{"logtostderr": "false", "stderrthreshold": "FATAL", "one_output": "true"} {
		_ = flags.Set(name, value) // klog has these flags
	}
	klog.SetOutput(w)
}

// settleTime is how long a process that an exec plugin left behind may hold up the answer, by keeping stderr open.
const settleTime = 200 * time.Millisecond

// screenPlugins sends there what the exec plugins of kubeconfig files say. client-go gives them os.Stderr as it is when the
// first client is made, and has no other hook (plugin/pkg/client/auth/exec). settle returns when all is written that they
// said; nothing comes through after it.
func screenPlugins(w *screen) (settle func(), err error) {
	from, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	os.Stderr = to
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(w, from) // there is nobody to say it to
		w.flush()
	}()
	return func() {
		_ = to.Close()
		select {
		case <-done:
		case <-time.After(settleTime):
		}
	}, nil
}

// screen is the last place before the terminal: whatever was not made printable where it was printed is written out here. Line
// ends and tabs pass, and colours if there are any.
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
		_, _ = io.WriteString(s.Writer, printable(string(s.half))) // there is nobody to say it to
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
			out = append(out, printable(string(text[:size]))...)
		}
		text = text[size:]
	}
	return out
}

// colour is the length of the escape sequence for a colour that a text begins with, 0 if there is none: ESC [ digits and
// semicolons m (ECMA-48, SGR). It changes how letters look and nothing else.
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
