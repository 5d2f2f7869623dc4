package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Escapes of a workflow command (GitHub Actions, "Workflow commands": the runner undoes these and no others).
var (
	commandData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// GitHub writes each finding as an annotation of GitHub Actions, and the total as a plain line.
func GitHub(w io.Writer, files []File) error {
	var b bytes.Buffer
	for _, l := range all(files) {
		properties := []string{"file=" + commandProperty.Replace(Visible(l.source.Name))}
		if l.line > 0 {
			properties = append(properties, fmt.Sprintf("line=%d,endLine=%d,col=%d,endColumn=%d", l.line, l.line, l.column,
				l.column+offending(l.Finding, l.place)))
		}
		properties = append(properties, "title="+commandProperty.Replace(l.Rule+" "+l.Name))
		fmt.Fprintf(&b, "::%s %s::%s\n", level(l.Severity), strings.Join(properties, ","),
			commandData.Replace(sarifText(l.Finding)))
	}
	for _, f := range files {
		if f.Err != nil {
			fmt.Fprintf(&b, "::error file=%s,title=could not be checked::%s\n", commandProperty.Replace(Visible(f.Name)),
				commandData.Replace(Visible(f.Err.Error())))
		}
	}
	b.WriteString(Total(files) + "\n")
	_, err := w.Write(b.Bytes())
	return err
}
