package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

func newRules() *cobra.Command {
	output := oneOf{"text", []string{"text", "json"}}
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List all rules",
		Long:  "List all rules: id, name, severity, and what each catches. 'kubectl awsauth explain RULE' says more of one.",
		Example: `  kubectl awsauth rules
  kubectl awsauth rules -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output.value == "json" {
				return rulesJSON(cmd.OutOrStdout())
			}
			return rulesTable(cmd.OutOrStdout())
		},
	}
	cmd.Flags().VarP(&output, "output", "o", "output form")
	_ = cmd.RegisterFlagCompletionFunc("output", output.complete) // fails only for a flag that does not exist
	return cmd
}

func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unexpected argument %q", args[0])
	}
	return nil
}

func rulesJSON(w io.Writer) error {
	type rule struct {
		ID       string            `json:"id"`
		Name     string            `json:"name"`
		Severity validate.Severity `json:"severity"`
		What     string            `json:"what"`
		Why      string            `json:"why"`
	}
	rules := []rule{}
	for _, r := range validate.Catalogue() {
		rules = append(rules, rule{r.ID, r.Name, r.Severity, r.What, r.Why})
	}
	return writeJSON(w, rules)
}

func rulesTable(w io.Writer) error {
	width := 0
	for _, r := range validate.Catalogue() {
		width = max(width, len(r.Name))
	}
	indent := len("AA101") + 2 + width + 2 + len("warning") + 2
	room := textOptions(w).Width
	if room <= 0 {
		room = 120
	}
	bold, dim, red, yellow := color.New(color.Bold), color.New(color.FgHiBlack), color.New(color.FgRed), color.New(color.FgYellow)
	b := &strings.Builder{}
	fmt.Fprintln(b, dim.Sprintf("%-5s  %-*s  %-7s  %s", "ID", width, "NAME", "LEVEL", "CATCHES"))
	for _, r := range validate.Catalogue() {
		level := red
		if r.Severity != validate.Error {
			level = yellow
		}
		what := wrap(r.What, max(room-indent, 30))
		fmt.Fprintf(b, "%s  %-*s  %s  %s\n", bold.Sprintf("%-5s", r.ID), width, r.Name, level.Sprintf("%-7s", r.Severity),
			strings.Join(what, "\n"+strings.Repeat(" ", indent)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap breaks a text into lines of at most width characters.
func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// ruleNamed finds a rule by id or name.
func ruleNamed(name string) (validate.Rule, error) {
	if r, ok := validate.Lookup(name); ok {
		return r, nil
	}
	best, distance := "", 4
	for _, r := range validate.Catalogue() {
		for _, known := range []string{r.ID, r.Name} {
			if d := levenshtein.Distance(strings.ToLower(name), strings.ToLower(known), nil); d < distance {
				best, distance = known, d
			}
		}
	}
	if best != "" {
		return validate.Rule{}, fmt.Errorf("unknown rule %q; did you mean %s?", name, best)
	}
	return validate.Rule{}, fmt.Errorf("unknown rule %q; 'kubectl awsauth rules' lists them", name)
}

func completeRules(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var all []string
	for _, r := range validate.Catalogue() {
		for _, pair := range [][2]string{{r.ID, r.Name}, {r.Name, r.ID}} {
			if strings.HasPrefix(pair[0], typed) {
				all = append(all, pair[0]+"\t"+pair[1])
			}
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}
