package cli

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth/plaintext"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// noteWidth is how wide the lines of a note are, so that 80 columns show them whole.
const noteWidth = 80 - len(plaintext.NotePrefix) - 1

// findingNotes are notes below the lines that findings are about.
func (e *editing) findingNotes(t *plaintext.Text, findings []validate.Finding) (notes []plaintext.Note) {
	for _, f := range findings {
		line := 0
		if f.DataKey != "" && f.Line > 0 {
			line = t.Line(f.DataKey, f.Line)
		} else if key, ok := strings.CutPrefix(f.Field, "data."); ok {
			key, _, _ = strings.Cut(key, "[")
			line = t.Line(key, 0)
		}
		head := f.Head()
		if f.Severity != validate.Error {
			head = "warning: " + head
		}
		message := f.Message
		if f.Preexisting {
			message += " (already there)"
		}
		notes = append(notes, plaintext.Note{Line: line, Lines: findingLines(head, message, f.Fix, f.Lines, f.Why)})
	}
	return notes
}

// findingLines lays a finding out: the problem, the fix, the lines to paste, the reason.
func findingLines(head, message, fix string, paste []string, why string) []string {
	const indent = "  "
	message = report.Visible(message)
	lines := []string{strings.TrimSpace(head + " " + message)}
	if len([]rune(lines[0])) > noteWidth {
		lines = phrase.Hang(indent, message, noteWidth)
		if head == "" {
			lines = phrase.Wrap(message, noteWidth)
		} else {
			lines = append([]string{head}, lines...)
		}
	}
	if fix != "" {
		lines = append(lines, phrase.Hang(indent+"fix: ", report.Visible(fix), noteWidth)...)
	}
	for _, l := range paste {
		lines = append(lines, indent+"  "+report.Visible(l))
	}
	if why != "" {
		lines = append(lines, phrase.Hang(indent+"why: ", report.Visible(why), noteWidth)...)
	}
	return lines
}

// serverNotes are notes with what the cluster says against an edit.
func serverNotes(t *plaintext.Text, d *denial) (notes []plaintext.Note) {
	for _, f := range d.findings {
		n := plaintext.Note{Line: fieldLine(t, f.field)}
		for i, line := range f.lines {
			if i == 0 && n.Line == 0 && f.field != "" {
				line = f.field + ": " + line
			}
			line = strings.TrimPrefix(report.Visible(line), "  ") // the cluster indents by four
			body := strings.TrimLeft(line, " ")
			n.Lines = append(n.Lines, phrase.Hang(line[:len(line)-len(body)], body, noteWidth)...)
		}
		notes = append(notes, n)
	}
	return notes
}

// fieldPath is where a field is in the data.
var fieldPath = regexp.MustCompile(`^data\.([A-Za-z0-9._-]+?)(?:\[(\d+)\](?:\.(\w+)(?:\[(\d+)\])?)?)?$`)

// fieldLine is the line of the text that a field is on; that of its entry or key where it is not there, else 0.
func fieldLine(t *plaintext.Text, field string) int {
	m := fieldPath.FindStringSubmatch(field)
	if m == nil {
		return 0
	}
	index, err := strconv.Atoi(m[2])
	if err != nil {
		return t.Line(m[1], 0)
	}
	doc, _ := awsauth.Parse(t.Data)
	if m[1] == awsauth.MapAccounts && index < len(doc.Accounts) {
		return t.Line(m[1], doc.Accounts[index].Line)
	}
	for _, e := range doc.Entries() {
		if e.DataKey == m[1] && e.Index == index {
			return t.Line(m[1], placeIn(e, m[3], m[4]).Line)
		}
	}
	return t.Line(m[1], 0)
}

// placeIn is where a field of an entry is.
func placeIn(e *awsauth.Entry, field, group string) awsauth.Place {
	switch {
	case field == awsauth.ARNField(e.DataKey):
		return e.ARN.Place
	case field == "username":
		return e.Username.Place
	case field == "groups" && len(e.Groups) > 0:
		i, _ := strconv.Atoi(group)
		return e.Groups[min(i, len(e.Groups)-1)].Place
	}
	return e.Place
}

// changesNote is a note with the difference between two versions of the data.
func changesNote(line int, why string, was, is map[string]string) plaintext.Note {
	n := plaintext.Note{Line: line, Lines: []string{why}}
	for _, key := range keysOf(was, is) {
		for l := range strings.Lines(textDiff(key, was[key], is[key])) {
			n.Lines = append(n.Lines, "  "+strings.TrimRight(l, "\n"))
		}
	}
	return n
}

// oneLine is a finding of the cluster for a sentence.
func (f serverFinding) oneLine() string {
	return strings.Join(strings.Fields(strings.Join(f.lines, " ")), " ")
}
