package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth/edit"
)

func newRemove() *cobra.Command {
	o := newMappingOptions()
	cmd := &cobra.Command{
		Use:   "remove ARN | remove account ID",
		Short: "Remove a role, a user or an account from aws-auth",
		Long: `Remove the entries of a role or a user from aws-auth: those with this ARN, or
else those of the same principal, with a path or as a session.
` + changeHelp,
		Example: `  kubectl awsauth remove arn:aws:iam::111122223333:user/bob

  kubectl awsauth remove account 111122223333`,
		Args: oneARN,
		RunE: func(cmd *cobra.Command, args []string) error {
			arn, err := awsauth.ParseARN(strings.TrimSpace(args[0]))
			if err != nil {
				return usageError{err}
			}
			return o.run(cmd, func(in *original) (map[string]string, string, error) { return removeMapping(in, arn.String()) })
		},
		ValidArgsFunction: o.mappedARNs,
	}
	o.flags(cmd)
	cmd.AddCommand(newRemoveAccount())
	return cmd
}

func removeMapping(in *original, arn string) (map[string]string, string, error) {
	found := edit.Find(in.doc, arn)
	if len(found) == 0 {
		for key := range in.doc.Unreadable {
			return nil, "", &edit.UnreadableError{Key: key}
		}
		return nil, arn + " is not there", nil
	}
	did := fmt.Sprintf("%s removed from %s", found[0].ARN.Value, found[0].DataKey)
	if len(found) > 1 {
		did = fmt.Sprintf("%d entries of %s removed", len(found), arn)
	}
	data, err := edit.Remove(in.data, arn)
	return data, did, err
}

func newRemoveAccount() *cobra.Command {
	o := newMappingOptions()
	cmd := &cobra.Command{
		Use:     "account ID",
		Short:   "Remove an account from mapAccounts",
		Long:    "Remove an account from mapAccounts.\n" + changeHelp,
		Example: "  kubectl awsauth remove account 111122223333",
		Args:    oneAccount,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, func(in *original) (map[string]string, string, error) {
				if !hasAccount(in.doc, args[0]) {
					return nil, fmt.Sprintf("account %s is not there", args[0]), nil
				}
				data, err := edit.RemoveAccount(in.data, args[0])
				return data, fmt.Sprintf("account %s removed from mapAccounts", args[0]), err
			})
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	o.flags(cmd)
	return cmd
}
