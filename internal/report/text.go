package report

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/fatih/color"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// TextOptions say what the reader's screen can do.
type TextOptions struct {
	Color bool
	// Width is how many cells a source line may take; 0 is 120.
	Width int
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
	if o.Width <= 0 {
		o.Width = defaultWidth
	}
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

func writeFinding(b *bytes.Buffer, f validate.Finding, p place, st styles, o TextOptions) {
	writeHeading(b, f, p, st)
	gutter := 3
	if p.line > 0 {
		gutter = writeExcerpt(b, f, p, st, o.Width)
	}
	label := func(style *color.Color, name, text string) {
		if text != "" {
			fmt.Fprintf(b, "%*s %s %s\n", gutter, "", style.Sprint("= "+name+":"), Visible(text))
		}
	}
	if !p.exact {
		label(st.dim, "in", f.Field)
	}
	label(st.dim, "why", sentencePart(f.Why))
	label(st.good, "fix", f.Fix)
}

func writeHeading(b *bytes.Buffer, f validate.Finding, p place, st styles) {
	b.WriteString(st.place.Sprint(Visible(p.source.Name)))
	if p.line > 0 {
		fmt.Fprintf(b, ":%d:%d", p.line, p.column)
	}
	severity := st.err
	if f.Severity != validate.Error {
		severity = st.warning
	}
	fmt.Fprintf(b, ": %s %s %s", severity.Sprint(string(f.Severity)+":"), st.rule.Sprint(f.Rule, " ", f.Name+":"),
		st.message.Sprint(Visible(f.Message)))
	if f.Preexisting {
		b.WriteString(st.dim.Sprint(" [was there before]"))
	}
	b.WriteByte('\n')
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

// sentencePart takes off the word by which a reason is joined to its message in one line.
func sentencePart(why string) string {
	for _, joint := range []string{"and ", "so ", "but "} {
		if rest, ok := strings.CutPrefix(why, joint); ok {
			return rest
		}
	}
	return why
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
	verdict := st.good.Sprint("would be admitted")
	switch {
	case !rep.Allowed:
		verdict = st.err.Sprint("would be denied")
	case rep.Excuse == "audit":
		verdict += " all the same: the policy is in audit mode"
	case rep.Excuse != "":
		verdict += " all the same: " + Visible(rep.Excuse)
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
