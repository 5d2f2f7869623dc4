// Command newrule writes the files of a rule that does not exist yet: `make new-rule ID=AA199 NAME=what-it-catches`.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: newrule DIRECTORY-OF-VALIDATE ID NAME")
		os.Exit(2)
	}
	files, err := write(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, "newrule:", err)
		os.Exit(1)
	}
	fmt.Println("Written, to be filled in by hand:")
	for _, f := range files {
		fmt.Println("  " + f)
	}
	fmt.Println("Then `make golden` writes what the cases expect and all that is generated from the rules. Read it.")
}

var (
	validID   = regexp.MustCompile(`^AA[1-5][0-9]{2}$`)
	validName = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
)

// kinds are what the rules of each hundred mostly are, by the first digit.
var kinds = map[byte]struct{ category, field, context string }{
	'1': {"Text", "Entry", "EntryContext"},
	'2': {"ARN", "Entry", "EntryContext"},
	'3': {"Principal", "Edit", "EditContext"},
	'4': {"Grant", "Edit", "EditContext"},
	'5': {"Loss", "Edit", "EditContext"},
}

// write makes the rule, an edit that it finds and one that it does not, and puts it into the catalogue.
func write(dir, id, name string) ([]string, error) {
	switch {
	case !validID.MatchString(id):
		return nil, fmt.Errorf("invalid id %q, want AA and three digits, from AA100 to AA599", id)
	case !validName.MatchString(name):
		return nil, fmt.Errorf("invalid name %q, want lower-case words joined by -, such as role-arn-path", name)
	}
	for _, r := range validate.Catalogue() {
		if r.ID == id || r.Name == name {
			return nil, fmt.Errorf("rule %s %s exists already; ids and names are not used again", r.ID, r.Name)
		}
	}
	kind := kinds[id[len("AA")]]
	variable := camel(name)
	contents := map[string]string{
		filepath.Join(dir, "rules", strings.ReplaceAll(name, "-", "_")+".go"): strings.NewReplacer("RULEID", id, "NAME", name, "VARIABLE", variable,
			"CHECK", "check"+strings.ToUpper(variable[:1])+variable[1:], "CATEGORY", kind.category, "FIELD", kind.field, "CONTEXT", kind.context).Replace(source),
		filepath.Join(dir, "testdata", id, "hit.txtar"):       "TODO: what the rule finds.\n" + edit,
		filepath.Join(dir, "testdata", id, "near-miss.txtar"): "TODO: what looks like it, and is right.\n" + edit,
	}
	for path, text := range contents {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // sources are for everybody
			return nil, err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // see above
			return nil, err
		}
	}
	files := slices.Sorted(func(yield func(string) bool) {
		for path := range contents {
			if !yield(path) {
				return
			}
		}
	})
	return files, list(filepath.Join(dir, "rules", "catalogue.go"), id, variable)
}

// camel is a name as a variable: roleArnPath.
func camel(name string) string {
	words := strings.Split(name, "-")
	for i, w := range words[1:] {
		words[i+1] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

// list puts the rule at the end of its hundred.
func list(path, id, variable string) error {
	text, err := os.ReadFile(path) //nolint:gosec // the caller's own checkout
	if err != nil {
		return err
	}
	mark := "// " + id[:3] + "xx\n"
	begin := strings.Index(string(text), mark)
	if begin < 0 {
		return fmt.Errorf("%s has no line %q", path, strings.TrimSpace(mark))
	}
	begin += len(mark)
	end := begin + strings.IndexByte(string(text[begin:]), '\n')
	return os.WriteFile(path, slices.Concat(text[:end], []byte(" "+variable+","), text[end:]), 0o644) //nolint:gosec // sources are for everybody
}

const source = `package rules

import "github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"

var VARIABLE = &rule.Rule{
	ID: "RULEID", Name: "NAME", Severity: rule.Error, Category: rule.CATEGORY,
	What: "TODO: what it catches",
	Why:  "TODO: what would happen on EKS",
	Bad:  goodNodesAndCI, Good: goodNodesAndCI, // TODO: what it finds, and what is right
	FIELD: CHECK,
}

// CHECK TODO: reports through c.Report(position, rule.Finding{Message, Why, Fix, Subject}).
func CHECK(c *rule.CONTEXT) {
}
`

const edit = `
-- new mapRoles --
@base
- rolearn: arn:aws:iam::111122223333:role/ci
  username: ci
  groups: [deployers]
`
