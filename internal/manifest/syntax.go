package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// lineInText finds the line in messages of kubectl's library, which gives no typed place.
var lineInText = regexp.MustCompile(`line (\d+)`)

// syntax is the finding for a document that is not YAML.
func (f *File) syntax(d *document) validate.Finding {
	offset, complaint, context := d.offset, d.err.Error(), 0
	var le *yaml.LoadError
	if errors.As(d.err, &le) {
		complaint = le.Message
		if le.Mark.Line > 0 {
			offset = d.offset + d.lines.offset(le.Mark.Line, le.Mark.Column)
		}
		if le.ContextMark.Line > 0 {
			context, _ = f.lines.place(d.offset + d.lines.offset(le.ContextMark.Line, le.ContextMark.Column))
		}
	} else if m := lineInText.FindStringSubmatch(complaint); m != nil {
		n, _ := strconv.Atoi(m[1]) // digits, and too many of them are 0: the document's first line
		offset = d.offset + d.lines.offset(n, 1)
		for offset < len(f.Text) && f.Text[offset] == ' ' {
			offset++
		}
	}
	if strings.Contains(complaint, "control characters") {
		if i := strings.IndexFunc(d.text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\r\n\u0085", r) }); i >= 0 {
			offset = d.offset + i
		}
	}
	line, _ := f.lines.place(offset)
	here := f.lines.line(line)
	before := ""
	for n := line - 1; n > 0 && before == ""; n-- {
		before = strings.TrimSpace(f.lines.line(n))
	}
	finding := validate.Finding{Why: "kubectl cannot parse the file"}
	finding.Message, finding.Fix = explain(complaint, here, before, context)
	if strings.HasPrefix(strings.TrimLeft(here, " "), "\t") {
		offset = f.lines.starts[line-1] + strings.Index(here, "\t")
	}
	return f.at(yamlSyntax, offset, finding)
}

// explain says in an operator's words what the parser reports. here is the line it stopped at, before the last line
// with text above it, and context the line on which the construct began, or 0.
func explain(complaint, here, before string, context int) (message, fix string) {
	has := func(s string) bool { return strings.Contains(complaint, s) }
	opensBlock := strings.HasSuffix(before, "|") || strings.HasSuffix(before, "|-") || strings.HasSuffix(before, "|+")
	switch {
	case strings.HasPrefix(strings.TrimLeft(here, " "), "\t"):
		return "the line is indented with a tab", "use spaces, as many as in the lines around it"
	case has("control characters"):
		return "the line contains a control character", "delete it"
	case has("did not find expected key") && opensBlock && strings.HasPrefix(strings.TrimSpace(here), "-"):
		key := strings.TrimSpace(strings.TrimRight(before, "|-+"))
		return fmt.Sprintf("this line is indented no further than %s above it, so it is not part of its value", key),
			fmt.Sprintf("indent all lines below %s | by two spaces more than %s", key, strings.TrimSuffix(key, ":"))
	case has("did not find expected key"):
		return "the indentation of this line matches none of the lines above", "indent it like the line that it belongs to"
	case has("mapping values are not allowed"):
		return "this line has a colon where no key is possible", `indent the line like its neighbors, or put a value that contains ": " in quotes`
	case has("'-' indicator"):
		return "the indentation of this item differs from the list above", `begin all items of the list with "- ", at the same indentation`
	case has("could not find expected ':'"):
		return "this line has a key without a colon", "write key: value"
	case has("unexpected end of stream"):
		return fmt.Sprintf("the quote opened on line %d is never closed", context), "close the quote"
	case has("unexpected document indicator"):
		return fmt.Sprintf("the document ends inside the quote opened on line %d", context), "close the quote"
	case has("',' or ']'"), has("',' or '}'"):
		return fmt.Sprintf("the bracket opened on line %d is never closed, or a comma is missing", context), "close the bracket"
	case has("unknown anchor"):
		return "this alias has no anchor", "write the value itself"
	case has("unknown escape character"):
		return "this backslash sequence is invalid in double quotes", "use single quotes, or write the backslash twice"
	case has("cannot start any token"):
		return "a value cannot begin with this character", "put the value in quotes"
	}
	return "not YAML: " + strings.TrimPrefix(complaint, "yaml: "), "correct the line"
}
