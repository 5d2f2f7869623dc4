package fleet

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awseks "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/time/rate"
)

// sent is what AWS gets to see of a request, but for what is not the same twice.
type sent struct {
	Method, Path string
	Query, Form  url.Values
	Scope        string // of the signature: key, region, service
}

// TestRequestsAreTheSDKs holds our requests against those that the SDK's own clients send.
func TestRequestsAreTheSDKs(t *testing.T) {
	var last sent
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Error(err)
		}
		_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		scope, _, _ = strings.Cut(scope, ",")
		key, rest, _ := strings.Cut(scope, "/")
		_, rest, _ = strings.Cut(rest, "/") // the day
		last = sent{r.Method, r.URL.EscapedPath(), r.URL.Query(), form, key + "/" + rest}
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer server.Close()
	cfg := aws.Config{Region: "us-west-2", BaseEndpoint: &server.URL, RetryMaxAttempts: 1, HTTPClient: server.Client(),
		Credentials: credentials.NewStaticCredentialsProvider("guard", "secret", "")}
	a := &asker{who: func() string { return "the guard" }}
	if err := a.connect(cfg); err != nil {
		t.Fatal(err)
	}
	eks := awseks.NewFromConfig(cfg)
	cluster, principal, policy := aws.String("demo"), aws.String("arn:aws:iam::111122223333:role/team/nodes+1"), aws.String("arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy")

	// The SDK's client for EC2 takes minutes to compile. This is what its version 1.344.1 sends.
	if _, err := a.instances(t.Context(), []filter{{"instance-id", []string{"i-1", "i-2"}}, {"launch-time", []string{"2026-11-24T12:*"}}}, "a+b/c="); err == nil {
		t.Error("no error for HTTP 400")
	}
	want := sent{http.MethodPost, "/", url.Values{}, url.Values{"Action": {"DescribeInstances"}, "Version": {"2016-11-15"}, "MaxResults": {"1000"}, "NextToken": {"a+b/c="},
		"Filter.1.Name": {"instance-id"}, "Filter.1.Value.1": {"i-1"}, "Filter.1.Value.2": {"i-2"}, "Filter.2.Name": {"launch-time"}, "Filter.2.Value.1": {"2026-11-24T12:*"}},
		"guard/us-west-2/ec2/aws4_request"}
	if d := cmp.Diff(want, last); d != "" {
		t.Errorf("DescribeInstances: the SDK's -, ours +\n%s", d)
	}

	for name, tt := range map[string]struct {
		ours, sdk func(context.Context) error
	}{
		"DescribeCluster": {
			func(ctx context.Context) error { _, err := a.cluster(ctx, *cluster); return err },
			func(ctx context.Context) error {
				_, err := eks.DescribeCluster(ctx, &awseks.DescribeClusterInput{Name: cluster})
				return err
			}},
		"ListAccessEntries": {
			func(ctx context.Context) error { _, err := a.principals(ctx, *cluster, *policy); return err },
			func(ctx context.Context) error {
				_, err := eks.ListAccessEntries(ctx, &awseks.ListAccessEntriesInput{ClusterName: cluster, AssociatedPolicyArn: policy, MaxResults: aws.Int32(eksPage)})
				return err
			}},
		"DescribeAccessEntry": {
			func(ctx context.Context) error { _, err := a.entry(ctx, *cluster, *principal); return err },
			func(ctx context.Context) error {
				_, err := eks.DescribeAccessEntry(ctx, &awseks.DescribeAccessEntryInput{ClusterName: cluster, PrincipalArn: principal})
				return err
			}},
		"ListFargateProfiles": {
			func(ctx context.Context) error { _, err := a.fargateProfiles(ctx, *cluster); return err },
			func(ctx context.Context) error {
				_, err := eks.ListFargateProfiles(ctx, &awseks.ListFargateProfilesInput{ClusterName: cluster, MaxResults: aws.Int32(eksPage)})
				return err
			}},
		"ListNodegroups": {
			func(ctx context.Context) error { _, err := a.nodegroups(ctx, *cluster); return err },
			func(ctx context.Context) error {
				_, err := eks.ListNodegroups(ctx, &awseks.ListNodegroupsInput{ClusterName: cluster, MaxResults: aws.Int32(eksPage)})
				return err
			}},
		"DescribeNodegroup": {
			func(ctx context.Context) error { _, err := a.nodegroupRole(ctx, *cluster, "a b"); return err },
			func(ctx context.Context) error {
				_, err := eks.DescribeNodegroup(ctx, &awseks.DescribeNodegroupInput{ClusterName: cluster, NodegroupName: aws.String("a b")})
				return err
			}},
		"DescribeFargateProfile": {
			func(ctx context.Context) error { _, err := a.fargateRole(ctx, *cluster, "a b"); return err },
			func(ctx context.Context) error {
				_, err := eks.DescribeFargateProfile(ctx, &awseks.DescribeFargateProfileInput{ClusterName: cluster, FargateProfileName: aws.String("a b")})
				return err
			}},
	} {
		t.Run(name, func(t *testing.T) {
			got := [2]sent{}
			for i, call := range []func(context.Context) error{tt.sdk, tt.ours} {
				last = sent{}
				if call(t.Context()) == nil {
					t.Fatal("no error for HTTP 400")
				}
				got[i] = last
			}
			if d := cmp.Diff(got[0], got[1]); d != "" || got[0].Method == "" {
				t.Errorf("the SDK's -, ours +\n%s", d)
			}
		})
	}
}

// providers are settings as the SDK's configuration carries them.
type providers struct {
	own     string
	ignored bool
	fips    aws.FIPSEndpointState
	dual    aws.DualStackEndpointState
}

func (p providers) GetServiceBaseEndpoint(context.Context, string) (string, bool, error) {
	return p.own, p.own != "", nil
}
func (p providers) GetIgnoreConfiguredEndpoints(context.Context) (bool, bool, error) {
	return p.ignored, p.ignored, nil
}
func (p providers) GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error) {
	return p.fips, true, nil
}
func (p providers) GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error) {
	return p.dual, true, nil
}

func TestEndpoints(t *testing.T) {
	for name, tt := range map[string]struct {
		region, base string
		p            providers
		want         string // "" for an error
	}{
		"of the region":            {region: "us-west-2", want: "https://ec2.us-west-2.amazonaws.com"},
		"in China":                 {region: "cn-north-1", want: "https://ec2.cn-north-1.amazonaws.com.cn"},
		"in GovCloud":              {region: "us-gov-east-1", want: "https://ec2.us-gov-east-1.amazonaws.com"},
		"AWS_ENDPOINT_URL":         {region: "us-west-2", base: "https://aws.example.test/", want: "https://aws.example.test"},
		"AWS_ENDPOINT_URL_EC2":     {region: "us-west-2", base: "https://aws.example.test", p: providers{own: "https://ec2.example.test"}, want: "https://ec2.example.test"},
		"both ignored":             {region: "us-west-2", base: "https://aws.example.test", p: providers{own: "https://ec2.example.test", ignored: true}, want: "https://ec2.us-west-2.amazonaws.com"},
		"FIPS, but which":          {region: "us-west-2", p: providers{fips: aws.FIPSEndpointStateEnabled}},
		"dual stack, but which":    {region: "us-west-2", p: providers{dual: aws.DualStackEndpointStateEnabled}},
		"FIPS, and the one is set": {region: "us-west-2", p: providers{fips: aws.FIPSEndpointStateEnabled, own: "https://ec2-fips.example.test"}, want: "https://ec2-fips.example.test"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := aws.Config{Region: tt.region, ConfigSources: []any{tt.p}}
			if tt.base != "" {
				cfg.BaseEndpoint = &tt.base
			}
			got, err := endpointOf(cfg, "ec2")
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

// TestEndlessList answers every page with "and so on".
func TestEndlessList(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := `{"accessEntries":[],"nextToken":"again"}`
		if r.Method == http.MethodPost {
			answer = `<DescribeInstancesResponse><reservationSet/><nextToken>again</nextToken></DescribeInstancesResponse>`
		}
		if _, err := io.WriteString(w, answer); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	a := &asker{who: func() string { return "the guard" }}
	if err := a.connect(aws.Config{Region: "us-west-2", BaseEndpoint: &server.URL, HTTPClient: server.Client(), Credentials: credentials.NewStaticCredentialsProvider("guard", "secret", "")}); err != nil {
		t.Fatal(err)
	}
	a.limiters = map[string]*rate.Limiter{"ec2": rate.NewLimiter(rate.Inf, 0), "eks": rate.NewLimiter(rate.Inf, 0)}
	if _, err := a.describe(t.Context()); err == nil || !strings.Contains(err.Error(), "ec2:DescribeInstances does not come to an end") {
		t.Errorf("instances: %v", err)
	}
	if _, err := a.principals(t.Context(), "demo", ""); err == nil || !strings.Contains(err.Error(), "eks:ListAccessEntries does not come to an end") {
		t.Errorf("access entries: %v", err)
	}
}

// TestHugeAnswer answers with more than any page holds.
func TestHugeAnswer(t *testing.T) {
	item := "<item>" + strings.Repeat(" ", 1<<20) + "</item>"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.WriteString(w, "<DescribeInstancesResponse>")
		for i := 0; err == nil && i < 2*maxAnswer>>20; i++ {
			_, err = io.WriteString(w, item)
		}
	}))
	defer server.Close()
	a := &asker{who: func() string { return "the guard" }}
	if err := a.connect(aws.Config{Region: "us-west-2", BaseEndpoint: &server.URL, HTTPClient: server.Client(), Credentials: credentials.NewStaticCredentialsProvider("guard", "secret", "")}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.describe(t.Context()); err == nil || !strings.Contains(err.Error(), "the answer to ec2:DescribeInstances is larger than 64 MiB, more than AWS ever sends") {
		t.Errorf("instances: %v", err)
	}
}
