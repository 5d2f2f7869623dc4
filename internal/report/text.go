package report

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/clipperhouse/displaywidth"
	"github.com/fatih/color"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// TextOptions say what the reader's screen can do.
type TextOptions struct {
	Color bool
	// Width is that of the terminal, in cells, by which lines are wrapped; 0 if there is none.
	Width int
}

// excerptWidth is how many cells a line of a source may take.
func (o TextOptions) excerptWidth() int {
	if o.Width <= 0 {
		return defaultWidth
	}
	return o.Width
}

const (
	defaultWidth = 120
	minWidth     = 40
)

// styles are the colours of the parts; all of them off without colour.
type styles struct {
	place, err, warning, rule, message, dim, caret, good *color.Color
}

func newStyles(on bool) styles {
	style := func(a ...color.Attribute) *color.Color {
		c := color.New(a...)
		if on {
			c.EnableColor()
		} else {
			c.DisableColor()
		}
		return c
	}
	return styles{
		place:   style(color.Bold),
		err:     style(color.FgRed, color.Bold),
		warning: style(color.FgYellow, color.Bold),
		rule:    style(color.FgCyan),
		message: style(color.Bold),
		dim:     style(color.FgHiBlack),
		caret:   style(color.FgGreen, color.Bold),
		good:    style(color.FgGreen, color.Bold),
	}
}

// Text writes the report for a reader: every finding with the source line and what to type instead, and a summary.
func Text(w io.Writer, rep validate.Report, sources []Source, o TextOptions) error {
	var b bytes.Buffer
	st := newStyles(o.Color)
	files := index(sources)
	for _, f := range rep.Findings {
		writeFinding(&b, f, locate(f, files), st, o)
		b.WriteByte('\n')
	}
	writeSummary(&b, rep, st)
	_, err := w.Write(b.Bytes())
	return err
}

// unwrapped is a width that no line reaches: without a terminal a finding's part is one line, so that grep finds it whole.
const unwrapped = 1 << 30

// writeFinding writes one finding: where and what, the line of the source, what to type, and why.
func writeFinding(b *bytes.Buffer, f validate.Finding, p place, st styles, o TextOptions) {
	width := unwrapped
	if o.Width > 0 {
		width = max(o.Width, minWidth)
	}
	writeHeading(b, f, p, st, width)
	gutter := 3
	if p.line > 0 {
		gutter = writeExcerpt(b, f, p, st, o.excerptWidth())
	}
	indent := strings.Repeat(" ", gutter+1)
	label := func(style *color.Color, name, text string) {
		if text == "" {
			return
		}
		lines := phrase.Hang(indent+"= "+name+": ", Visible(text), width)
		head := len(indent + "= " + name + ":")
		fmt.Fprintf(b, "%s%s%s\n", indent, style.Sprint(lines[0][len(indent):head]), lines[0][head:])
		for _, l := range lines[1:] {
			fmt.Fprintln(b, l)
		}
	}
	label(st.dim, "in", within(f, p))
	label(st.good, "fix", f.Fix)
	for _, l := range f.Lines {
		fmt.Fprintf(b, "%s    %s\n", indent, Visible(l))
	}
	label(st.dim, "why", f.Why)
}

// within says in which field a finding is, and on which line of the value where that is not the file's own.
func within(f validate.Finding, p place) string {
	switch {
	case !p.exact:
		return f.Field
	case p.line == f.Line:
		return ""
	}
	return fmt.Sprintf("%s, line %d of %s", f.Field, f.Line, f.DataKey)
}

func writeHeading(b *bytes.Buffer, f validate.Finding, p place, st styles, width int) {
	name, at := Visible(p.source.Name), ""
	if p.line > 0 {
		at = fmt.Sprintf(":%d:%d", p.line, p.column)
	}
	severity := st.err
	if f.Severity != validate.Error {
		severity = st.warning
	}
	fmt.Fprintf(b, "%s%s: %s %s", st.place.Sprint(name), at, severity.Sprint(string(f.Severity)+":"), st.rule.Sprint(f.Head()))
	message, there := Visible(f.Message), ""
	if f.Preexisting {
		there = " [already there]"
	}
	used := displaywidth.String(name + at + ": " + string(f.Severity) + ": " + f.Head() + " ")
	if used+displaywidth.String(message+there) <= width {
		fmt.Fprintf(b, " %s%s\n", st.message.Sprint(message), st.dim.Sprint(there))
		return
	}
	fmt.Fprintln(b, st.dim.Sprint(there))
	for _, l := range phrase.Hang("    ", message, width) {
		fmt.Fprintf(b, "    %s\n", st.message.Sprint(strings.TrimPrefix(l, "    ")))
	}
}

// writeExcerpt writes the source line and marks what is wrong in it. gutter is how wide its number is.
func writeExcerpt(b *bytes.Buffer, f validate.Finding, p place, st styles, width int) (gutter int) {
	number := strconv.Itoa(p.line)
	gutter = max(3, len(number))
	e := excerptOf(p.source.line(p.line), p.column, offending(f, p), max(width-gutter-4, minWidth))
	carets := st.caret.Sprint("^" + strings.Repeat("~", e.run-1))
	fmt.Fprintf(b, "%s %s\n", st.dim.Sprintf("%*s |", gutter+1, number), e.text)
	fmt.Fprintf(b, "%s %*s%s\n", st.dim.Sprintf("%*s |", gutter+1, ""), e.before, "", carets)
	return gutter
}

func writeSummary(b *bytes.Buffer, rep validate.Report, st styles) {
	errs, warnings := count(rep)
	var parts []string
	if errs > 0 {
		parts = append(parts, plural(errs, "error"))
	}
	if warnings > 0 {
		parts = append(parts, plural(warnings, "warning"))
	}
	if len(parts) == 0 {
		parts = []string{"no findings"}
	}
	if rep.Omitted > 0 {
		parts = append(parts, fmt.Sprintf("%d more findings not shown", rep.Omitted))
	}
	verdict := st.good.Sprint("would be allowed")
	switch {
	case !rep.Allowed:
		verdict = st.err.Sprint("would be denied")
	case rep.Excuse == "audit":
		verdict += ", because the policy's mode is audit"
	case rep.Excuse != "":
		verdict += " (" + Visible(rep.Excuse) + ")"
	}
	fmt.Fprintf(b, "%s: %s\n", strings.Join(parts, ", "), verdict)
}

func count(rep validate.Report) (errs, warnings int) {
	for _, f := range rep.Findings {
		if f.Severity == validate.Error {
			errs++
		} else {
			warnings++
		}
	}
	return errs, warnings
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
