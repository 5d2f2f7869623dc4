package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth/edit"
)

func newSet() *cobra.Command {
	o := newMappingOptions()
	var username string
	var groups []string
	var s edit.Settings
	cmd := &cobra.Command{
		Use:   "set ARN [--username NAME] [--group GROUP ...]",
		Short: "Change the username or the groups of a role or a user in aws-auth",
		Long:  "Change the username or the groups of a role or a user in aws-auth.\n" + changeHelp,
		Example: `  # one group more, one less
  kubectl awsauth set arn:aws:iam::111122223333:role/viewers \
    --add-group operators --remove-group viewers

  # these groups and no others
  kubectl awsauth set arn:aws:iam::111122223333:user/bob --group viewers`,
		Args: oneARN,
		RunE: func(cmd *cobra.Command, args []string) error {
			flags := cmd.Flags()
			if flags.Changed("username") {
				s.Username = &username
			}
			if flags.Changed("group") {
				s.Groups = &groups
			}
			switch {
			case s.Username != nil && strings.TrimSpace(username) == "":
				return usagef("--username is empty, want a name")
			case s.Groups != nil && len(s.Add)+len(s.Remove) > 0:
				return usagef("--group names all groups, --add-group and --remove-group change some; use one or the other")
			case slices.ContainsFunc(s.Add, func(g string) bool { return slices.Contains(s.Remove, g) }):
				return usagef("--add-group and --remove-group name the same group; use one or the other")
			case s.Username == nil && s.Groups == nil && len(s.Add)+len(s.Remove) == 0:
				return usagef("nothing to set: want --username, --group, --add-group or --remove-group")
			}
			a, err := comparableARN(cmd, args[0])
			if err != nil {
				return err
			}
			return o.run(cmd, func(in *original) (map[string]string, string, error) { return setMapping(in, a, s) })
		},
		ValidArgsFunction: o.mappedARNs,
	}
	f := cmd.Flags()
	f.StringVar(&username, "username", "", "Kubernetes username `NAME`")
	f.StringArrayVar(&groups, "group", nil, "Kubernetes `GROUP`, instead of those that it has; may be repeated")
	f.StringArrayVar(&s.Add, "add-group", nil, "Kubernetes `GROUP` to add; may be repeated")
	f.StringArrayVar(&s.Remove, "remove-group", nil, "Kubernetes `GROUP` to remove; may be repeated")
	o.flags(cmd)
	return cmd
}

func setMapping(in *original, a awsauth.ARN, s edit.Settings) (map[string]string, string, error) {
	arn := a.String()
	switch found := edit.Find(in.doc, arn); {
	case len(found) == 0:
		return nil, "", &clusterError{arn + " is not in aws-auth",
			[]string{"add it: " + in.command("add", string(kindOf(a)), arn, "--username", "NAME", "--group", "GROUP")}, nil}
	case len(found) > 1:
		return nil, "", &clusterError{fmt.Sprintf("%s is there %d times, and EKS uses one entry", arn, len(found)),
			[]string{"remove the others with: " + in.command("edit")}, nil}
	case found[0].Key() != awsauth.Key(arn):
		return nil, "", matchesNobody(arn, found[0], "write the ARN without its path with: "+in.command("edit"))
	}
	updated, err := edit.Set(in.data, arn, s)
	if err == nil && maps.Equal(updated, in.data) {
		return nil, fmt.Sprintf("%s is already there %s", arn, in.entryText(edit.Find(in.doc, arn)[0])), nil
	}
	return updated, arn + " changed", err
}
