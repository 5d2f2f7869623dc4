package report

import (
	"encoding/json"
	"io"

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
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(rep)
}
