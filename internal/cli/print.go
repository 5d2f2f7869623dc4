package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/internal/version"
)

// printAnswer prints what a command found out: v as JSON, or the text for a reader. width is the terminal's, 0 if
// there is none.
func printAnswer(cmd *cobra.Command, form oneOf, v any, text func(width int) string) error {
	if form.value == "json" {
		return report.WriteJSON(cmd.OutOrStdout(), v)
	}
	return printText(cmd, text)
}

func printText(cmd *cobra.Command, text func(width int) string) error {
	out := cmd.OutOrStdout()
	_, err := io.WriteString(out, text(textOptions(out).Width))
	return err
}

// printReport prints the verdicts on several files.
func printReport(out io.Writer, form oneOf, files []report.File) error {
	switch form.value {
	case "json":
		return report.JSON(out, files...)
	case "sarif":
		return report.SARIF(out, files, validate.Catalogue(), version.Version())
	case "junit":
		return report.JUnit(out, files)
	case "github":
		return report.GitHub(out, files)
	}
	return report.Texts(out, files, textOptions(out))
}

// note prints a line for the reader beside the answer.
func note(cmd *cobra.Command, text string) {
	fmt.Fprintf(cmd.ErrOrStderr(), "note: %s\n", report.Visible(text))
}

// table is rows below a header, in columns. Where a terminal is too narrow for that, each row is a paragraph. Cells are
// printable.
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
		return report.Visible(text)
	}
	var raw, lines []string
	for _, e := range many.Unwrap() {
		raw, lines = append(raw, e.Error()), append(lines, errorText(e))
	}
	before, ok := strings.CutSuffix(text, strings.TrimSpace(strings.Join(raw, "\n")))
	if !ok { // not joined but made part of a sentence
		return report.Visible(text)
	}
	return report.Visible(before) + strings.Join(lines, "\n")
}

// wrap breaks a text into lines of at most width characters.
func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
