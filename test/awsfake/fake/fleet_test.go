package fake_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// fleetConfig is the SDK's way to a fake with a few instances and a cluster.
func fleetConfig(t *testing.T) (aws.Config, *fake.Server) {
	t.Helper()
	seed := fake.Seed{Clusters: []fake.Cluster{{Name: "demo", Mode: "API"}, {Name: "old"}}}
	for i := range 12 {
		seed.Instances = append(seed.Instances, fake.Instance{ID: fmt.Sprintf("i-%08x", i), Profile: "arn:aws:iam::111122223333:instance-profile/nodes",
			State: []string{"running", "stopped"}[i%2], Launched: time.Date(2026, 11, 24, i, 30, 0, 0, time.UTC), Tags: map[string]string{"kubernetes.io/cluster/demo": "owned", "n": fmt.Sprint(i)}})
	}
	seed.Instances = append(seed.Instances, fake.Instance{ID: "i-ffffffff", Account: "444455556666"})
	for i := range 130 {
		seed.Clusters[0].AccessEntries = append(seed.Clusters[0].AccessEntries, fake.AccessEntry{Principal: fmt.Sprintf("arn:aws:iam::111122223333:role/team/r%03d", i)})
	}
	seed.Clusters[0].AccessEntries[7].Created = time.Date(2026, 10, 1, 2, 3, 4, 567e6, time.UTC)
	seed.Clusters[0].CertificateAuthority = "-----BEGIN CERTIFICATE-----\n"
	seed.Roles = []fake.Role{{ARN: "arn:aws:iam::111122223333:role/team/nodes", Created: time.Date(2026, 9, 1, 2, 3, 4, 0, time.UTC)}}
	seed.InstanceProfiles = []fake.InstanceProfile{{ARN: "arn:aws:iam::111122223333:instance-profile/nodes", Role: "arn:aws:iam::111122223333:role/team/nodes"}}
	seed.Clusters[0].AccessEntries[5].Policies = []string{"arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"}
	server, err := fake.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(server)
	t.Cleanup(h.Close)
	return aws.Config{Region: "us-west-2", BaseEndpoint: &h.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("any", "any", "")}, server
}

// instances is either answer of DescribeInstances (Amazon EC2 API reference).
type instances struct {
	Reservations *struct {
		Items []struct{} `xml:"item"`
	} `xml:"reservationSet"`
	NextToken string `xml:"nextToken"`
	Code      string `xml:"Errors>Error>Code"`
}

// describeInstances asks without the SDK's client for EC2, which takes minutes to compile.
func describeInstances(t *testing.T, cfg aws.Config, form url.Values) (out instances) {
	t.Helper()
	form.Set("Action", "DescribeInstances")
	form.Set("Version", "2016-11-15")
	body := form.Encode()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, *cfg.BaseEndpoint, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	credentials, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, req, fmt.Sprintf("%x", sha256.Sum256([]byte(body))), "ec2", cfg.Region, time.Now()); err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	if err := xml.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestInstances(t *testing.T) {
	cfg, _ := fleetConfig(t)
	for name, tt := range map[string]struct {
		filters map[string][]string
		want    int
		code    string
	}{
		"all":                   {nil, 12, ""},
		"by tag":                {map[string][]string{"tag-key": {"kubernetes.io/cluster/demo"}}, 12, ""},
		"by a tag's value":      {map[string][]string{"tag:n": {"3", "4"}}, 2, ""},
		"by state":              {map[string][]string{"instance-state-name": {"running", "pending"}}, 6, ""},
		"by id":                 {map[string][]string{"instance-id": {"i-00000001", "i-00000003", "i-12345678"}}, 2, ""},
		"by hour":               {map[string][]string{"launch-time": {"2026-11-24T03:*", "2026-11-24T04:*"}}, 2, ""},
		"by two filters":        {map[string][]string{"launch-time": {"2026-11-24T03:*", "2026-11-24T04:*"}, "instance-state-name": {"running"}}, 1, ""},
		"none":                  {map[string][]string{"tag-key": {"kubernetes.io/cluster/other"}}, 0, ""},
		"another account's":     {map[string][]string{"instance-id": {"i-ffffffff"}}, 0, ""},
		"too many values":       {map[string][]string{"instance-id": slices.Repeat([]string{"i-00000001"}, 201)}, 0, "FilterLimitExceeded"},
		"a filter of no kind":   {map[string][]string{"colour": {"blue"}}, 0, "InvalidParameterValue"},
		"200 values are enough": {map[string][]string{"instance-id": slices.Repeat([]string{"i-00000001"}, 200)}, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			form := url.Values{"MaxResults": {"5"}}
			i := 0
			for filter, values := range tt.filters {
				i++
				form.Set(fmt.Sprintf("Filter.%d.Name", i), filter)
				for j, v := range values {
					form.Set(fmt.Sprintf("Filter.%d.Value.%d", i, j+1), v)
				}
			}
			n := 0
			for {
				page := describeInstances(t, cfg, form)
				if page.Code != tt.code {
					t.Fatalf("error %q, want %q", page.Code, tt.code)
				}
				if page.Code == "" && page.Reservations == nil || page.Reservations != nil && len(page.Reservations.Items) > 5 {
					t.Errorf("a page of %+v", page.Reservations)
				}
				if page.Reservations != nil {
					n += len(page.Reservations.Items)
				}
				if page.NextToken == "" {
					break
				}
				form.Set("NextToken", page.NextToken)
			}
			if n != tt.want {
				t.Errorf("%d instances, want %d", n, tt.want)
			}
		})
	}
}

func TestAccessEntries(t *testing.T) {
	cfg, server := fleetConfig(t)
	client := eks.NewFromConfig(cfg)
	var all []string
	in := &eks.ListAccessEntriesInput{ClusterName: aws.String("demo"), MaxResults: aws.Int32(100)}
	for {
		out, err := client.ListAccessEntries(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, out.AccessEntries...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if len(all) != 130 || server.Count("ListAccessEntries") != 2 {
		t.Errorf("%d entries in %d pages", len(all), server.Count("ListAccessEntries"))
	}
	viewers, err := client.ListAccessEntries(t.Context(), &eks.ListAccessEntriesInput{ClusterName: aws.String("demo"),
		AssociatedPolicyArn: aws.String("arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy")})
	if err != nil || len(viewers.AccessEntries) != 1 {
		t.Errorf("%v %v, want the one with the policy", viewers, err)
	}
	e, err := client.DescribeAccessEntry(t.Context(), &eks.DescribeAccessEntryInput{ClusterName: aws.String("demo"), PrincipalArn: &all[7]})
	if err != nil || aws.ToString(e.AccessEntry.PrincipalArn) != all[7] || aws.ToString(e.AccessEntry.Type) != "STANDARD" {
		t.Errorf("%+v %v", e, err)
	}
	if want := time.Date(2026, 10, 1, 2, 3, 4, 567e6, time.UTC); !aws.ToTime(e.AccessEntry.CreatedAt).Equal(want) {
		t.Errorf("created at %v, want %v", aws.ToTime(e.AccessEntry.CreatedAt), want)
	}
	var invalid *ekstypes.InvalidRequestException
	if _, err := client.ListAccessEntries(t.Context(), &eks.ListAccessEntriesInput{ClusterName: aws.String("old")}); !errors.As(err, &invalid) {
		t.Errorf("%v, want InvalidRequestException: the cluster's mode has no access entries", err)
	}
	var none *ekstypes.ResourceNotFoundException
	if _, err := client.DescribeCluster(t.Context(), &eks.DescribeClusterInput{Name: aws.String("nope")}); !errors.As(err, &none) {
		t.Errorf("%v, want ResourceNotFoundException", err)
	}
}

// TestAges reads with the SDK's clients when a role was created, by both ways to it, and by which certificates a cluster is known.
func TestAges(t *testing.T) {
	cfg, server := fleetConfig(t)
	global := cfg.Copy()
	global.Region = "us-east-1" // IAM's own
	client := iam.NewFromConfig(global)
	ages := func() (byProfile, byName time.Time, id string) {
		t.Helper()
		p, err := client.GetInstanceProfile(t.Context(), &iam.GetInstanceProfileInput{InstanceProfileName: aws.String("nodes")})
		if err != nil {
			t.Fatal(err)
		}
		r, err := client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("nodes")})
		if err != nil {
			t.Fatal(err)
		}
		if aws.ToString(r.Role.RoleId) != aws.ToString(p.InstanceProfile.Roles[0].RoleId) {
			t.Error("two roles of one name")
		}
		return aws.ToTime(p.InstanceProfile.Roles[0].CreateDate), aws.ToTime(r.Role.CreateDate), aws.ToString(r.Role.RoleId)
	}
	want := time.Date(2026, 9, 1, 2, 3, 4, 0, time.UTC)
	one, two, id := ages()
	if !one.Equal(want) || !two.Equal(want) {
		t.Errorf("%v and %v, want %v", one, two, want)
	}
	server.SetRole(fake.Role{ARN: "arn:aws:iam::111122223333:role/team/nodes", Created: want.Add(time.Hour)})
	one, two, other := ages()
	if !one.Equal(want.Add(time.Hour)) || !two.Equal(one) || other == id {
		t.Errorf("created again: %v and %v, id %s as before: %v", one, two, other, other == id)
	}
	c, err := eks.NewFromConfig(cfg).DescribeCluster(t.Context(), &eks.DescribeClusterInput{Name: aws.String("demo")})
	if err != nil {
		t.Fatal(err)
	}
	if ca, err := base64.StdEncoding.DecodeString(aws.ToString(c.Cluster.CertificateAuthority.Data)); err != nil || string(ca) != "-----BEGIN CERTIFICATE-----\n" {
		t.Errorf("%q %v", ca, err)
	}
}

// Throttling and refusals have another code in each service.
func TestFleetFaults(t *testing.T) {
	cfg, server := fleetConfig(t)
	for fault, want := range map[fake.Answer][2]string{fake.Throttling: {"RequestLimitExceeded", "ThrottlingException"}, fake.AccessDenied: {"UnauthorizedOperation", "AccessDeniedException"}} {
		if err := server.SetFaults(fake.Faults{Answer: fault}); err != nil {
			t.Fatal(err)
		}
		if code := describeInstances(t, cfg, url.Values{}).Code; code != want[0] {
			t.Errorf("%s: EC2 says %q, want %s", fault, code, want[0])
		}
		_, err := eks.NewFromConfig(cfg).DescribeCluster(t.Context(), &eks.DescribeClusterInput{Name: aws.String("demo")})
		var answer smithy.APIError
		if !errors.As(err, &answer) || answer.ErrorCode() != want[1] {
			t.Errorf("%s: EKS says %v, want %s", fault, err, want[1])
		}
	}
}
