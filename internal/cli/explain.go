package cli

import (
	"fmt"
	"strings"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

func newExplain() *cobra.Command {
	output := outputForm("text", "json", "yaml")
	cmd := &cobra.Command{
		Use:        "explain RULE",
		Short:      "Explain what a rule catches, why, and how to fix it",
		SuggestFor: []string{"describe", "rule"},
		Long: `Explain what a rule catches, why, and how to fix it. RULE is an id or a name, as
'kubectl awsauth rules' lists them.

Exit codes: 0 explained, 2 there is no such rule.`,
		Example: `  kubectl awsauth explain AA203
  kubectl awsauth explain role-arn-path`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("want one rule, by id or name, such as AA203 or role-arn-path")
			}
			return nil
		},
		ValidArgsFunction: completeRules,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := ruleNamed(args[0])
			if err != nil {
				return err
			}
			e := explainedRule{listedRule{r.ID, r.Name, r.Severity, r.What, r.Why}, r.Bad, r.Good}
			return printAnswer(cmd, output, e, e.text)
		},
	}
	output.flag(cmd, "output", "o", "output format")
	return cmd
}

// explainedRule is a rule with its examples, in the form that scripts read.
type explainedRule struct {
	listedRule
	Bad  string `json:"bad"`
	Good string `json:"good"`
}

func (r explainedRule) text(width int) string {
	bold, cyan, dim := color.New(color.Bold), color.New(color.FgCyan), color.New(color.FgHiBlack)
	red, green := color.New(color.FgRed, color.Bold), color.New(color.FgGreen, color.Bold)
	width = proseWidth(width)
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s %s %s\n", cyan.Sprint(r.ID), bold.Sprint(r.Name), dim.Sprintf("(%s)", r.Severity))
	paragraph := func(title, s string) {
		if s != "" {
			fmt.Fprintf(b, "\n%s\n%s", bold.Sprint(title), hanging(width, "  ", "  ", s))
		}
	}
	paragraph("What it catches", r.What)
	paragraph("Why", r.Why)
	example := func(title string, style *color.Color, s string) {
		if s != "" {
			fmt.Fprintf(b, "\n%s\n%s", style.Sprint(title), indented(s))
		}
	}
	example("Found", red, r.Bad)
	example("Better", green, r.Good)
	return b.String()
}

// indented moves an example to the right. A tab is what some examples are about, so it is shown.
func indented(s string) string {
	b := &strings.Builder{}
	for line := range strings.Lines(s) {
		b.WriteString("  " + strings.ReplaceAll(line, "\t", "<tab>"))
	}
	if !strings.HasSuffix(s, "\n") {
		b.WriteByte('\n')
	}
	return b.String()
}

// ruleNamed finds a rule by id or name.
func ruleNamed(name string) (validate.Rule, error) {
	if r, ok := validate.Lookup(name); ok {
		return r, nil
	}
	var words []string
	for _, r := range validate.Catalogue() {
		words = append(words, r.ID, r.Name)
	}
	if meant := nearest(name, words); meant != "" {
		return validate.Rule{}, fmt.Errorf("unknown rule %q; did you mean %s?", name, meant)
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
