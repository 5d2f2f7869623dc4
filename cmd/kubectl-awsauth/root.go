package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/version"
)

const (
	exitAdmitted = 0
	exitDenied   = 1
	exitFailed   = 2
)

// errDenied ends a command whose answer is no. The answer is printed already.
var errDenied = errors.New("would be denied")

// run is the whole program but for the process around it. settle returns when what exec plugins had to say is on stderr.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, settle func()) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	out, errs := newScreen(stdout), newScreen(stderr)
	defer out.flush()
	defer errs.flush()
	root.SetOut(out)
	root.SetErr(errs)
	cmd, err := root.ExecuteContextC(ctx)
	settle()
	switch {
	case err == nil:
		return exitAdmitted
	case errors.Is(err, errDenied), errors.Is(err, errDiffers), errors.Is(err, errNobody):
		return exitDenied
	}
	fmt.Fprintf(errs, "error: %s\n", errorText(err))
	for _, fix := range fixesOf(err) {
		fmt.Fprintf(errs, "  = fix: %s\n", printable(fix))
	}
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(errs, "see '%s --help'\n", cmd.CommandPath())
	}
	return exitFailed
}

// usageError is a mistake in the command line itself.
type usageError struct{ error }

func usagef(format string, a ...any) error { return usageError{fmt.Errorf(format, a...)} }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-awsauth",
		Short: "Check the aws-auth ConfigMap of Amazon EKS before the cluster reads it",
		Long: `Check the aws-auth ConfigMap of Amazon EKS before the cluster reads it.

The verdicts are those of the aws-auth-guard webhook: the same rules, the same policy file.

Exit codes: 0 would be admitted, 1 would be denied, 2 could not run.`,
		Example: `  # judge a manifest as if it were created
  kubectl awsauth check -f aws-auth.yaml

  # judge it as an edit of what the cluster has now
  kubectl awsauth check -f aws-auth.yaml --against live

  # what a rule means, and how to write it right
  kubectl awsauth explain AA203`,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl awsauth"},
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version.Version(),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q, want check, access, diff, whois, fleet, explain, rules or iam-policy", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.SetVersionTemplate("{{.Version}}\n")
	root.AddCommand(newCheck(), newAccess(), newDiff(), newWhois(), newFleet(), newExplain(), newRules(), newIAMPolicy())
	return root
}

// oneOf is a flag that takes one of a few words.
type oneOf struct {
	value string
	words []string
}

func (o *oneOf) String() string { return o.value }
func (o *oneOf) Type() string   { return strings.Join(o.words, "|") }
func (o *oneOf) Set(s string) error {
	for _, w := range o.words {
		if s == w {
			o.value = s
			return nil
		}
	}
	return fmt.Errorf("want %s", strings.Join(o.words, " or "))
}

func (o *oneOf) complete(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return o.words, cobra.ShellCompDirectiveNoFileComp
}
