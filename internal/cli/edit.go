package cli

import (
	"github.com/spf13/cobra"
)

func newEdit() *cobra.Command {
	o := newMappingOptions()
	var kept string
	cmd := &cobra.Command{
		Use:   "edit [-f FILE] [--continue FILE]",
		Short: "Edit aws-auth in your editor, with findings below the lines they are about",
		Long: `Edit aws-auth in your editor, with findings below the lines they are about.

The editor is that of kubectl edit: $KUBE_EDITOR, $EDITOR or vi. It shows mapRoles,
mapUsers and mapAccounts as YAML, as they are, with their comments. When you save
and close it, the text is judged here, as by 'kubectl awsauth check', and by the
cluster. Findings that deny it come back as comments below the lines they are
about; they are taken out again by themselves. Without any, the edit is applied,
and you see who gains and loses access.

To leave, save without a change. What you typed is kept in a file then, and
--continue opens it again.

If somebody else changes aws-auth meanwhile, your edit is merged, unless both
changed the same list: then the editor shows what the other changed.

With -f a manifest is edited in place, and the cluster is not asked.

Exit codes: 0 applied, or no changes; 1 denied; 2 could not run.`,
		Example: `  kubectl awsauth edit

  # only show what would change
  kubectl awsauth edit --dry-run

  # another editor
  KUBE_EDITOR="code --wait" kubectl awsauth edit`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q; did you mean -f %s?", args[0], args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.file == "-" {
				return usagef("standard input (-) is the editor's; name a file, or leave -f out for the object in the cluster")
			}
			e := &editing{mapping: o.start(cmd)}
			defer e.checker.notAsked()
			return e.finish(e.runKeeping(cmd.Context(), kept))
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().Var(oneFile{&kept}, "continue", "go on with the `FILE` that keeps what you typed before")
	o.flags(cmd)
	return cmd
}
