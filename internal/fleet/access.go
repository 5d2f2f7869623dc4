package fleet

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

const (
	// eksPage is the most that EKS returns at once.
	eksPage = 100
	// entriesFor is how long the type and groups of an access entry are believed: a type never changes, groups rarely do.
	entriesFor = 30 * time.Minute
)

// access is what the guard knows of EKS, and when it found out. Only syncAccess changes it.
type access struct {
	mode     validate.AuthenticationMode
	entries  map[string]validate.AccessEntry // by the principal's ARN
	read     map[string]time.Time            // when each was described
	complete time.Time
	problem  string

	fargate []string // the pod execution roles
}

// syncAccess brings up to date how EKS lets principals in without aws-auth, and which roles Fargate nodes have.
func (f *Fleet) syncAccess(ctx context.Context) error {
	nodes, where, _ := f.store.all()
	err := f.locate(where)
	cluster := f.cluster()
	if err == nil && cluster == "" {
		err = problemf("the cluster's name is not known yet")
	}
	if err != nil {
		f.update(func(s *sources) { s.access.problem = why(err) })
		return err
	}
	now := f.now()
	x := f.access()
	x.entries, x.read = maps.Clone(x.entries), maps.Clone(x.read)
	x.problem = ""
	if err = f.readAccess(ctx, &x, cluster, now); err != nil {
		x.problem = why(err)
	}
	if slices.ContainsFunc(slices.Collect(maps.Values(nodes)), func(n Node) bool { return n.Kind() == validate.FargateNode }) {
		roles, fargateErr := f.aws.fargateRoles(ctx, cluster)
		if fargateErr == nil {
			x.fargate = roles
		} else {
			err = errors.Join(err, fargateErr)
		}
	}
	f.update(func(s *sources) { s.access = x })
	return err
}

func (f *Fleet) readAccess(ctx context.Context, x *access, cluster string, now time.Time) error {
	mode, err := f.aws.mode(ctx, cluster)
	if err != nil {
		return err
	}
	x.mode = mode
	if mode == validate.ConfigMapMode {
		x.entries, x.read, x.complete = nil, nil, now
		return nil
	}
	principals, err := f.aws.principals(ctx, cluster, "")
	if err != nil {
		return err
	}
	admins, err := f.aws.principals(ctx, cluster, f.adminPolicy())
	if err != nil {
		return err
	}
	entries, read := map[string]validate.AccessEntry{}, map[string]time.Time{}
	var failed error
	for _, p := range principals {
		e, at := x.entries[p], x.read[p]
		if at.IsZero() || now.Sub(at) >= entriesFor {
			described, err := f.aws.entry(ctx, cluster, p)
			switch {
			case err == nil:
				e, at = described, now
			default:
				failed = err // that there is one is known all the same
			}
		}
		e.ARN, e.ClusterAdmin = p, slices.Contains(admins, p)
		entries[p] = e
		if !at.IsZero() {
			read[p] = at
		}
	}
	x.entries, x.read, x.complete = entries, read, now
	return failed
}

// adminPolicy is the access policy that is as good as cluster-admin (Amazon EKS user guide, "Access policy permissions").
func (f *Fleet) adminPolicy() string {
	_, region := f.Where()
	return "arn:" + iam.Partition(region) + ":eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
}

// mode asks for the cluster's authentication mode. Clusters from before there were modes name none.
func (a *asker) mode(ctx context.Context, cluster string) (validate.AuthenticationMode, error) {
	return ask(ctx, a, "eks", "DescribeCluster", "cluster "+cluster, func(ctx context.Context) (validate.AuthenticationMode, error) {
		out, err := a.eks.DescribeCluster(ctx, &awseks.DescribeClusterInput{Name: &cluster})
		if err != nil {
			return "", absent(err, "cluster", cluster)
		}
		if out.Cluster == nil || aws.ToString(out.Cluster.Name) != cluster {
			return "", problemf("the answer to eks:DescribeCluster holds no cluster %s", cluster)
		}
		if out.Cluster.AccessConfig == nil || out.Cluster.AccessConfig.AuthenticationMode == "" {
			return validate.ConfigMapMode, nil
		}
		return validate.AuthenticationMode(out.Cluster.AccessConfig.AuthenticationMode), nil
	})
}

// absent says of what EKS does not know that it does not know it.
func absent(err error, what, name string) error {
	var none *ekstypes.ResourceNotFoundException
	if errors.As(err, &none) {
		return problemf("EKS knows no %s %s in this region", what, name)
	}
	return err
}

// principals are the ARNs that have an access entry; with a policy, those that the policy is attached to.
func (a *asker) principals(ctx context.Context, cluster, policy string) ([]string, error) {
	in := &awseks.ListAccessEntriesInput{ClusterName: &cluster, MaxResults: aws.Int32(eksPage)}
	if policy != "" {
		in.AssociatedPolicyArn = &policy
	}
	var all []string
	for {
		out, err := ask(ctx, a, "eks", "ListAccessEntries", "cluster "+cluster, func(ctx context.Context) (*awseks.ListAccessEntriesOutput, error) {
			out, err := a.eks.ListAccessEntries(ctx, in)
			if err == nil && out.AccessEntries == nil {
				err = problemf("the answer to eks:ListAccessEntries holds no list")
			}
			return out, err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, out.AccessEntries...)
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return all, nil
		}
	}
}

// entry asks for the type and the groups of one access entry.
func (a *asker) entry(ctx context.Context, cluster, principal string) (validate.AccessEntry, error) {
	return ask(ctx, a, "eks", "DescribeAccessEntry", principal, func(ctx context.Context) (validate.AccessEntry, error) {
		out, err := a.eks.DescribeAccessEntry(ctx, &awseks.DescribeAccessEntryInput{ClusterName: &cluster, PrincipalArn: &principal})
		if err != nil {
			return validate.AccessEntry{}, absent(err, "access entry for", principal)
		}
		if out.AccessEntry == nil || awsauth.Subject(aws.ToString(out.AccessEntry.PrincipalArn)) != awsauth.Subject(principal) {
			return validate.AccessEntry{}, problemf("the answer to eks:DescribeAccessEntry holds no access entry for %s", principal)
		}
		return validate.AccessEntry{ARN: principal, Type: aws.ToString(out.AccessEntry.Type), Groups: out.AccessEntry.KubernetesGroups}, nil
	})
}

// fargateRoles are the pod execution roles of all Fargate profiles of the cluster.
func (a *asker) fargateRoles(ctx context.Context, cluster string) ([]string, error) {
	var roles []string
	in := &awseks.ListFargateProfilesInput{ClusterName: &cluster, MaxResults: aws.Int32(eksPage)}
	for {
		out, err := ask(ctx, a, "eks", "ListFargateProfiles", "cluster "+cluster, func(ctx context.Context) (*awseks.ListFargateProfilesOutput, error) {
			out, err := a.eks.ListFargateProfiles(ctx, in)
			if err == nil && out.FargateProfileNames == nil {
				err = problemf("the answer to eks:ListFargateProfiles holds no list")
			}
			return out, err
		})
		if err != nil {
			return nil, err
		}
		for _, name := range out.FargateProfileNames {
			role, err := a.fargateRole(ctx, cluster, name)
			if err != nil {
				return nil, err
			}
			roles = append(roles, role)
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return roles, nil
		}
	}
}

func (a *asker) fargateRole(ctx context.Context, cluster, profile string) (string, error) {
	return ask(ctx, a, "eks", "DescribeFargateProfile", profile, func(ctx context.Context) (string, error) {
		out, err := a.eks.DescribeFargateProfile(ctx, &awseks.DescribeFargateProfileInput{ClusterName: &cluster, FargateProfileName: &profile})
		if err != nil {
			return "", absent(err, "Fargate profile", profile)
		}
		if out.FargateProfile == nil || aws.ToString(out.FargateProfile.PodExecutionRoleArn) == "" {
			return "", problemf("the answer to eks:DescribeFargateProfile holds no role")
		}
		return *out.FargateProfile.PodExecutionRoleArn, nil
	})
}
