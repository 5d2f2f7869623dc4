package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/version"
)

const (
	exitAdmitted = 0
	exitDenied   = 1
	exitFailed   = 2
)

// errNo ends a command whose answer is no, as diff itself does. The answer is printed already.
var errNo = errors.New("the answer is no")

// run is the whole program but for the process around it. settle returns when what exec plugins had to say is on
// stderr.
func run(ctx context.Context, args []string, std streams, settle func()) int {
	out, errs := newScreen(std.out), newScreen(std.err)
	defer out.flush()
	defer errs.flush()
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(out)
	root.SetErr(errs)
	describeCompletion(root)
	cmd, err := root.ExecuteContextC(ctx)
	settle()
	switch {
	case err == nil:
		return exitAdmitted
	case errors.Is(err, errNo):
		return exitDenied
	case errors.Is(err, errVersion):
		fmt.Fprintln(out, version.Version())
		return exitAdmitted
	case cmd == root:
		err = unknownCommand(root, err)
	}
	writeError(errs, cmd, err)
	return exitFailed
}

// writeError says why a command could not run, and what to type instead.
func writeError(w io.Writer, cmd *cobra.Command, err error) {
	fmt.Fprintf(w, "error: %s\n", errorText(err))
	for _, fix := range fixesOf(err) {
		fmt.Fprintf(w, "  = fix: %s\n", report.Visible(fix))
	}
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(w, "see '%s --help'\n", cmd.CommandPath())
	}
}

// Command is the plugin as cobra knows it, for the man pages.
func Command() *cobra.Command { return newRoot() }

func newRoot() *cobra.Command {
	var showVersion bool
	root := &cobra.Command{
		Use:   "kubectl-awsauth",
		Short: "Check the aws-auth ConfigMap of Amazon EKS before the cluster reads it",
		Long: `Check the aws-auth ConfigMap of Amazon EKS before the cluster reads it.

The verdicts are those of the aws-auth-guard webhook: the same rules, the same
policy.

Exit codes: 0 would be allowed, 1 would be denied, 2 could not run. Each
command's help has its own.`,
		Example: `  # check a manifest as an edit of what the cluster has now
  kubectl awsauth check -f aws-auth.yaml --against live

  # who can authenticate, as what
  kubectl awsauth access

  # what a rule means, and how to fix what it reports
  kubectl awsauth explain AA203`,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl awsauth"},
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if showVersion {
				return errVersion
			}
			return cmd.Help()
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	// Cobra's own flag prints more than the version, and a template of its own would link text/template: 35 MB of program.
	root.Flags().BoolVarP(&showVersion, "version", "v", false, "print the version")
	colors := colorFlag(root)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		setColor(cmd, colors.value)
		setQuiet(cmd)
		return checkClusterFlags(cmd)
	}
	root.SetFlagErrorFunc(flagError)
	root.SetHelpFunc(printHelp)
	check := newCheck()
	quietFlag(check)
	root.AddCommand(check, newAccess(), newDiff(), newWhois(), newFleet(), newExplain(), newRules(), newIAMPolicy(),
		newPolicy(), newVersion(), newAdd(), newRemove(), newSet(), newEdit())
	root.SetHelpCommand(newHelp())
	completeFlags(root)
	return root
}
