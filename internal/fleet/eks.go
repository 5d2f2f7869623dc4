package fleet

import (
	"cmp"
	"context"
	"encoding/base64"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// eksPage is the most that EKS returns at once.
const eksPage = 100

// absent says of what EKS does not know that it does not know it.
func absent(err error, what, name string) error {
	if aws.ReasonOf(err) == aws.Missing {
		return aws.Errorf(aws.Missing, "EKS knows no %s %s in this region", what, name)
	}
	return err
}

// described is what EKS says of a cluster.
type described struct {
	mode      validate.AuthenticationMode
	account   string // "" if it is not known
	authority []byte // the certificates by which its API server is known, PEM
}

// cluster asks for the cluster.
func (a *asker) cluster(ctx context.Context, name string) (described, error) {
	op := aws.Operation{API: "eks:DescribeCluster", On: "cluster " + name}
	d, err := ask(ctx, a, op, func(ctx context.Context) (described, error) {
		out, err := a.eks.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
		if err != nil {
			return described{}, err
		}
		if out.Cluster == nil || sdk.ToString(out.Cluster.Name) != name {
			return described{}, aws.Errorf(aws.Malformed, "the answer to eks:DescribeCluster holds no cluster %s", name)
		}
		return describedOf(out.Cluster)
	})
	return d, absent(err, "cluster", name)
}

// describedOf is what is kept of a cluster. One from before there were authentication modes names none.
func describedOf(c *types.Cluster) (described, error) {
	d := described{mode: validate.ConfigMapMode}
	if c.AccessConfig != nil {
		d.mode = cmp.Or(validate.AuthenticationMode(c.AccessConfig.AuthenticationMode), d.mode)
	}
	if c.CertificateAuthority != nil {
		var err error
		if d.authority, err = base64.StdEncoding.DecodeString(sdk.ToString(c.CertificateAuthority.Data)); err != nil {
			return described{}, aws.Errorf(aws.Malformed, "the answer to eks:DescribeCluster holds a certificate authority that is not base64")
		}
	}
	if parts := strings.SplitN(sdk.ToString(c.Arn), ":", 6); len(parts) == 6 { // arn:P:eks:REGION:ACCOUNT:cluster/NAME
		d.account = parts[4]
	}
	return d, nil
}

// namesPage is one page of one of EKS's lists of names; nil names are no list.
type namesPage struct {
	names []string
	next  *string
}

// names reads all pages of a list of names.
func (a *asker) names(ctx context.Context, api, cluster string, read func(ctx context.Context, next *string) (namesPage, error)) ([]string, error) {
	op := aws.Operation{API: "eks:" + api, On: "cluster " + cluster}
	var all []string
	var next *string
	for range maxPages {
		page, err := ask(ctx, a, op, func(ctx context.Context) (namesPage, error) {
			page, err := read(ctx, next)
			if err == nil && page.names == nil {
				err = aws.Errorf(aws.Malformed, "the answer to %s holds no list", op.API)
			}
			return page, err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, page.names...)
		if next = page.next; sdk.ToString(next) == "" {
			return all, nil
		}
	}
	return nil, aws.Errorf(aws.Malformed, "%s does not come to an end", op.API)
}

// principals are the ARNs that have an access entry; with a policy, those that the policy is attached to.
func (a *asker) principals(ctx context.Context, cluster, policy string) ([]string, error) {
	in := &eks.ListAccessEntriesInput{ClusterName: &cluster, MaxResults: sdk.Int32(eksPage)}
	if policy != "" {
		in.AssociatedPolicyArn = &policy
	}
	return a.names(ctx, "ListAccessEntries", cluster, func(ctx context.Context, next *string) (namesPage, error) {
		in.NextToken = next
		out, err := a.eks.ListAccessEntries(ctx, in)
		if err != nil {
			return namesPage{}, err
		}
		return namesPage{out.AccessEntries, out.NextToken}, nil
	})
}

// fargateProfiles are the names of all Fargate profiles of the cluster.
func (a *asker) fargateProfiles(ctx context.Context, cluster string) ([]string, error) {
	in := &eks.ListFargateProfilesInput{ClusterName: &cluster, MaxResults: sdk.Int32(eksPage)}
	return a.names(ctx, "ListFargateProfiles", cluster, func(ctx context.Context, next *string) (namesPage, error) {
		in.NextToken = next
		out, err := a.eks.ListFargateProfiles(ctx, in)
		if err != nil {
			return namesPage{}, err
		}
		return namesPage{out.FargateProfileNames, out.NextToken}, nil
	})
}

// nodegroups are the names of all managed node groups of the cluster.
func (a *asker) nodegroups(ctx context.Context, cluster string) ([]string, error) {
	in := &eks.ListNodegroupsInput{ClusterName: &cluster, MaxResults: sdk.Int32(eksPage)}
	return a.names(ctx, "ListNodegroups", cluster, func(ctx context.Context, next *string) (namesPage, error) {
		in.NextToken = next
		out, err := a.eks.ListNodegroups(ctx, in)
		if err != nil {
			return namesPage{}, err
		}
		return namesPage{out.Nodegroups, out.NextToken}, nil
	})
}

// entry asks for the type, the groups and the age of one access entry.
func (a *asker) entry(ctx context.Context, cluster, principal string) (validate.AccessEntry, error) {
	op := aws.Operation{API: "eks:DescribeAccessEntry", On: principal}
	entry, err := ask(ctx, a, op, func(ctx context.Context) (validate.AccessEntry, error) {
		out, err := a.eks.DescribeAccessEntry(ctx, &eks.DescribeAccessEntryInput{ClusterName: &cluster, PrincipalArn: &principal})
		if err != nil {
			return validate.AccessEntry{}, err
		}
		e := out.AccessEntry
		if e == nil || awsauth.Subject(sdk.ToString(e.PrincipalArn)) != awsauth.Subject(principal) {
			return validate.AccessEntry{}, aws.Errorf(aws.Malformed, "the answer to %s holds no access entry for %s", op.API, principal)
		}
		return validate.AccessEntry{ARN: principal, Type: sdk.ToString(e.Type), Groups: e.KubernetesGroups, Created: sdk.ToTime(e.CreatedAt)}, nil
	})
	return entry, absent(err, "access entry for", principal)
}

// fargateRoles are the pod execution roles of Fargate profiles of the cluster.
func (a *asker) fargateRoles(ctx context.Context, cluster string, profiles func() ([]string, error)) ([]string, error) {
	names, err := profiles()
	if err != nil {
		return nil, err
	}
	var roles []string
	for _, profile := range names {
		role, err := a.fargateRole(ctx, cluster, profile)
		if err != nil {
			return nil, err
		}
		roles = append(roles, role)
	}
	return roles, nil
}

// fargateRole is the pod execution role of a Fargate profile.
func (a *asker) fargateRole(ctx context.Context, cluster, profile string) (string, error) {
	role, err := a.roleIn(ctx, "DescribeFargateProfile", profile, func(ctx context.Context) (*string, error) {
		out, err := a.eks.DescribeFargateProfile(ctx, &eks.DescribeFargateProfileInput{ClusterName: &cluster, FargateProfileName: &profile})
		if err != nil || out.FargateProfile == nil {
			return nil, err
		}
		return out.FargateProfile.PodExecutionRoleArn, nil
	})
	return role, absent(err, "Fargate profile", profile)
}

// nodegroupRole is the role of the nodes of a managed node group.
func (a *asker) nodegroupRole(ctx context.Context, cluster, group string) (string, error) {
	role, err := a.roleIn(ctx, "DescribeNodegroup", group, func(ctx context.Context) (*string, error) {
		out, err := a.eks.DescribeNodegroup(ctx, &eks.DescribeNodegroupInput{ClusterName: &cluster, NodegroupName: &group})
		if err != nil || out.Nodegroup == nil {
			return nil, err
		}
		return out.Nodegroup.NodeRole, nil
	})
	return role, absent(err, "managed node group", group)
}

// roleIn asks for the role in a Fargate profile or managed node group.
func (a *asker) roleIn(ctx context.Context, api, name string, read func(context.Context) (*string, error)) (string, error) {
	op := aws.Operation{API: "eks:" + api, On: name}
	return ask(ctx, a, op, func(ctx context.Context) (string, error) {
		role, err := read(ctx)
		if err == nil && sdk.ToString(role) == "" {
			err = aws.Errorf(aws.Malformed, "the answer to %s holds no role", op.API)
		}
		return sdk.ToString(role), err
	})
}
