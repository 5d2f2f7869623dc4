package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// twoFiles are a denied file with an error and a warning, and one without a finding.
func twoFiles() []report.File {
	worse := finding(1, 4, "b")
	worse.Message, worse.Why, worse.Fix = "100%: bad, <b>\nhere", "", "write a"
	warning := finding(2, 1, "c")
	warning.Severity = validate.Warning
	return []report.File{
		{Name: "a.yaml", Report: validate.Report{Findings: []validate.Finding{worse, warning}}, Sources: []report.Source{source("a.yaml", "a: b\nc\n")}},
		{Name: "b,1.yaml", Report: validate.Report{Allowed: true, Findings: []validate.Finding{}}, Sources: []report.Source{source("b,1.yaml", "")}},
	}
}

// Two files have findings in the same value: each is looked for in its own file.
func TestPlacesAreThoseOfTheirFile(t *testing.T) {
	shift := func(name string, by int) report.Source {
		return report.Source{Name: name, Locate: func(_ string, line, column int) (int, int, bool) { return line + by, column, true }}
	}
	files := []report.File{
		{Name: "a", Report: validate.Report{Findings: []validate.Finding{finding(1, 1, "")}}, Sources: []report.Source{shift("a", 10)}},
		{Name: "b", Report: validate.Report{Findings: []validate.Finding{finding(1, 1, "")}}, Sources: []report.Source{shift("b", 20)}},
	}
	var b bytes.Buffer
	if err := report.GitHub(&b, files); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"file=a,line=11,", "file=b,line=21,"} {
		if !bytes.Contains(b.Bytes(), []byte(want)) {
			t.Errorf("want %q in\n%s", want, &b)
		}
	}
}

func TestGitHub(t *testing.T) {
	const want = `::error file=a.yaml,line=1,endLine=1,col=4,endColumn=5,title=AA203 role-arn-path::100%25: bad, <b>\nhere%0Afix: write a
::warning file=a.yaml,line=2,endLine=2,col=1,endColumn=2,title=AA203 role-arn-path::the message%0Afix: the fix%0Awhy: the why
2 files: 1 would be denied, 1 would be allowed
`
	var b bytes.Buffer
	if err := report.GitHub(&b, twoFiles()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A value cannot forge a command, nor end the property that it is in.
func TestGitHubIsEscaped(t *testing.T) {
	f := finding(0, 0, "")
	f.Message, f.Fix, f.Why = "x\n::stop-commands::y", "\r\n::error::z", ""
	var b bytes.Buffer
	files := []report.File{{Report: validate.Report{Findings: []validate.Finding{f}}, Sources: []report.Source{{Name: "a:b,c%\n"}}}}
	if err := report.GitHub(&b, files); err != nil {
		t.Fatal(err)
	}
	const want = `::error file=a%3Ab%2Cc%25\n,title=AA203 role-arn-path::x\n::stop-commands::y%0Afix: \r\n::error::z
1 file: 1 would be denied
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	if err := report.JUnit(&b, twoFiles()); err != nil {
		t.Fatal(err)
	}
	var read struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Tests int    `xml:"tests,attr"`
			Cases []struct {
				Name    string `xml:"name,attr"`
				Line    int    `xml:"line,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
					Text    string `xml:",chardata"`
				} `xml:"failure"`
				Output string `xml:"system-out"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(b.Bytes(), &read); err != nil {
		t.Fatalf("%v\n%s", err, &b)
	}
	if read.Tests != 4 || read.Failures != 2 || len(read.Suites) != 2 || read.Suites[0].Tests != 3 || read.Suites[1].Name != "b,1.yaml" {
		t.Fatalf("%s", &b)
	}
	cases := read.Suites[0].Cases
	if f := cases[1].Failure; f == nil || f.Message != `100%: bad, <b>\nhere` || f.Text != "a.yaml:1:4: 100%: bad, <b>\\nhere\nfix: write a\n" || cases[1].Line != 1 {
		t.Errorf("the error: %+v\n%s", cases[1], &b)
	}
	if cases[0].Failure == nil || cases[2].Failure != nil || cases[2].Output == "" || read.Suites[1].Cases[0].Failure != nil {
		t.Errorf("%s", &b)
	}
}

// Each file has its summary, and all have a total.
func TestTexts(t *testing.T) {
	var b bytes.Buffer
	files := twoFiles()
	files[0].Report.Findings = files[0].Report.Findings[1:]
	if err := report.Texts(&b, files, report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a.yaml:2:1: warning: AA203", "\na.yaml: 1 warning: would be denied\n", "\nb,1.yaml: no findings: would be ",
		"\n2 files: 1 would be denied, 1 would be allowed\n"} {
		if !bytes.Contains(b.Bytes(), []byte(want)) {
			t.Errorf("want %q in\n%s", want, &b)
		}
	}
}

// A file that could not be checked is in every form, and never counts as allowed.
func TestUnchecked(t *testing.T) {
	files := []report.File{{Name: "a", Report: validate.Report{Allowed: true}}, {Name: "b", Err: errors.New("no such file")}}
	for form, tt := range map[string]struct {
		write func(io.Writer) error
		want  []string
	}{
		"text":   {func(w io.Writer) error { return report.Texts(w, files, report.TextOptions{}) }, []string{"b: could not be checked\n", "2 files: 1 would be allowed, 1 could not be checked\n"}},
		"json":   {func(w io.Writer) error { return report.JSON(w, files...) }, []string{`"allowed": false`, `"error": "no such file"`}},
		"junit":  {func(w io.Writer) error { return report.JUnit(w, files) }, []string{`failures="0" errors="1"`, `<error message="could not be checked" type="error">no such file</error>`}},
		"sarif":  {func(w io.Writer) error { return report.SARIF(w, files, nil, "") }, []string{`"executionSuccessful": false`, `"text": "no such file"`, `"uri": "b"`}},
		"github": {func(w io.Writer) error { return report.GitHub(w, files) }, []string{"::error file=b,title=could not be checked::no such file\n"}},
	} {
		var b bytes.Buffer
		if err := tt.write(&b); err != nil {
			t.Fatal(err)
		}
		for _, want := range tt.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: want %q in\n%s", form, want, &b)
			}
		}
	}
}
