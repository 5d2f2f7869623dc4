package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
)

type checkOptions struct {
	files     []string
	recursive bool
	values    [3]string // files with the values of awsauth.Keys
	against   string
	fix       bool
	dryRun    bool
	output    oneOf
	cluster   clusterOptions
	policy    policyOptions
	rbac      rbacOptions
	aws       awsOptions
}

// valueFlags give the values of awsauth.Keys.
var valueFlags = [3]string{"map-roles", "map-users", "map-accounts"}

func newCheck() *cobra.Command {
	o := &checkOptions{aws: newAWSOptions(), output: outputForm("text", "json", "yaml", "sarif", "junit", "github")}
	cmd := &cobra.Command{
		Use:   "check [-f FILE|DIRECTORY ...] [--against live|FILE]",
		Short: "Judge an aws-auth ConfigMap as the webhook would",
		Long: `Judge an aws-auth ConfigMap as the webhook would, with the place of every mistake and the text to write instead.

FILE is a manifest in YAML or JSON, as it is kept in git or as kubectl get -o yaml prints it; - is standard input.
It may hold other objects too. The manifest's own YAML is checked as well. Of a DIRECTORY all *.yaml, *.yml and *.json
are looked at, with -R those in the directories below it too; those without aws-auth are counted. Without a FILE, the
object in the cluster is judged.

Without --against an object is judged as a new one. With it, as an edit: a mistake that is already there is a warning.
An object that was read from the current cluster, such as the copy that kubectl edit keeps, is judged as an edit of
what the cluster has now, also if nothing is edited in it.

Where the cluster is asked, its policy applies, and its RBAC says which groups and usernames are equivalent to
cluster-admin. With AWS credentials, IAM says if the principals exist, and EC2 and EKS which running nodes lose access.
The edit counts as yours, or that of --as: break-glass groups, exempt usernames and the policy's approvers are looked at.
What could not be checked is printed to standard error.

--fix writes the mechanical fixes into the files, and shows them: normal spaces for tabs and no-break spaces, role ARNs
without their path, roles for their sessions, the letter case of keys, no blanks at the end of a line. Nothing else is
touched, and what does not read better is left alone. From standard input, the fixed text goes to standard output.

Lines and columns are those of the file, in every output form; columns count characters.

Exit codes: 0 all would be allowed, 1 one would be denied, 2 one could not be checked.`,
		Example: `  # what is in the cluster now
  kubectl awsauth check

  # a manifest, as an edit of what the cluster has now
  kubectl awsauth check -f aws-auth.yaml --against live

  # in CI, without a cluster: all manifests of a repository
  kubectl awsauth check -R -f clusters/ --policy policy.yaml -o github

  # the copy that kubectl edit keeps of an edit that was denied
  kubectl awsauth check -f /tmp/kubectl-edit-2674031985.yaml

  # fix what can be fixed mechanically; --dry-run only shows it
  kubectl awsauth check -f aws-auth.yaml --fix --dry-run

  # a bare mapRoles, as Terraform renders it
  kubectl awsauth check --map-roles roles.yaml

  # for GitHub code scanning
  kubectl awsauth check -f aws-auth.yaml -o sarif > aws-auth.sarif`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q; did you mean -f %s?", args[0], args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.flags(cmd)
	return cmd
}

func (o *checkOptions) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVarP(&o.files, "filename", "f", nil,
		"manifest `FILE` that holds the aws-auth ConfigMap, or a directory; - is standard input; may be repeated")
	flags.BoolVarP(&o.recursive, "recursive", "R", false, "look into the directories below those of -f, too")
	for i, name := range valueFlags {
		flags.Var(oneFile{&o.values[i]}, name,
			"`FILE` that holds the bare value of data."+awsauth.Keys[i]+"; - is standard input")
	}
	flags.Var(oneFile{&o.against}, "against",
		"judge as an edit of `live|FILE`: the object in the cluster, or that in a manifest")
	flags.BoolVar(&o.fix, "fix", false, "write mechanical fixes into the files, and show them")
	flags.BoolVar(&o.dryRun, "dry-run", false, "with --fix, only show the fixes")
	o.output.flag(cmd, "output", "o", "output format")
	o.policy.flags(flags)
	o.rbac.flags(flags)
	o.aws.flags(cmd)
	o.cluster.flags(flags)
}

// legal is an error for flags that do not go together.
func (o *checkOptions) legal() error {
	values, stdin := 0, 0
	for _, f := range slices.Concat(o.values[:], o.files, []string{o.against, o.rbac.from, o.policy.from}) {
		if f == "-" {
			stdin++
		}
	}
	for _, f := range o.values {
		if f != "" {
			values++
		}
	}
	switch {
	case len(o.files) > 0 && values > 0:
		return usagef("-f gives the whole object and --map-roles, --map-users, --map-accounts its values; " +
			"use one or the other")
	case stdin > 1:
		return usagef("standard input (-) can be read only once")
	case len(o.files) == 0 && o.recursive:
		return usagef("--recursive has a meaning only with -f DIRECTORY")
	case len(o.files) == 0 && values == 0 && o.fix:
		return usagef("--fix writes into files: give one with -f; 'kubectl awsauth edit' changes the object in the cluster")
	case len(o.files) == 0 && values == 0 && o.against == live:
		return usagef("--against live compares a file with the object in the cluster: give the file with -f")
	case o.fixesStdin() && o.output.value != "text":
		return usagef("--fix writes the text of standard input to standard output, where -o %s goes; use one or the other",
			o.output.value)
	case o.dryRun && !o.fix:
		return usagef("--dry-run has a meaning only with --fix")
	}
	return nil
}

// fixesStdin reports that the fixed text goes to standard output.
func (o *checkOptions) fixesStdin() bool {
	return o.fix && !o.dryRun && (slices.Contains(o.files, "-") || slices.Contains(o.values[:], "-"))
}

// live is the object in the cluster, in flags that may name a file as well.
const live = "live"

// run checks everything, prints one report, and ends with the worst that was found.
func (o *checkOptions) run(cmd *cobra.Command) error {
	if err := o.legal(); err != nil {
		return err
	}
	c := &checker{checkOptions: o, cmd: cmd, in: &input{stdin: cmd.InOrStdin()}}
	drafts, files, err := c.drafts()
	if err != nil {
		return err
	}
	for _, d := range drafts {
		files = append(files, c.judge(d))
	}
	c.notAsked()
	var failures []error
	for _, f := range files {
		if f.Err != nil {
			failures = append(failures, f.Err)
		}
	}
	if len(files) > len(failures) || o.output.value != "text" { // a program that reads the report may see nothing else
		if err := c.print(files); err != nil {
			return fmt.Errorf("cannot write the result: %w", err)
		}
	}
	switch {
	case len(failures) > 0:
		last := len(failures) - 1
		for _, err := range failures[:last] {
			writeError(cmd.ErrOrStderr(), cmd, err)
		}
		return failures[last]
	case slices.ContainsFunc(files, func(f report.File) bool { return !f.Report.Allowed }):
		return errNo
	}
	return nil
}
