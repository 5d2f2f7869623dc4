package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// The elements of JUnit's XML that CI systems read alike (Jenkins, GitLab, Azure Pipelines).
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		ClassName string        `xml:"classname,attr"`
		File      string        `xml:"file,attr,omitempty"`
		Line      int           `xml:"line,attr,omitempty"`
		Failure   *junitFailure `xml:"failure"`
		Error     *junitFailure `xml:"error"`
		Output    string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes one suite a file. The first case of a suite is the verdict, each other one a finding: it fails if the file
// would be denied and the finding is an error. A file that could not be checked is an error and no failure.
func JUnit(w io.Writer, files []File) error {
	suites := junitSuites{Name: "aws-auth"}
	for _, f := range files {
		suite := junitSuiteOf(f)
		suites.Suites = append(suites.Suites, suite)
		suites.Tests += suite.Tests
		suites.Failures += suite.Failures
		suites.Errors += suite.Errors
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	e.Indent("", "  ")
	if err := e.Encode(suites); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

func junitSuiteOf(f File) junitSuite {
	verdict := junitCase{Name: "verdict", ClassName: Visible(f.Name), File: Visible(f.Name)}
	summary := summaryOf(f.Report)
	switch {
	case f.Err != nil:
		verdict.Error = &junitFailure{Message: "could not be checked", Type: "error", Text: Visible(f.Err.Error())}
	case f.Report.Allowed:
		verdict.Output = summary
	default:
		verdict.Failure = &junitFailure{Message: summary, Type: "denied", Text: summary}
	}
	suite := junitSuite{Name: Visible(f.Name), Cases: []junitCase{verdict}}
	for _, l := range all([]File{f}) {
		suite.Cases = append(suite.Cases, junitCaseOf(f, l))
	}
	suite.Tests = len(suite.Cases)
	for _, c := range suite.Cases {
		if c.Failure != nil {
			suite.Failures++
		}
		if c.Error != nil {
			suite.Errors++
		}
	}
	return suite
}

func junitCaseOf(f File, l located) junitCase {
	name := l.Rule + " " + l.Name
	if l.Field != "" {
		name += " " + Visible(l.Field)
	}
	text := fmt.Sprintf("%s: %s\n", l.position(), sarifText(l.Finding))
	c := junitCase{Name: name, ClassName: Visible(f.Name), File: Visible(l.source.Name), Line: l.line}
	if f.Report.Allowed || level(l.Severity) != "error" {
		c.Output = level(l.Severity) + ": " + text
		return c
	}
	c.Failure = &junitFailure{Message: Visible(l.Message), Type: l.Rule, Text: text}
	return c
}

// position is file:line:column, as far as it is known.
func (l located) position() string {
	if l.line < 1 {
		return Visible(l.source.Name)
	}
	return fmt.Sprintf("%s:%d:%d", Visible(l.source.Name), l.line, l.column)
}

// summaryOf is the summary of a report, without colours.
func summaryOf(r validate.Report) string {
	var b bytes.Buffer
	writeSummary(&b, r, newStyles(false))
	return strings.TrimSpace(b.String())
}
