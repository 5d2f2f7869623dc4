package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// JSON writes {"allowed": ..., "findings": [...]}. With sources, line and column are those of the file; without, those
// inside the value of the data key.
func JSON(w io.Writer, rep validate.Report, sources ...Source) error {
	findings := make([]validate.Finding, 0, len(rep.Findings)) // null is not a list
	files := index(sources)
	for _, f := range rep.Findings {
		if len(files) > 0 {
			p := locate(f, files)
			f.Line, f.Column = p.line, p.column
		}
		findings = append(findings, f)
	}
	rep.Findings = findings
	return WriteJSON(w, rep)
}

// WriteJSON writes a value as JSON for a screen as well as for a program: what Visible would write out is escaped in the
// way of JSON, so that a parser reads the very characters.
func WriteJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(escapeJSON(b.Bytes()))
	return err
}

// escapeJSON escapes what encoding/json leaves as it is. Beyond ASCII there is nothing outside of strings, and what is
// below a blank is escaped already.
func escapeJSON(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for {
		n := bytes.IndexFunc(text, func(r rune) bool { return r >= 0x7f })
		if n < 0 {
			return append(out, text...)
		}
		out, text = append(out, text[:n]...), text[n:]
		r, size := utf8.DecodeRune(text)
		switch {
		case r != 0x7f && !obeyed(r):
			out = append(out, text[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		text = text[size:]
	}
}
