package cli

import (
	"fmt"
	"strings"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

func newRules() *cobra.Command {
	output := outputForm("text", "json")
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List all rules",
		Long:  "List all rules: id, name, severity, and what each catches. 'kubectl awsauth explain RULE' says more of one.",
		Example: `  kubectl awsauth rules
  kubectl awsauth rules -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return printAnswer(cmd, output, ruleList(), rulesTable) },
	}
	output.flag(cmd, "output", "o", "output form")
	return cmd
}

// listedRule is a rule in the form that scripts read.
type listedRule struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Severity validate.Severity `json:"severity"`
	What     string            `json:"what"`
	Why      string            `json:"why"`
}

func ruleList() []listedRule {
	rules := []listedRule{}
	for _, r := range validate.Catalogue() {
		rules = append(rules, listedRule{r.ID, r.Name, r.Severity, r.What, r.Why})
	}
	return rules
}

func rulesTable(width int) string {
	if width <= 0 {
		width = 120
	}
	names := 0
	for _, r := range validate.Catalogue() {
		names = max(names, len(r.Name))
	}
	indent := len("AA101") + 2 + names + 2 + len("warning") + 2
	bold, dim := color.New(color.Bold), color.New(color.FgHiBlack)
	red, yellow := color.New(color.FgRed), color.New(color.FgYellow)
	b := &strings.Builder{}
	fmt.Fprintln(b, dim.Sprintf("%-5s  %-*s  %-7s  %s", "ID", names, "NAME", "LEVEL", "CATCHES"))
	for _, r := range validate.Catalogue() {
		level := red
		if r.Severity != validate.Error {
			level = yellow
		}
		what := wrap(r.What, max(width-indent, 30))
		fmt.Fprintf(b, "%s  %-*s  %s  %s\n", bold.Sprintf("%-5s", r.ID), names, r.Name, level.Sprintf("%-7s", r.Severity),
			strings.Join(what, "\n"+strings.Repeat(" ", indent)))
	}
	return b.String()
}
