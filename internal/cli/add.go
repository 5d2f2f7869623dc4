package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth/edit"
)

// changeHelp is what the commands that change aws-auth have in common.
const changeHelp = `
Only the lines in question change: comments, order, indentation and quotes of
the others stay. The change is judged here first, as by 'kubectl awsauth check',
and then by the cluster, and it is shown with who gains and loses access.
If somebody else changes aws-auth meanwhile, it is made again to what is there
then. With -f it is made in a manifest, and the cluster is not asked.

Exit codes: 0 changed, or already so; 1 denied; 2 could not run.`

func newAdd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add role|user|account",
		Short: "Add a role, a user or an account to aws-auth",
		Long:  "Add a role, a user or an account to aws-auth.\n" + changeHelp,
		Example: `  kubectl awsauth add role arn:aws:iam::111122223333:role/viewers \
    --username viewer:{{SessionName}} --group viewers

  # only show what would change
  kubectl awsauth add user arn:aws:iam::111122223333:user/bob \
    --username bob --group viewers --dry-run`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("want role, user or account")
			}
			if a, err := awsauth.ParseARN(args[0]); err == nil {
				return usagef("want role, user or account; did you mean 'kubectl awsauth add %s %s'?", kindOf(a), args[0])
			}
			return usagef("unknown kind %q, want role, user or account", args[0])
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // Args has said it
	}
	cmd.AddCommand(newAddMapping(kindRole), newAddMapping(kindUser), newAddAccount())
	return cmd
}

func newAddMapping(kind arnKind) *cobra.Command {
	o := newMappingOptions()
	var e edit.Entry
	cmd := &cobra.Command{
		Use:   string(kind) + " ARN --username NAME [--group GROUP ...]",
		Short: fmt.Sprintf("Add a %s to %s", kind, kind.dataKey()),
		Long:  fmt.Sprintf("Add a %s to %s.%s\n", kind, kind.dataKey(), otherARNs[kind]) + changeHelp,
		Example: fmt.Sprintf("  kubectl awsauth add %s arn:aws:iam::111122223333:%s/viewers \\\n"+
			"    --username viewers --group viewers", kind, kind),
		Args: oneARN,
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(e.Username) == "" {
				return usagef("want a username: --username NAME")
			}
			a, err := comparableARN(cmd, args[0])
			if err == nil {
				err = checkKind(a, kind)
			}
			if err != nil {
				return err
			}
			e.ARN = a.String()
			return o.run(cmd, func(in *original) (map[string]string, string, error) { return addMapping(in, kind, e) })
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.StringVar(&e.Username, "username", "", "Kubernetes username `NAME`, may have templates such as {{SessionName}}")
	f.StringArrayVar(&e.Groups, "group", nil, "Kubernetes `GROUP`; may be repeated")
	o.flags(cmd)
	return cmd
}

// otherARNs says in the help which ARNs are taken beside those that EKS compares.
var otherARNs = map[arnKind]string{
	kindRole: " ARN may have a path, or be that of a session, as\n" +
		"'aws sts get-caller-identity' prints it: the ARN that EKS compares is written.",
}

func oneARN(cmd *cobra.Command, args []string) error {
	if err := valueOfDryRun(cmd, args); err != nil {
		return err
	}
	if len(args) != 1 {
		return usagef("want one ARN, such as arn:aws:iam::111122223333:role/viewers")
	}
	return nil
}

// addMapping adds an entry, unless there is one for the principal.
func addMapping(in *original, kind arnKind, e edit.Entry) (map[string]string, string, error) {
	key := kind.dataKey()
	if found := edit.Find(in.doc, e.ARN); len(found) > 0 {
		switch there := found[0]; {
		case there.Key() != awsauth.Key(e.ARN):
			return nil, "", matchesNobody(e.ARN, there, "remove that first: "+in.command("remove", there.ARN.Value))
		case there.Username.Value == e.Username && sameGroups(there.GroupNames(), e.Groups):
			return nil, e.ARN + " is already there " + in.entryText(there), nil
		default:
			return nil, "", &clusterError{e.ARN + " is already there " + in.entryText(there),
				[]string{"change that entry: " + in.command(setWords(e)...)}, nil}
		}
	}
	data, err := edit.Add(in.data, key, e)
	return data, fmt.Sprintf("%s added to %s", e.ARN, key), err
}

// matchesNobody is the error for an entry with another ARN of the same principal.
func matchesNobody(arn string, there *awsauth.Entry, fix string) error {
	what := fmt.Sprintf("%s is in %s as %s, which matches nobody", arn, there.DataKey, there.ARN.Value)
	return &clusterError{what, []string{fix}, nil}
}

func setWords(e edit.Entry) []string {
	words := []string{"set", e.ARN, "--username", e.Username}
	for _, g := range e.Groups {
		words = append(words, "--group", g)
	}
	return words
}

// sameGroups compares as sets: their order makes no difference.
func sameGroups(a, b []string) bool {
	has := func(in []string) func(string) bool { return func(g string) bool { return !slices.Contains(in, g) } }
	return !slices.ContainsFunc(a, has(b)) && !slices.ContainsFunc(b, has(a))
}

func newAddAccount() *cobra.Command {
	o := newMappingOptions()
	cmd := &cobra.Command{
		Use:   "account ID",
		Short: "Add an account to mapAccounts",
		Long: "Add an account to mapAccounts: all its roles and users can authenticate then, as\n" +
			"their ARN and without groups.\n" + changeHelp,
		Example: "  kubectl awsauth add account 111122223333",
		Args:    oneAccount,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, func(in *original) (map[string]string, string, error) {
				if hasAccount(in.doc, args[0]) {
					return nil, fmt.Sprintf("account %s is already there", args[0]), nil
				}
				data, err := edit.AddAccount(in.data, args[0])
				return data, fmt.Sprintf("account %s added to mapAccounts", args[0]), err
			})
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.flags(cmd)
	return cmd
}

// valueOfDryRun is an error for a value of --dry-run that is not part of the flag, as it would be with most flags.
func valueOfDryRun(cmd *cobra.Command, args []string) error {
	f := cmd.Flag("dry-run")
	if f == nil || !f.Changed || len(args) == 0 {
		return nil
	}
	if last := args[len(args)-1]; slices.Contains([]string{"none", "client", "server"}, last) {
		return usagef("unexpected argument %q; did you mean --dry-run=%s?", last, last)
	}
	return nil
}

func oneAccount(cmd *cobra.Command, args []string) error {
	if err := valueOfDryRun(cmd, args); err != nil {
		return err
	}
	if len(args) != 1 {
		return usagef("want one account id, such as 111122223333")
	}
	if !accountID.MatchString(args[0]) {
		return usagef("%q is not an account id, want 12 digits", args[0])
	}
	return nil
}

func hasAccount(doc *awsauth.Document, id string) bool {
	return slices.ContainsFunc(doc.Accounts, func(t awsauth.Text) bool { return t.Value == id })
}
