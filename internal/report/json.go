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

// jsonFinding is a finding and where it stands: Line and Column are the file's, ValueLine and ValueColumn those inside
// the value of the data key. 0 is no place.
type jsonFinding struct {
	File string `json:"file"`
	validate.Finding
	ValueLine   int `json:"valueLine"`
	ValueColumn int `json:"valueColumn"`
}

type jsonFile struct {
	File     string `json:"file"`
	Allowed  bool   `json:"allowed"`
	Errors   int    `json:"errors"`
	Warnings int    `json:"warnings"`
	Error    string `json:"error,omitempty"` // why it could not be checked
}

// JSON writes {"allowed": ..., "findings": [...], "files": [...]}: allowed if all files are. Where the sources are not
// known, line and column are those inside the value.
func JSON(w io.Writer, files ...File) error {
	out := struct {
		Allowed  bool          `json:"allowed"`
		Findings []jsonFinding `json:"findings"`
		Omitted  int           `json:"omitted,omitempty"`
		Files    []jsonFile    `json:"files"`
	}{Allowed: true, Findings: []jsonFinding{}, Files: []jsonFile{}} // null is not a list
	for _, f := range files {
		errs, warnings := count(f.Report)
		file := jsonFile{File: f.Name, Allowed: f.Report.Allowed, Errors: errs, Warnings: warnings}
		if f.Err != nil {
			file.Error = f.Err.Error()
		}
		out.Files = append(out.Files, file)
		out.Allowed = out.Allowed && f.Report.Allowed
		out.Omitted += f.Report.Omitted
	}
	for _, f := range all(files) {
		j := jsonFinding{File: f.source.Name, Finding: f.Finding}
		if f.inValue() {
			j.ValueLine, j.ValueColumn = f.Line, f.Column
		}
		if f.source.known() {
			j.Line, j.Column = f.line, f.column
		}
		out.Findings = append(out.Findings, j)
	}
	return WriteJSON(w, out)
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
