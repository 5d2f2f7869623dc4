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
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
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
	mode      nodes.Mode
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
	d := described{mode: nodes.ConfigMapMode}
	if c.AccessConfig != nil {
		d.mode = cmp.Or(nodes.Mode(c.AccessConfig.AuthenticationMode), d.mode)
	}
	if c.CertificateAuthority != nil {
		var err error
		if d.authority, err = base64.StdEncoding.DecodeString(sdk.ToString(c.CertificateAuthority.Data)); err != nil {
			return described{}, aws.Errorf(aws.Malformed,
				"the answer to eks:DescribeCluster holds a certificate authority that is not base64")
		}
	}
	if parts := strings.SplitN(sdk.ToString(c.Arn), ":", 6); len(parts) == 6 { // arn:P:eks:REGION:ACCOUNT:cluster/NAME
		d.account = parts[4]
	}
	return d, nil
}

// pages are one of EKS's lists of names, page by page, as the SDK's paginators give it.
type pages[O any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*eks.Options)) (*O, error)
}

// names reads all pages of a list of names. Without any, a page holds an empty list.
func names[O any](
	ctx context.Context, a *asker, api, cluster string, list pages[O], in func(*O) []string,
) ([]string, error) {
	op := aws.Operation{API: "eks:" + api, On: "cluster " + cluster}
	return allPages(ctx, a, op, list.HasMorePages, func(ctx context.Context) ([]string, error) {
		out, err := list.NextPage(ctx)
		if err == nil && in(out) == nil {
			err = aws.Errorf(aws.Malformed, "the answer to %s holds no list", op.API)
		}
		if err != nil {
			return nil, err
		}
		return in(out), nil
	})
}

// principals are the ARNs that have an access entry; with a policy, those that the policy is attached to.
func (a *asker) principals(ctx context.Context, cluster, policy string) ([]string, error) {
	in := &eks.ListAccessEntriesInput{ClusterName: &cluster, MaxResults: sdk.Int32(eksPage)}
	if policy != "" {
		in.AssociatedPolicyArn = &policy
	}
	return names(ctx, a, "ListAccessEntries", cluster, eks.NewListAccessEntriesPaginator(a.eks, in),
		func(out *eks.ListAccessEntriesOutput) []string { return out.AccessEntries })
}

// fargateProfiles are the names of all Fargate profiles of the cluster.
func (a *asker) fargateProfiles(ctx context.Context, cluster string) ([]string, error) {
	in := &eks.ListFargateProfilesInput{ClusterName: &cluster, MaxResults: sdk.Int32(eksPage)}
	return names(ctx, a, "ListFargateProfiles", cluster, eks.NewListFargateProfilesPaginator(a.eks, in),
		func(out *eks.ListFargateProfilesOutput) []string { return out.FargateProfileNames })
}

// nodegroups are the names of all managed node groups of the cluster.
func (a *asker) nodegroups(ctx context.Context, cluster string) ([]string, error) {
	in := &eks.ListNodegroupsInput{ClusterName: &cluster, MaxResults: sdk.Int32(eksPage)}
	return names(ctx, a, "ListNodegroups", cluster, eks.NewListNodegroupsPaginator(a.eks, in),
		func(out *eks.ListNodegroupsOutput) []string { return out.Nodegroups })
}

// entry asks for the type, the groups and the age of one access entry.
func (a *asker) entry(ctx context.Context, cluster, principal string) (nodes.AccessEntry, error) {
	op := aws.Operation{API: "eks:DescribeAccessEntry", On: principal}
	entry, err := ask(ctx, a, op, func(ctx context.Context) (nodes.AccessEntry, error) {
		in := &eks.DescribeAccessEntryInput{ClusterName: &cluster, PrincipalArn: &principal}
		out, err := a.eks.DescribeAccessEntry(ctx, in)
		if err != nil {
			return nodes.AccessEntry{}, err
		}
		e := out.AccessEntry
		if e == nil || awsauth.Subject(sdk.ToString(e.PrincipalArn)) != awsauth.Subject(principal) {
			return nodes.AccessEntry{}, aws.Errorf(aws.Malformed,
				"the answer to %s holds no access entry for %s", op.API, principal)
		}
		return nodes.AccessEntry{ARN: principal, Type: sdk.ToString(e.Type), Groups: e.KubernetesGroups,
			Created: sdk.ToTime(e.CreatedAt)}, nil
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
		in := &eks.DescribeFargateProfileInput{ClusterName: &cluster, FargateProfileName: &profile}
		out, err := a.eks.DescribeFargateProfile(ctx, in)
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
