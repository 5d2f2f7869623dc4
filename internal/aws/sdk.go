package aws

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// IAM is what the guard asks IAM.
type IAM interface {
	iam.GetRoleAPIClient
	iam.GetUserAPIClient
	iam.ListRolesAPIClient
	iam.ListUsersAPIClient
	iam.GetInstanceProfileAPIClient
}

// STS is what the guard asks STS.
type STS interface {
	stscreds.AssumeRoleAPIClient
	GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error)
}

// EC2 is what the guard asks EC2.
type EC2 = ec2.DescribeInstancesAPIClient

// EKS is what the guard asks EKS.
type EKS interface {
	eks.DescribeClusterAPIClient
	eks.ListAccessEntriesAPIClient
	DescribeAccessEntry(context.Context, *eks.DescribeAccessEntryInput, ...func(*eks.Options)) (*eks.DescribeAccessEntryOutput, error)
	eks.ListFargateProfilesAPIClient
	eks.DescribeFargateProfileAPIClient
	eks.ListNodegroupsAPIClient
	eks.DescribeNodegroupAPIClient
}

// NewIAM connects to IAM where the partition of cfg's region keeps it.
func NewIAM(cfg sdk.Config) IAM {
	cfg = noRetries(cfg)
	cfg.Region = IAMRegion(Partition(cfg.Region))
	return iam.NewFromConfig(cfg, func(o *iam.Options) {
		e := &o.EndpointOptions
		asNamed(o.BaseEndpoint, &e.UseFIPSEndpoint, &e.UseDualStackEndpoint)
	})
}

// NewSTS connects to STS in cfg's region.
func NewSTS(cfg sdk.Config) STS {
	return sts.NewFromConfig(noRetries(cfg), func(o *sts.Options) {
		e := &o.EndpointOptions
		asNamed(o.BaseEndpoint, &e.UseFIPSEndpoint, &e.UseDualStackEndpoint)
	})
}

// NewEC2 connects to EC2 in cfg's region.
func NewEC2(cfg sdk.Config) EC2 {
	return ec2.NewFromConfig(noRetries(cfg), func(o *ec2.Options) {
		e := &o.EndpointOptions
		asNamed(o.BaseEndpoint, &e.UseFIPSEndpoint, &e.UseDualStackEndpoint)
	})
}

// NewEKS connects to EKS in cfg's region.
func NewEKS(cfg sdk.Config) EKS {
	return eks.NewFromConfig(noRetries(cfg), func(o *eks.Options) {
		e := &o.EndpointOptions
		asNamed(o.BaseEndpoint, &e.UseFIPSEndpoint, &e.UseDualStackEndpoint)
	})
}

// noRetries makes the SDK try each call once: Call tries again, inside the time that there is.
func noRetries(cfg sdk.Config) sdk.Config {
	cfg = cfg.Copy()
	cfg.Retryer = func() sdk.Retryer { return sdk.NopRetryer{} }
	return cfg
}

// asNamed makes an endpoint that the operator names (AWS_ENDPOINT_URL_EC2 and the like) count beside FIPS and dual
// stack, which choose among AWS's own. The SDK rejects the two together, and earlier versions of the guard asked
// for both.
func asNamed(endpoint *string, fips *sdk.FIPSEndpointState, dualStack *sdk.DualStackEndpointState) {
	if endpoint != nil {
		*fips, *dualStack = sdk.FIPSEndpointStateDisabled, sdk.DualStackEndpointStateDisabled
	}
}
