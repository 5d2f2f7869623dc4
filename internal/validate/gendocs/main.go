// Command gendocs writes docs/rules.md from the catalogue: `go generate ./internal/validate`.
package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"regexp"
	"strings"
	"text/template"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

//go:embed rules.md.tmpl
var page string

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gendocs FILE")
		os.Exit(2)
	}
	text, err := render(validate.Catalogue())
	if err == nil {
		err = os.WriteFile(os.Args[1], text, 0o644) //nolint:gosec // a page for everybody
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}

// chapter is the rules of one hundred.
type chapter struct {
	Title, About string
	Rules        []validate.Rule
}

// chapters are what the hundreds speak of, by the first digit.
var chapters = map[byte]chapter{
	'1': {Title: "The text", About: "What EKS reads of the values, and what it drops silently."},
	'2': {Title: "ARNs and templates", About: "Entries that EKS keeps and that match nobody, or somebody else than was meant."},
	'3': {Title: "IAM", About: "Whether the principals exist. Asked only about ARNs that the edit brings, and only if the guard may ask IAM."},
	'4': {Title: "What is given", About: "Grants of the whole cluster, and of identities that are not for people."},
	'5': {Title: "What is taken away", About: "Edits that lock nodes or people out."},
}

// render makes the page of the rules, which come sorted by id.
func render(rules []validate.Rule) ([]byte, error) {
	var all []chapter
	last := byte(0)
	for _, r := range rules {
		digit := r.ID[len("AA")]
		if digit != last {
			c, ok := chapters[digit]
			if !ok {
				return nil, fmt.Errorf("rule %s is in no chapter", r.ID)
			}
			all, last = append(all, c), digit
		}
		all[len(all)-1].Rules = append(all[len(all)-1].Rules, r)
	}
	t, err := template.New("rules.md").Funcs(template.FuncMap{"cell": cell, "sentence": sentence, "code": code, "anchor": anchor}).Parse(page)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, all)
	return b.Bytes(), err
}

// plain keeps what is not Markdown from being taken for it.
var plain = strings.NewReplacer("<", "&lt;", "*", "\\*", "_", "\\_", "|", "\\|")

var placeholder = regexp.MustCompile(`\{\{[^{}]*\}\}`)

// cell is a text of the catalogue in Markdown, placeholders as code.
func cell(s string) string { return placeholder.ReplaceAllString(plain.Replace(s), "`$0`") }

// sentence is a text of the catalogue with a capital letter and a full stop.
func sentence(s string) string { return cell(strings.ToUpper(s[:1])+s[1:]) + "." }

// code is an example. Tabs are what some are about, so they are shown.
func code(s string) string { return strings.TrimSuffix(strings.ReplaceAll(s, "\t", "<tab>"), "\n") }

// anchor is what GitHub makes of a heading.
func anchor(r validate.Rule) string { return strings.ToLower(r.ID) + "-" + r.Name }
