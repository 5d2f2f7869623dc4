package aws_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// environment is what the SDK finds, and nothing else.
func environment(t *testing.T, set map[string]string) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // to have it put back at the end
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := t.TempDir()
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ACCESS_KEY_ID", "guard")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for name, value := range set {
		t.Setenv(name, value)
	}
}

// wire is where a request would go, and for which region it is signed.
type wire struct{ host, region string }

var errNotSent = errors.New("not sent")

// Do implements sdk.HTTPClient, and sends nothing.
func (w *wire) Do(r *http.Request) (*http.Response, error) {
	scope := strings.Split(r.Header.Get("Authorization"), "/")
	w.host, w.region = r.URL.Host, scope[2]
	return nil, errNotSent
}

// asked makes one call to each service, and says where it went.
func asked(t *testing.T) map[string]wire {
	t.Helper()
	cfg, err := aws.LoadConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	to := &wire{}
	cfg.HTTPClient = to
	all := map[string]wire{}
	for service, call := range map[string]func(context.Context) error{
		"iam": func(ctx context.Context) error {
			_, err := aws.NewIAM(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: sdk.String("ci")})
			return err
		},
		"sts": func(ctx context.Context) error {
			_, err := aws.NewSTS(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
			return err
		},
		"ec2": func(ctx context.Context) error {
			_, err := aws.NewEC2(cfg).DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
			return err
		},
		"eks": func(ctx context.Context) error {
			_, err := aws.NewEKS(cfg).DescribeCluster(ctx, &eks.DescribeClusterInput{Name: sdk.String("demo")})
			return err
		},
	} {
		if err := call(t.Context()); !errors.Is(err, errNotSent) {
			t.Fatalf("%s: %v", service, err)
		}
		all[service] = *to
	}
	return all
}

// Every service is asked where AWS says that it is, in every partition, and so are the endpoints of FIPS and of IPv6 (AWS General
// Reference, "Service endpoints and quotas").
func TestEndpoints(t *testing.T) {
	for name, tt := range map[string]struct {
		set  map[string]string
		want map[string]wire
	}{
		"commercial": {map[string]string{"AWS_REGION": "us-west-2"}, map[string]wire{
			"iam": {"iam.amazonaws.com", "us-east-1"}, "sts": {"sts.us-west-2.amazonaws.com", "us-west-2"},
			"ec2": {"ec2.us-west-2.amazonaws.com", "us-west-2"}, "eks": {"eks.us-west-2.amazonaws.com", "us-west-2"}}},
		"commercial, FIPS": {map[string]string{"AWS_REGION": "us-west-2", "AWS_USE_FIPS_ENDPOINT": "true"}, map[string]wire{
			"iam": {"iam-fips.amazonaws.com", "us-east-1"}, "sts": {"sts-fips.us-west-2.amazonaws.com", "us-west-2"},
			"ec2": {"ec2-fips.us-west-2.amazonaws.com", "us-west-2"}, "eks": {"fips.eks.us-west-2.amazonaws.com", "us-west-2"}}},
		"commercial, dual stack": {map[string]string{"AWS_REGION": "us-west-2", "AWS_USE_DUALSTACK_ENDPOINT": "true"}, map[string]wire{
			"iam": {"iam.global.api.aws", "us-east-1"}, "sts": {"sts.us-west-2.api.aws", "us-west-2"},
			"ec2": {"ec2.us-west-2.api.aws", "us-west-2"}, "eks": {"eks.us-west-2.api.aws", "us-west-2"}}},
		"GovCloud": {map[string]string{"AWS_REGION": "us-gov-east-1"}, map[string]wire{
			"iam": {"iam.us-gov.amazonaws.com", "us-gov-west-1"}, "sts": {"sts.us-gov-east-1.amazonaws.com", "us-gov-east-1"},
			"ec2": {"ec2.us-gov-east-1.amazonaws.com", "us-gov-east-1"}, "eks": {"eks.us-gov-east-1.amazonaws.com", "us-gov-east-1"}}},
		"GovCloud, FIPS": {map[string]string{"AWS_REGION": "us-gov-east-1", "AWS_USE_FIPS_ENDPOINT": "true"}, map[string]wire{
			"iam": {"iam.us-gov.amazonaws.com", "us-gov-west-1"}, "sts": {"sts.us-gov-east-1.amazonaws.com", "us-gov-east-1"},
			"ec2": {"ec2.us-gov-east-1.amazonaws.com", "us-gov-east-1"}, "eks": {"eks.us-gov-east-1.amazonaws.com", "us-gov-east-1"}}},
		"GovCloud, dual stack": {map[string]string{"AWS_REGION": "us-gov-east-1", "AWS_USE_DUALSTACK_ENDPOINT": "true"}, map[string]wire{
			"iam": {"iam.us-gov.api.aws", "us-gov-west-1"}, "sts": {"sts.us-gov-east-1.api.aws", "us-gov-east-1"},
			"ec2": {"ec2.us-gov-east-1.api.aws", "us-gov-east-1"}, "eks": {"eks.us-gov-east-1.api.aws", "us-gov-east-1"}}},
		"China": {map[string]string{"AWS_REGION": "cn-northwest-1"}, map[string]wire{
			"iam": {"iam.cn-north-1.amazonaws.com.cn", "cn-north-1"}, "sts": {"sts.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"},
			"ec2": {"ec2.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"}, "eks": {"eks.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"}}},
		"China, dual stack": {map[string]string{"AWS_REGION": "cn-north-1", "AWS_USE_DUALSTACK_ENDPOINT": "true"}, map[string]wire{
			"iam": {"iam.global.api.amazonwebservices.com.cn", "cn-north-1"}, "sts": {"sts.cn-north-1.api.amazonwebservices.com.cn", "cn-north-1"},
			"ec2": {"ec2.cn-north-1.api.amazonwebservices.com.cn", "cn-north-1"}, "eks": {"eks.cn-north-1.api.amazonwebservices.com.cn", "cn-north-1"}}},
		"named": {map[string]string{"AWS_REGION": "us-west-2", "AWS_USE_FIPS_ENDPOINT": "true", "AWS_ENDPOINT_URL": "https://all.example.com",
			"AWS_ENDPOINT_URL_EC2": "https://ec2.example.com/"}, map[string]wire{
			"iam": {"all.example.com", "us-east-1"}, "sts": {"all.example.com", "us-west-2"},
			"ec2": {"ec2.example.com", "us-west-2"}, "eks": {"all.example.com", "us-west-2"}}},
		"named, and to be ignored": {map[string]string{"AWS_REGION": "us-west-2", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
			"AWS_ENDPOINT_URL": "https://all.example.com", "AWS_ENDPOINT_URL_EC2": "https://ec2.example.com"}, map[string]wire{
			"iam": {"iam.amazonaws.com", "us-east-1"}, "sts": {"sts.us-west-2.amazonaws.com", "us-west-2"},
			"ec2": {"ec2.us-west-2.amazonaws.com", "us-west-2"}, "eks": {"eks.us-west-2.amazonaws.com", "us-west-2"}}},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, tt.set)
			for service, got := range asked(t) {
				if got != tt.want[service] {
					t.Errorf("%s: %+v, want %+v", service, got, tt.want[service])
				}
			}
		})
	}
}

// The table of regions agrees with the endpoint rules of the SDK, and knows every partition.
func TestRegions(t *testing.T) {
	t.Parallel()
	hosts := map[string]string{ // IAM user guide, "IAM endpoints"
		"aws": "iam.amazonaws.com", "aws-cn": "iam.cn-north-1.amazonaws.com.cn", "aws-us-gov": "iam.us-gov.amazonaws.com",
		"aws-iso": "iam.us-iso-east-1.c2s.ic.gov", "aws-iso-b": "iam.us-isob-east-1.sc2s.sgov.gov", "aws-iso-e": "iam.eu-isoe-west-1.cloud.adc-e.uk",
		"aws-iso-f": "iam.us-isof-south-1.csp.hci.ic.gov", "aws-eusc": "iam.eusc-de-east-1.amazonaws.eu",
	}
	for _, partition := range awsauth.Partitions {
		region := aws.IAMRegion(partition)
		if region == "" || aws.Partition(region) != partition {
			t.Errorf("%s: region %q is in partition %q", partition, region, aws.Partition(region))
			continue
		}
		e, err := iam.NewDefaultEndpointResolverV2().ResolveEndpoint(t.Context(),
			iam.EndpointParameters{Region: &region, UseFIPS: sdk.Bool(false), UseDualStack: sdk.Bool(false)})
		if err != nil {
			t.Errorf("%s: %v", partition, err)
			continue
		}
		if e.URI.Host != hosts[partition] {
			t.Errorf("%s: IAM is at %s, want %s", partition, e.URI.Host, hosts[partition])
		}
	}
	for region, want := range map[string]string{"eu-west-1": "aws", "us-gov-east-1": "aws-us-gov", "cn-northwest-1": "aws-cn", "us-isob-east-1": "aws-iso-b",
		"us-iso-west-1": "aws-iso", "mx-central-1": "aws"} {
		if got := aws.Partition(region); got != want {
			t.Errorf("%s is in %s, want %s", region, got, want)
		}
	}
}

func TestUnsoundConfiguration(t *testing.T) {
	environment(t, map[string]string{"AWS_PROFILE": "nobody"})
	if _, err := aws.LoadConfig(t.Context()); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("%v, want an error that names the profile", err)
	}
}
