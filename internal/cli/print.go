package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/internal/version"
)

// named is an answer that -o name prints: what it is about, such as ARNs, one a line.
type named interface{ names() []string }

// printAnswer prints what a command found out: v as JSON or YAML, its names, or the text for a reader. width is the
// terminal's, 0 if there is none.
func printAnswer(cmd *cobra.Command, form oneOf, v any, text func(width int) string) error {
	out := cmd.OutOrStdout()
	switch form.value {
	case "json":
		return report.WriteJSON(out, v)
	case "yaml":
		return report.WriteYAML(out, v)
	case "name":
		return printText(cmd, func(int) string { return namesText(v.(named).names()) })
	}
	return printText(cmd, text)
}

func namesText(names []string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString(report.Visible(name) + "\n")
	}
	return b.String()
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
	case "yaml":
		var text bytes.Buffer
		if err := report.JSON(&text, files...); err != nil {
			return err
		}
		return report.WriteYAML(out, json.RawMessage(text.Bytes()))
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
	errs := cmd.ErrOrStderr()
	_, _ = io.WriteString(errs, hanging(textOptions(errs).Width, "note: ", "      ", report.Visible(text))) // there is nobody to say it to
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
