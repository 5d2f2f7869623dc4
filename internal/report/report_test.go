package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/clipperhouse/displaywidth"
	"github.com/google/go-cmp/cmp"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// source is a file that is one value, so that its places are the value's.
func source(name, text string) report.Source {
	return report.Source{Name: name, Text: text, Locate: func(key string, line, column int) (int, int, bool) { return line, column, key == "mapRoles" },
		Find: func(field string) (int, int, bool) { return 1, 1, field == "data" }}
}

func finding(line, column int, value string) validate.Finding {
	return validate.Finding{Rule: "AA203", Name: "role-arn-path", Severity: validate.Error, Field: "data.mapRoles[0].rolearn", DataKey: "mapRoles",
		Line: line, Column: column, Value: value, Message: "the message", Why: "the why", Fix: "the fix"}
}

func text(t *testing.T, rep validate.Report, o report.TextOptions, sources ...report.Source) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Text(&b, rep, sources, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	old := finding(1, 3, "b")
	old.Severity, old.Preexisting = validate.Warning, true
	placeless := finding(0, 0, "")
	placeless.Field, placeless.Why = "data", ""
	nowhere := placeless
	nowhere.Field = "metadata"
	for name, tt := range map[string]struct {
		rep  validate.Report
		text string
		want string
	}{
		"an error": {validate.Report{Findings: []validate.Finding{finding(2, 5, "two")}}, "one\nx:  two three\n", `f.yaml:2:5: error: AA203 role-arn-path: the message
   2 | x:  two three
     |     ^~~
    = fix: the fix
    = why: the why

1 error: would be denied
`},
		"a warning that is already there": {validate.Report{Allowed: true, Findings: []validate.Finding{old}}, "a b", `f.yaml:1:3: warning: AA203 role-arn-path: the message [already there]
   1 | a b
     |   ^
    = fix: the fix
    = why: the why

1 warning: would be allowed
`},
		"only the field is known": {validate.Report{Findings: []validate.Finding{placeless}}, "data:\n", `f.yaml:1:1: error: AA203 role-arn-path: the message
   1 | data:
     | ^~~~
    = in: data
    = fix: the fix

1 error: would be denied
`},
		"no place": {validate.Report{Findings: []validate.Finding{nowhere}}, "data:\n", `f.yaml: error: AA203 role-arn-path: the message
    = in: metadata
    = fix: the fix

1 error: would be denied
`},
		"no findings":            {validate.Report{Allowed: true}, "", "no findings: would be allowed\n"},
		"allowed all the same":   {validate.Report{Allowed: true, Excuse: "audit", Findings: []validate.Finding{finding(0, 0, "")}}, "", "f.yaml: error: AA203 role-arn-path: the message\n    = in: data.mapRoles[0].rolearn\n    = fix: the fix\n    = why: the why\n\n1 error: would be allowed, because the policy's mode is audit\n"},
		"past the end of a line": {validate.Report{Findings: []validate.Finding{finding(1, 4, "x")}}, "one\n", "f.yaml:1:4: error: AA203 role-arn-path: the message\n   1 | one\n     |    ^\n    = fix: the fix\n    = why: the why\n\n1 error: would be denied\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, text(t, tt.rep, report.TextOptions{}, source("f.yaml", tt.text))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// The carets must stand under the offending text on a real screen, whatever stands before it.
func TestCarets(t *testing.T) {
	const width = 60
	for name, tt := range map[string]struct{ before, value, after, shown string }{
		"plain":               {"- a: ", "value", " rest", "value"},
		"tab before":          {"\t- a:\t", "value", "", "value"},
		"wide before":         {"東京: ", "value", "", "value"},
		"wide":                {"a: ", "東京", " b", "東京"},
		"combining":           {"e\u0301: ", "e\u0301x", " b", "e\u0301x"},
		"emoji family":        {"👨‍👩‍👧: ", "value", "", "value"},
		"control":             {"a\x1b[31m: ", "v\x07x", "", `v\x07x`},
		"bidi":                {"a\u202eb: ", "value", "", "value"},
		"zero width":          {"a: ", "val\u200bue", "", `val\u200bue`},
		"quoted":              {"a: ", `"value"`, " b", `"value"`},
		"long before":         {strings.Repeat("a", 200) + " ", "value", "", "value"},
		"long after":          {"", "value", " " + strings.Repeat("z", 5000), "value"},
		"long around":         {strings.Repeat("東", 200) + " ", "value", " " + strings.Repeat("z", 200), "value"},
		"long itself":         {strings.Repeat("a", 100) + " ", strings.Repeat("v", 500), " z", ""},
		"an escape that wide": {strings.Repeat("\x01", 100), "value", "", "value"},
	} {
		t.Run(name, func(t *testing.T) {
			f := finding(1, len([]rune(tt.before))+1, strings.Trim(tt.value, `"`))
			out := text(t, validate.Report{Findings: []validate.Finding{f}}, report.TextOptions{Width: width}, source("f.yaml", tt.before+tt.value+tt.after))
			lines := strings.Split(out, "\n")
			src, caret := lines[1], lines[2]
			if w := displaywidth.String(src); w > width {
				t.Errorf("the line is %d wide:\n%s", w, src)
			}
			for _, r := range out {
				if r != '\n' && (unicode.IsControl(r) || r != '\u200d' && unicode.Is(unicode.Cf, r)) {
					t.Errorf("%q reached the screen", r)
				}
			}
			if tt.shown == "" {
				return
			}
			column := displaywidth.String(caret[:strings.Index(caret, "^")])
			if got := cells(src, column, displaywidth.String(strings.TrimSpace(strings.TrimLeft(caret, " |")))); got != tt.shown {
				t.Errorf("the carets are under %q, not %q:\n%s\n%s", got, tt.shown, src, caret)
			}
		})
	}
}

// cells is what stands in a line from a cell on.
func cells(line string, from, n int) string {
	var b strings.Builder
	at := 0
	for g := displaywidth.StringGraphemes(line); g.Next(); {
		if at >= from && at < from+n {
			b.WriteString(g.Value())
		}
		at += displaywidth.String(g.Value())
	}
	return b.String()
}

func TestColor(t *testing.T) {
	rep := validate.Report{Findings: []validate.Finding{finding(1, 1, "x")}}
	plain, colored := text(t, rep, report.TextOptions{}, source("f", "x")), text(t, rep, report.TextOptions{Color: true}, source("f", "x"))
	if strings.Contains(plain, "\x1b") || !strings.Contains(colored, "\x1b[31;1merror:") {
		t.Errorf("plain %q, coloured %q", plain, colored)
	}
}

// What a hostile object says must not steer the terminal.
func TestMessagesAreEscaped(t *testing.T) {
	f := finding(0, 0, "\x1b]0;x\a")
	f.Message, f.Why, f.Fix, f.Field = "\x1b[2J", "\r", "\u202e", "a\nb"
	out := text(t, validate.Report{Findings: []validate.Finding{f}}, report.TextOptions{}, report.Source{Name: "\x1b[1m"})
	if strings.ContainsAny(out, "\x1b\r\u202e\a") || strings.Contains(out, "a\nb") {
		t.Errorf("unescaped: %q", out)
	}
}

// On a terminal every part is wrapped at words, and the lines to paste are as they are; both lines are named, the file's and the value's.
func TestTextIsWrapped(t *testing.T) {
	f := finding(14, 5, "arn:aws:iam::111122223333:role/on-call")
	f.Message = "arn:aws:iam::111122223333:role/on-call loses all its groups, which were viewers and deployers"
	f.Fix, f.Lines, f.Why = "put these lines below its username:", []string{"  groups: # of " + strings.Repeat("x", 80), "  - viewers"}, strings.Repeat("because of it ", 9)+"again"
	file := report.Source{Name: "aws-auth.yaml", Text: strings.Repeat("\n", 23) + "    - rolearn: arn:aws:iam::111122223333:role/on-call\n",
		Locate: func(_ string, line, column int) (int, int, bool) { return line + 10, column + 11, true }}
	want := `aws-auth.yaml:24:16: error: AA203 role-arn-path:
    arn:aws:iam::111122223333:role/on-call loses all its groups, which were
    viewers and deployers
  24 |     - rolearn: arn:aws:iam::111122223333:role/on-call
     |                ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
    = in: data.mapRoles[0].rolearn, line 14 of mapRoles
    = fix: put these lines below its username:
          groups: # of ` + strings.Repeat("x", 80) + `
          - viewers
    = why: because of it because of it because of it because of it because of it
           because of it because of it because of it because of it again

1 error: would be denied
`
	if d := cmp.Diff(want, text(t, validate.Report{Findings: []validate.Finding{f}}, report.TextOptions{Width: 80}, file)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestJSON(t *testing.T) {
	moved := report.Source{Name: "f", Locate: func(_ string, line, column int) (int, int, bool) { return line + 10, column + 4, true }}
	for name, tt := range map[string]struct {
		rep     validate.Report
		sources []report.Source
		want    string
	}{
		"no findings": {validate.Report{Allowed: true}, nil, `{"allowed":true,"findings":[],"files":[{"file":"f","allowed":true,"errors":0,"warnings":0}]}`},
		"one, in the value": {validate.Report{Findings: []validate.Finding{finding(2, 3, "<v>")}}, nil, `{"allowed":false,"findings":[{"file":"","rule":"AA203","name":"role-arn-path","severity":"error",` +
			`"field":"data.mapRoles[0].rolearn","line":2,"column":3,"value":"<v>","message":"the message","why":"the why","fix":"the fix","preexisting":false,` +
			`"valueLine":2,"valueColumn":3}],"files":[{"file":"f","allowed":false,"errors":1,"warnings":0}]}`},
		"one, in the file": {validate.Report{Findings: []validate.Finding{finding(2, 3, "v")}}, []report.Source{moved}, `{"allowed":false,"findings":[{"file":"f","rule":"AA203","name":"role-arn-path","severity":"error",` +
			`"field":"data.mapRoles[0].rolearn","line":12,"column":7,"value":"v","message":"the message","why":"the why","fix":"the fix","preexisting":false,` +
			`"valueLine":2,"valueColumn":3}],"files":[{"file":"f","allowed":false,"errors":1,"warnings":0}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			var out, compact bytes.Buffer
			if err := report.JSON(&out, report.File{Name: "f", Report: tt.rep, Sources: tt.sources}); err != nil {
				t.Fatal(err)
			}
			if err := json.Compact(&compact, out.Bytes()); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, compact.String()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestSARIF(t *testing.T) {
	manifest := finding(1, 3, "\U0001F600x")
	warning := finding(0, 0, "")
	warning.Severity, warning.Field = validate.Warning, "immutable"
	for name, tt := range map[string]struct {
		findings []validate.Finding
		source   report.Source
		want     []string // uri, level, line:column-end of every result
	}{
		"none":                          {nil, source("a.yaml", ""), []string{}},
		"columns are characters":        {[]validate.Finding{manifest}, source("dir/a b.yaml", "a:\U0001F600x y"), []string{`{"artifactLocation":{"uri":"dir/a%20b.yaml"},"region":{"endColumn":5,"endLine":1,"startColumn":3,"startLine":1}} error`}},
		"no place, no region":           {[]validate.Finding{warning}, source("/abs/a.yaml", "x"), []string{`{"artifactLocation":{"uri":"file:///abs/a.yaml"}} warning`}},
		"a colon is no scheme":          {[]validate.Finding{warning}, source("a:b.yaml", "x"), []string{`{"artifactLocation":{"uri":"./a:b.yaml"}} warning`}},
		"a finding past the file's end": {[]validate.Finding{finding(9, 9, "v")}, source("a.yaml", "x"), []string{`{"artifactLocation":{"uri":"a.yaml"},"region":{"endColumn":10,"endLine":9,"startColumn":9,"startLine":9}} error`}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := report.SARIF(&b, []report.File{{Report: validate.Report{Findings: tt.findings}, Sources: []report.Source{tt.source}}}, validate.Catalogue(), "v1.2.3"); err != nil {
				t.Fatal(err)
			}
			parsed, err := sarif.FromBytes(b.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if err := parsed.Validate(); err != nil {
				t.Errorf("not SARIF 2.1.0 by its schema: %v", err)
			}
			var log struct {
				Schema, Version string
				Runs            []struct {
					ColumnKind string
					Tool       struct {
						Driver struct {
							Name, Version string
							Rules         []struct{ ID, Name string }
						}
					}
					Results []struct {
						RuleID    string
						RuleIndex int
						Level     string
						Locations []struct{ PhysicalLocation json.RawMessage }
					}
				}
			}
			if err := json.Unmarshal(b.Bytes(), &log); err != nil {
				t.Fatal(err)
			}
			run := log.Runs[0]
			if log.Version != "2.1.0" || run.ColumnKind != "unicodeCodePoints" || run.Tool.Driver.Version != "v1.2.3" || len(run.Tool.Driver.Rules) != len(validate.Catalogue()) {
				t.Errorf("version %q, columnKind %q, %d rules", log.Version, run.ColumnKind, len(run.Tool.Driver.Rules))
			}
			if !bytes.Contains(b.Bytes(), []byte(`"results"`)) || bytes.Contains(b.Bytes(), []byte("-1")) {
				t.Error("no results, or a -1")
			}
			got := []string{}
			for _, r := range run.Results {
				if run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
					t.Errorf("ruleIndex %d is %s, not %s", r.RuleIndex, run.Tool.Driver.Rules[r.RuleIndex].ID, r.RuleID)
				}
				var place bytes.Buffer
				if err := json.Compact(&place, r.Locations[0].PhysicalLocation); err != nil {
					t.Fatal(err)
				}
				got = append(got, place.String()+" "+r.Level)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestWriteErrorsAreReturned(t *testing.T) {
	rep := validate.Report{Allowed: true}
	for name, err := range map[string]error{
		"text":   report.Text(brokenPipe{}, rep, nil, report.TextOptions{}),
		"texts":  report.Texts(brokenPipe{}, []report.File{{Report: rep}}, report.TextOptions{}),
		"json":   report.JSON(brokenPipe{}, report.File{Report: rep}),
		"sarif":  report.SARIF(brokenPipe{}, []report.File{{Report: rep}}, nil, ""),
		"junit":  report.JUnit(brokenPipe{}, []report.File{{Report: rep}}),
		"github": report.GitHub(brokenPipe{}, []report.File{{Report: rep}}),
	} {
		if err == nil || !strings.Contains(err.Error(), "broken pipe") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
