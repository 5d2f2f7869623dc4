package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
)

// textWidth is how wide sentences are printed: they are read more easily in short lines, on a wide terminal too.
const textWidth = 80

// proseWidth is that on a terminal of some width; 0 is none.
func proseWidth(terminal int) int {
	if terminal > 0 && terminal < textWidth {
		return terminal
	}
	return textWidth
}

// printHelp prints the help of a command. Cobra's own knows no width.
func printHelp(cmd *cobra.Command, _ []string) {
	out := cmd.OutOrStdout()
	width := proseWidth(textOptions(out).Width)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage:\n  %s\n", filled(cmp.Or(cmd.Long, cmd.Short), width), cmd.UseLine())
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	b.WriteString(commandsText(cmd, width))
	own, ofTheCluster := pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError)
	own.SortFlags, ofTheCluster.SortFlags = false, false
	sort := func(f *pflag.Flag) {
		if ofCluster(f) {
			ofTheCluster.AddFlag(f)
		} else {
			own.AddFlag(f)
		}
	}
	cmd.LocalFlags().VisitAll(sort)
	cmd.InheritedFlags().VisitAll(sort)
	fmt.Fprintf(&b, "\nFlags:\n%s", own.FlagUsagesWrapped(width))
	if ofTheCluster.HasFlags() {
		fmt.Fprintf(&b, "\nFlags of the cluster, as kubectl has them:\n%s", ofTheCluster.FlagUsagesWrapped(width))
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n'%s COMMAND --help' describes a command.\n", cmd.CommandPath())
	}
	_, _ = io.WriteString(out, b.String()) // there is nobody to say it to
}

// filled wraps the paragraphs of a text, except those with indented lines, which are text to copy.
func filled(text string, width int) string {
	paragraphs := strings.Split(strings.TrimSpace(text), "\n\n")
	for i, p := range paragraphs {
		if !strings.HasPrefix(p, " ") && !strings.Contains(p, "\n ") {
			paragraphs[i] = strings.Join(phrase.Wrap(strings.Join(strings.Fields(p), " "), width), "\n")
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// newHelp is the command "help". Cobra's own takes any word, and prints a help of its own for one that is no command.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Print the help of a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			at := cmd.Root()
			for _, name := range args {
				i := slices.IndexFunc(at.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
				if i < 0 {
					return noCommand(at, name)
				}
				at = at.Commands()[i]
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, c := range cmd.Root().Commands() {
				if c.IsAvailableCommand() && len(args) == 0 && strings.HasPrefix(c.Name(), typed) {
					names = append(names, c.Name()+"\t"+c.Short)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// commandsText lists the commands below one.
func commandsText(cmd *cobra.Command, width int) string {
	var rows [][2]string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			rows = append(rows, [2]string{c.Name(), c.Short})
		}
	}
	if len(rows) == 0 {
		return ""
	}
	return "\nCommands:\n" + pairs(width, "  ", rows)
}
