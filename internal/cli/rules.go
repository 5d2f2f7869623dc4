package cli

import (
	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

func newRules() *cobra.Command {
	output := outputForm("text", "wide", "json", "yaml", "name")
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List all rules",
		Long: `List all rules: id, name, severity, and what each catches. -o wide also says
why, -o name prints the ids alone. 'kubectl awsauth explain RULE' has examples.

Exit codes: 0 listed, 2 could not run.`,
		Example: `  kubectl awsauth rules
  kubectl awsauth rules -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := ruleList{}
			for _, r := range validate.Catalogue() {
				list = append(list, listedRule{r.ID, r.Name, r.Severity, r.What, r.Why})
			}
			if output.value == "wide" {
				return printAnswer(cmd, output, list, list.wide)
			}
			return printAnswer(cmd, output, list, list.text)
		},
	}
	output.flag(cmd, "output", "o", "output format")
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

type ruleList []listedRule

func (l ruleList) names() []string {
	var ids []string
	for _, r := range l {
		ids = append(ids, r.ID)
	}
	return ids
}

func (l ruleList) text(width int) string {
	c := columns{header: []string{"ID", "NAME", "LEVEL", "CATCHES"}, prose: true, style: l.style}
	for _, r := range l {
		c.rows = append(c.rows, []string{r.ID, r.Name, string(r.Severity), r.What})
	}
	return c.text(width)
}

// wide has one line for each rule, whatever the width.
func (l ruleList) wide(int) string {
	c := columns{header: []string{"ID", "NAME", "LEVEL", "CATCHES", "WHY"}, style: l.style}
	for _, r := range l {
		c.rows = append(c.rows, []string{r.ID, r.Name, string(r.Severity), r.What, r.Why})
	}
	return c.text(0)
}

func (l ruleList) style(row, column int, cell string) string {
	const id, level = 0, 2
	switch {
	case row == 0:
		return color.HiBlackString("%s", cell)
	case column == id:
		return color.New(color.Bold).Sprint(cell)
	case column == level && l[row-1].Severity == validate.Error:
		return color.RedString("%s", cell)
	case column == level:
		return color.YellowString("%s", cell)
	}
	return cell
}
