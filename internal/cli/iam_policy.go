package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
)

type iamPolicyOptions struct {
	permissions iam.Permissions
	trust       string
}

func newIAMPolicy() *cobra.Command {
	o := &iamPolicyOptions{}
	cmd := &cobra.Command{
		Use:   "iam-policy [--list] [--fleet] | --trust ARN",
		Short: "Print the IAM policy that the guard's role needs",
		Long: `Print the IAM policy that the guard's role needs to look principals up
(--iam aws), and no more than that.

With --list the guard may also list the account's roles and users: then many new
names cost few calls, and a misspelt one is answered with the name that was
meant.

With --fleet it may find out which roles the running nodes use, and who has an
access entry (--fleet on). Each of these permissions is optional; docs/fleet.md
says what does not work without it.

With --role-arn it may assume the role that the policy file names for another
account. That role needs the same policy, printed with --account and the other
account's id, and the trust policy that --trust prints.

Exit codes: 0 printed, 2 could not run.`,
		Example: `  # for the guard's own role
  kubectl awsauth iam-policy --list --role-arn arn:aws:iam::444455556666:role/aws-auth-guard

  # for a guard that looks at the nodes of one cluster
  kubectl awsauth iam-policy --list --fleet --cluster-name demo --region us-west-2

  # for the role in the other account
  kubectl awsauth iam-policy --list --account 444455556666
  kubectl awsauth iam-policy --trust arn:aws:iam::111122223333:role/aws-auth-guard`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			document, err := o.document()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", document)
			return err
		},
	}
	p, flags := &o.permissions, cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&p.Lists, "list", false, "allow iam:ListRoles and iam:ListUsers as well")
	flags.BoolVar(&p.Fleet, "fleet", false, "allow what --fleet on asks of EC2, IAM and EKS as well")
	flags.StringVar(&p.Cluster, "cluster-name", "*", "`NAME` of the cluster that --fleet is about; * is any")
	flags.StringVar(&p.Region, "region", "*", "AWS `REGION` of that cluster; * is any")
	flags.StringArrayVar(&p.AssumeRoles, "role-arn", nil,
		"`ARN` of a role in another account to assume; may be repeated")
	flags.StringVar(&p.Account, "account", "*",
		"`ID` of the account to look into; * is the one in which the policy is attached")
	flags.StringVar(&p.Partition, "partition", "aws", "AWS `PARTITION`: "+strings.Join(awsauth.Partitions, ", "))
	flags.StringVar(&o.trust, "trust", "",
		"print instead the trust policy that lets the guard's role, `ARN`, assume the role it is attached to")
	return cmd
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

func (o *iamPolicyOptions) document() ([]byte, error) {
	p := o.permissions
	if o.trust != "" {
		if p.Lists || p.Fleet || len(p.AssumeRoles) > 0 || p.Account != "*" {
			return nil, usagef("--trust prints another document; leave the other flags out")
		}
		if err := roleARN("trust", o.trust); err != nil {
			return nil, err
		}
		return iam.TrustDocument(o.trust)
	}
	if !slices.Contains(awsauth.Partitions, p.Partition) {
		return nil, usagef("--partition %q is not known, want %s", p.Partition, strings.Join(awsauth.Partitions, ", "))
	}
	if p.Account != "*" && !accountID.MatchString(p.Account) {
		return nil, usagef("--account %q is not an account id, want 12 digits", p.Account)
	}
	if !p.Fleet && (p.Cluster != "*" || p.Region != "*") {
		return nil, usagef("--cluster-name and --region have a meaning only with --fleet")
	}
	for _, arn := range p.AssumeRoles {
		if err := roleARN("role-arn", arn); err != nil {
			return nil, err
		}
	}
	return p.Document()
}

func roleARN(flag, arn string) error {
	a, err := awsauth.ParseARN(arn)
	if err != nil || a.Kind != awsauth.KindRole || !accountID.MatchString(a.Account) || a.Name == "" {
		return usagef("--%s %q is not the ARN of a role, want arn:aws:iam::ACCOUNT:role/NAME", flag, arn)
	}
	return nil
}
