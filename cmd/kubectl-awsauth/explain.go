package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/fatih/color"
	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

func newExplain() *cobra.Command {
	return &cobra.Command{
		Use:   "explain RULE",
		Short: "Say what a rule catches, why, and how to write it right",
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
			return explain(cmd.OutOrStdout(), r)
		},
	}
}

func explain(w io.Writer, r validate.Rule) error {
	bold, cyan, dim := color.New(color.Bold), color.New(color.FgCyan), color.New(color.FgHiBlack)
	red, green := color.New(color.FgRed, color.Bold), color.New(color.FgGreen, color.Bold)
	room := textOptions(w).Width
	if room <= 0 || room > 100 {
		room = 100
	}
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s %s %s\n", cyan.Sprint(r.ID), bold.Sprint(r.Name), dim.Sprintf("(%s)", r.Severity))
	paragraph := func(title, s string) {
		if s != "" {
			fmt.Fprintf(b, "\n%s\n  %s\n", bold.Sprint(title), strings.Join(wrap(s, room-2), "\n  "))
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
	_, err := io.WriteString(w, b.String())
	return err
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
