package validate_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// hundred is an aws-auth of a hundred roles beside the nodes', in block style.
func hundred() string {
	var b strings.Builder
	b.WriteString(nodeRole)
	for i := range 100 {
		fmt.Fprintf(&b, "- rolearn: arn:aws:iam::111122223333:role/team-%d\n  username: team-%d\n  groups:\n  - viewers\n  - team-%d\n", i, i, i)
	}
	return b.String()
}

var sizes = map[string]string{"100 roles": hundred(), "1 MiB": full()}

func BenchmarkParse(b *testing.B) {
	for name, text := range sizes {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				awsauth.Parse(roles0(text))
			}
		})
	}
}

func BenchmarkAccess(b *testing.B) {
	for name, text := range sizes {
		doc, _ := awsauth.Parse(roles0(text))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				doc.Access()
			}
		})
	}
}

// BenchmarkValidate judges edits as the API server sends them: the old object is the one judged before, and so in the
// cache, unless it says cold.
func BenchmarkValidate(b *testing.B) {
	text := hundred()
	changed := func(text string) string { return strings.Replace(text, "[deployers]", "[deployers, viewers]", 1) }
	deny := strings.Replace(text, "role/team-50\n", "role/x/team-50\n", 1) + admin
	for name, bench := range map[string]struct {
		old, updated string
		cold         bool
		allowed      bool
	}{
		"unchanged":        {text, text, false, true},
		"1 of 100 changed": {text, strings.Replace(text, "username: team-50\n", "username: team-fifty\n", 1), false, true},
		"1 changed, cold":  {text, strings.Replace(text, "username: team-50\n", "username: team-fifty\n", 1), true, true},
		"denied":           {text, deny, false, false},
		"1 MiB unchanged":  {full(), full(), false, true},
		"1 MiB":            {full(), changed(full()), false, true},
		"1 MiB, cold":      {full(), changed(full()), true, true},
		"1 MiB of paths":   {full(), hostile["1 MiB of paths"], false, false},
	} {
		b.Run(name, func(b *testing.B) {
			v := validator(b, "")
			req := validate.Request{Operation: validate.Update, Old: aconfigmap(roles0(bench.old)), New: aconfigmap(roles0(bench.updated))}
			b.ReportAllocs()
			b.SetBytes(int64(len(bench.updated)))
			v.Validate(context.Background(), req)
			for i := 0; b.Loop(); i++ {
				switch {
				case bench.cold:
					v = validator(b, "")
				case bench.old != bench.updated: // another one each time, or it would be in the cache as well
					req.New = aconfigmap(roles0(fmt.Sprintf("%s# %d\n", bench.updated, i)))
				}
				if rep := v.Validate(context.Background(), req); rep.Allowed != bench.allowed {
					b.Fatal(told(rep))
				}
			}
		})
	}
}

func BenchmarkRender(b *testing.B) {
	for name, text := range map[string]string{"two findings": strings.Replace(hundred(), "role/team-50\n", "role/x/team-50\n", 1) + admin, "1 MiB of paths": hostile["1 MiB of paths"]} {
		rep := create(validator(b, ""), roles0(text))
		sources := []report.Source{{Name: "mapRoles", Text: text, Locate: func(_ string, line, column int) (int, int, bool) { return line, column, true }}}
		for form, render := range map[string]func() error{
			"text": func() error { return report.Text(io.Discard, rep, sources, report.TextOptions{}) },
			"JSON": func() error { return report.JSON(io.Discard, report.File{Report: rep, Sources: sources}) },
			"SARIF": func() error {
				return report.SARIF(io.Discard, []report.File{{Report: rep, Sources: sources}}, validate.Catalogue(), "test")
			},
		} {
			b.Run(name+"/"+form, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := render(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkStanding mends a megabyte that was no YAML and has thousands of other faults, none of which stood there.
func BenchmarkStanding(b *testing.B) {
	faulty := func(salt string) string {
		var s strings.Builder
		s.WriteString(nodeRole)
		for i := range 9900 {
			fmt.Fprintf(&s, "- rolearn: arn:aws:iam::111122223333:role/p/%s%d\n  username: u\n  groups: [viewers, more-of-them]\n", salt, i)
		}
		return s.String()
	}
	v := validator(b, "")
	req := validate.Request{Operation: validate.Update, Old: aconfigmap(roles0(faulty("a") + "- rolearn: 'x")), New: aconfigmap(roles0(faulty("b")))}
	b.ReportAllocs()
	for b.Loop() {
		if v.Validate(context.Background(), req).Allowed {
			b.Fatal("let in")
		}
	}
}
