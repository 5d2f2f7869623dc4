package iam_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/middleware"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

const (
	own   = "arn:aws:iam::111122223333:"
	other = "arn:aws:iam::444455556666:"
)

// seed is the cluster's account and another one, whose role the guard may assume.
func seed() fake.Seed {
	return fake.Seed{
		Credentials: []fake.Credential{
			{AccessKeyID: "guard", ARN: "arn:aws:sts::111122223333:assumed-role/aws-auth-guard/pod"},
			{AccessKeyID: "no-lists", ARN: "arn:aws:sts::111122223333:assumed-role/aws-auth-guard/pod", Deny: []string{"iam:ListRoles", "iam:ListUsers"}},
			{AccessKeyID: "nothing", ARN: "arn:aws:sts::111122223333:assumed-role/aws-auth-guard/pod",
				Deny: []string{"iam:ListRoles", "iam:ListUsers", "iam:GetRole", "iam:GetUser"}},
			{AccessKeyID: "operator", ARN: own + "user/operator"},
			{AccessKeyID: "guard-cn", ARN: "arn:aws-cn:sts::111122223333:assumed-role/aws-auth-guard/pod"},
			{AccessKeyID: "guard-gov", ARN: "arn:aws-us-gov:sts::111122223333:assumed-role/aws-auth-guard/pod"},
		},
		Roles: []fake.Role{
			{ARN: own + "role/nodes"}, {ARN: own + "role/team/ci"}, {ARN: own + "role/deployer"}, {ARN: own + "role/Mixed-Case"},
			{ARN: own + "role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef"},
			{ARN: own + "role/irsa", Trusts: []string{"oidc"}}, {ARN: own + "role/pod-identity"},
			{ARN: other + "role/aws-auth-guard", Trusts: []string{own + "role/aws-auth-guard"}}, {ARN: other + "role/closed"},
			{ARN: other + "role/auditor"},
			{ARN: "arn:aws-cn:iam::111122223333:role/ci"}, {ARN: "arn:aws-us-gov:iam::111122223333:role/ci"},
		},
		Users:           []fake.User{{ARN: own + "user/people/alice"}, {ARN: own + "user/operator"}, {ARN: other + "user/bob"}},
		PodIdentityRole: own + "role/pod-identity",
	}
}

const trustsEC2 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// world is a directory in front of a fake AWS.
type world struct {
	t         testing.TB
	aws       *fake.Server
	url       string // "": without a network
	directory *iam.Directory
	registry  *prometheus.Registry
}

// reading is a policy that can read account 444455556666.
const reading = `
accounts:
- id: "444455556666"
  roleARN: arn:aws:iam::444455556666:role/aws-auth-guard
`

func parsePolicy(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte("apiVersion: " + policy.APIVersion + "\nkind: " + policy.Kind + "\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func serve(t testing.TB, s fake.Seed) (*fake.Server, string) {
	t.Helper()
	f, err := fake.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return f, fake.Serve(t, f)
}

// newWorld is a world in which the guard knows already who it is, as it does a moment after its start.
func newWorld(t testing.TB, accessKeyID, policyText string, s fake.Seed) *world {
	t.Helper()
	w := &world{t: t}
	w.aws, w.url = serve(t, s)
	return w.settle(accessKeyID, policyText)
}

// strangeWorld is a world in which nothing has been asked yet.
func strangeWorld(t testing.TB, accessKeyID, policyText string, s fake.Seed) *world {
	t.Helper()
	w := &world{t: t}
	w.aws, w.url = serve(t, s)
	w.start(accessKeyID, policyText)
	return w
}

// memoryWorld is a newWorld without a network, for a bubble.
func memoryWorld(t testing.TB, accessKeyID, policyText string, s fake.Seed) *world {
	t.Helper()
	f, err := fake.New(s)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, aws: f}
	return w.settle(accessKeyID, policyText)
}

// bubble runs a test in which waiting takes no time. What is still asked when it ends comes to its end.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(time.Hour) })
		test(t)
	})
}

// start makes the directory of a world.
func (w *world) start(accessKeyID, policyText string) {
	w.t.Helper()
	w.registry = prometheus.NewRegistry()
	w.directory = iam.New(w.config(accessKeyID), parsePolicy(w.t, policyText), iam.Options{Metrics: iam.NewMetrics(w.registry)})
}

// settle starts a world and has the guard find out who it is.
func (w *world) settle(accessKeyID, policyText string) *world {
	w.t.Helper()
	w.start(accessKeyID, "iam: {timeouts: {call: 20s, total: 30s}}")
	w.directory.Identify(w.t.Context())
	if _, ok := w.directory.Self(); !ok {
		w.t.Fatal("the guard does not know who it is")
	}
	w.directory.Configure(parsePolicy(w.t, policyText))
	w.aws.Forget()
	return w
}

func (w *world) config(accessKeyID string) sdk.Config {
	cfg := sdk.Config{APIOptions: []func(*middleware.Stack) error{aws.BoundAnswers},
		Credentials: sdk.NewCredentialsCache(credentials.NewStaticCredentialsProvider(accessKeyID, "secret", ""))}
	if w.url == "" {
		cfg.HTTPClient = fake.Memory{Handler: w.aws}
	} else {
		cfg.BaseEndpoint = &w.url
	}
	return cfg
}

// lookup asks for ARNs, with the webhook's usual time.
func (w *world) lookup(arns ...string) []principal.Principal {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	return w.lookupWithin(ctx, arns...)
}

func (w *world) lookupWithin(ctx context.Context, arns ...string) []principal.Principal {
	w.t.Helper()
	return w.lookupFor(ctx, principal.Asker{Username: "operator"}, arns...)
}

func (w *world) lookupFor(ctx context.Context, asker principal.Asker, arns ...string) []principal.Principal {
	w.t.Helper()
	parsed := make([]awsauth.ARN, len(arns))
	for i, s := range arns {
		var err error
		if parsed[i], err = awsauth.ParseARN(s); err != nil {
			w.t.Fatal(err)
		}
	}
	return w.directory.Lookup(ctx, asker, parsed)
}

func (w *world) faults(f fake.Faults) {
	w.t.Helper()
	if err := w.aws.SetFaults(f); err != nil {
		w.t.Fatal(err)
	}
}

// operator is somebody who makes roles while the guard is running.
func (w *world) operator() *awsiam.Client {
	cfg := w.config("operator")
	cfg.Region = "us-east-1"
	return awsiam.NewFromConfig(cfg)
}

func (w *world) createRole(name string) {
	w.t.Helper()
	if _, err := w.operator().CreateRole(w.t.Context(), &awsiam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: sdk.String(trustsEC2)}); err != nil {
		w.t.Fatal(err)
	}
}

// metric is the sum of a metric's samples whose labels hold all of the given ones.
func (w *world) metric(name string, labels map[string]string) float64 {
	w.t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	samples:
		for _, m := range f.GetMetric() {
			has := map[string]string{}
			for _, l := range m.GetLabel() {
				has[l.GetName()] = l.GetValue()
			}
			for k, v := range labels {
				if has[k] != v {
					continue samples
				}
			}
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// many are count ARNs of roles that exist, in an account that holds total roles.
func many(s *fake.Seed, count, total int) []string {
	var arns []string
	for i := range total {
		arn := fmt.Sprintf("%srole/bulk-%04d", own, i)
		s.Roles = append(s.Roles, fake.Role{ARN: arn})
		if i < count {
			arns = append(arns, arn)
		}
	}
	return arns
}

func latency(d time.Duration) metav1.Duration { return metav1.Duration{Duration: d} }

// TestMain lets many tests wait at the same time: most of them are about time that passes.
func TestMain(m *testing.M) {
	flag.Parse()
	if set := flag.Lookup("test.parallel"); set.Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) {
		_ = flag.Set("test.parallel", "8") // a sound number
	}
	os.Exit(m.Run())
}
