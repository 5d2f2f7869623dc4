package iam_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// bareEnvironment takes away whatever AWS settings the machine has, and points the SDK at url.
func bareEnvironment(t *testing.T, url string) {
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
	t.Setenv("AWS_ENDPOINT_URL_IAM", url)
	t.Setenv("AWS_ENDPOINT_URL_STS", url)
}

// fromEnvironment is a Directory with whatever the environment says about AWS.
func fromEnvironment(t *testing.T, p *policy.Policy) *iam.Directory {
	t.Helper()
	cfg, err := aws.LoadConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return iam.New(cfg, p, iam.Options{})
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Every usual source of an identity: the environment is all that the guard has.
func TestIdentities(t *testing.T) {
	for name, tt := range map[string]struct {
		set  func(t *testing.T, url string)
		want string // ARN, the session cut off
	}{
		"environment": {func(t *testing.T, _ string) {
			t.Setenv("AWS_ACCESS_KEY_ID", "guard")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
		}, "arn:aws:sts::111122223333:assumed-role/aws-auth-guard/"},
		"environment, with a region": {func(t *testing.T, _ string) {
			t.Setenv("AWS_ACCESS_KEY_ID", "guard")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
			t.Setenv("AWS_REGION", "eu-west-1")
		}, "arn:aws:sts::111122223333:assumed-role/aws-auth-guard/"},
		"environment, in China": {func(t *testing.T, _ string) {
			t.Setenv("AWS_ACCESS_KEY_ID", "guard-cn")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
			t.Setenv("AWS_REGION", "cn-northwest-1")
		}, "arn:aws-cn:sts::111122223333:assumed-role/aws-auth-guard/"},
		"profile": {func(t *testing.T, _ string) {
			t.Setenv("AWS_PROFILE", "guard")
			write(t, os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), "[guard]\naws_access_key_id = guard\naws_secret_access_key = secret\n")
		}, "arn:aws:sts::111122223333:assumed-role/aws-auth-guard/"},
		"IRSA": {func(t *testing.T, _ string) {
			token := filepath.Join(t.TempDir(), "token")
			write(t, token, "a web identity token")
			t.Setenv("AWS_ROLE_ARN", own+"role/irsa")
			t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
			t.Setenv("AWS_REGION", "eu-west-1")
		}, "arn:aws:sts::111122223333:assumed-role/irsa/"},
		"Pod Identity": {func(t *testing.T, url string) {
			token := filepath.Join(t.TempDir(), "token")
			write(t, token, "a service account token")
			t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url+"/v1/credentials")
			t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token)
			t.Setenv("AWS_REGION", "eu-west-1")
		}, "arn:aws:sts::111122223333:assumed-role/pod-identity/"},
	} {
		t.Run(name, func(t *testing.T) {
			_, url := serve(t, seed())
			bareEnvironment(t, url)
			tt.set(t, url)
			d := fromEnvironment(t, parsePolicy(t, ""))
			if err := d.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			self, ok := d.Self()
			if !ok || !strings.HasPrefix(self.ARN, tt.want) || self.Account != "111122223333" || !strings.HasPrefix(self.ARN, "arn:"+self.Partition+":") {
				t.Fatalf("%+v %t, want %s...", self, ok, tt.want)
			}
			arn, err := awsauth.ParseARN("arn:" + self.Partition + ":iam::111122223333:role/ci")
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Lookup(t.Context(), principal.Asker{}, []awsauth.ARN{arn})[0]; got.Existence != principal.Exists {
				t.Errorf("%+v, want it to exist", got)
			}
		})
	}
}

// Pod Identity shows the account where STS is out of reach.
func TestAccountFromCredentials(t *testing.T) {
	f, url := serve(t, seed())
	bareEnvironment(t, url)
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url+"/v1/credentials")
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "a service account token")
	if err := f.SetFaults(fake.Faults{Answer: fake.Reset, Actions: []string{"GetCallerIdentity"}}); err != nil {
		t.Fatal(err)
	}
	d := fromEnvironment(t, parsePolicy(t, ""))
	d.Identify(t.Context())
	self, ok := d.Self()
	if want := (principal.Self{Account: "111122223333", Partition: "aws"}); !ok || self != want {
		t.Errorf("%+v %t, want %+v", self, ok, want)
	}
}

// Without any identity, or with one that is refused, the guard starts, and says so of every principal, in time.
func TestNoIdentity(t *testing.T) {
	for name, tt := range map[string]struct {
		set    func(t *testing.T)
		reason principal.Reason
		says   string
	}{
		"nothing": {func(*testing.T) {}, principal.ReasonUnreachable, "no AWS credentials: give the guard's service account a role"},
		"an instance that does not answer": {func(t *testing.T) {
			hang := fake.Serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
			t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", hang)
		}, principal.ReasonTimeout, "no AWS credentials in time"},
		"a token that STS does not take": {func(t *testing.T) {
			token := filepath.Join(t.TempDir(), "token")
			write(t, token, "a web identity token")
			t.Setenv("AWS_ROLE_ARN", own+"role/nodes")
			t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
		}, principal.ReasonDenied, "AWS gives the guard no credentials (AccessDenied)"},
		"a key that AWS does not know": {func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", "unknown")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
		}, principal.ReasonDenied, "AWS does not accept the credentials of the guard (InvalidClientTokenId)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, url := serve(t, seed())
			bareEnvironment(t, url)
			tt.set(t)
			d := fromEnvironment(t, parsePolicy(t, "iam: {timeouts: {call: 500ms, total: 3s}}"))
			arn, err := awsauth.ParseARN(own + "role/ci")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			got := d.Lookup(ctx, principal.Asker{}, []awsauth.ARN{arn})[0]
			if ctx.Err() != nil {
				t.Error("answered too late")
			}
			if got.Existence != principal.Unverified || got.Reason != tt.reason || !strings.Contains(got.Detail, tt.says) {
				t.Errorf("%+v, want %s: %s", got, tt.reason, tt.says)
			}
			if strings.Contains(got.Detail, "secret") || strings.Contains(got.Detail, "token a") {
				t.Errorf("a secret in %q", got.Detail)
			}
		})
	}
}

// A changed policy comes into force at once, and what is known stays known.
func TestConfigure(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		w := memoryWorld(t, "guard", "", seed())
		all(t, principal.Exists, w.lookup(own+"role/ci"))
		all(t, principal.Foreign, w.lookup(other+"role/auditor"))
		w.aws.Forget()

		w.directory.Configure(parsePolicy(t, reading))
		all(t, principal.Exists, w.lookup(own+"role/ci"))
		w.spent("", 0)
		all(t, principal.Exists, w.lookup(other+"role/auditor"))
		w.spent("AssumeRole", 1)

		w.directory.Configure(parsePolicy(t, reading+"iam: {timeouts: {call: 1s}}"))
		all(t, principal.Exists, w.lookup(other+"role/auditor"))
		all(t, principal.Missing, w.lookup(other+"role/nope"))
		w.spent("AssumeRole", 1) // the session goes on

		w.directory.Configure(parsePolicy(t, "accounts: [{id: '444455556666', trust: unchecked}]"))
		all(t, principal.Trusted, w.lookup(other+"role/nope"))
		w.directory.Configure(parsePolicy(t, ""))
		all(t, principal.Foreign, w.lookup(other+"role/auditor")) // known to exist, but no longer to be mapped

		w.directory.Configure(parsePolicy(t, "iam: {timeouts: {call: 100ms, total: 200ms}}"))
		w.faults(fake.Faults{Answer: fake.Hang})
		started := time.Now()
		all(t, principal.Unverified, w.lookup(own+"role/nodes"))
		if took := time.Since(started); took > 200*time.Millisecond {
			t.Errorf("took %s: the old limits are still in force", took)
		}
	})
}

// An account that wants an external id gets it, and one that is changed while the guard runs counts at once.
func TestExternalID(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		s := seed()
		for i := range s.Roles {
			if s.Roles[i].ARN == other+"role/aws-auth-guard" {
				s.Roles[i].ExternalID = "demo/1@example.com"
			}
		}
		w := memoryWorld(t, "guard", reading, s)
		without := w.lookup(other + "role/auditor")[0]
		if without.Reason != principal.ReasonForeign || !strings.Contains(without.Detail, "lacks sts:AssumeRole on "+other+"role/aws-auth-guard") {
			t.Errorf("without an external id: %+v, want it refused", without)
		}
		w.directory.Configure(parsePolicy(t, reading+"  externalID: demo/2@example.com\n"))
		if got := w.lookup(other + "role/auditor")[0]; got.Reason != principal.ReasonForeign {
			t.Errorf("with another's external id: %+v, want it refused", got)
		}
		w.directory.Configure(parsePolicy(t, reading+"  externalID: demo/1@example.com\n"))
		all(t, principal.Exists, w.lookup(other+"role/auditor"))
		w.aws.Forget()
		w.directory.Configure(parsePolicy(t, reading+"  externalID: demo/1@example.com\niam: {timeouts: {call: 1s}}"))
		all(t, principal.Exists, w.lookup(other+"user/bob"))
		w.spent("AssumeRole", 0) // the session goes on
		w.directory.Configure(parsePolicy(t, reading))
		if got := w.lookup(other + "role/closed")[0]; got.Reason != principal.ReasonForeign {
			t.Errorf("without an external id again: %+v, want it refused", got)
		}
	})
}

func TestNearest(t *testing.T) {
	t.Parallel()
	list := map[string]string{}
	for _, name := range []string{"deployer", "deployer2", "deploy", "nodes", "eks-node-group-a", "eks-node-group-b", "ci", "cd", "CI-Runner",
		"AWSReservedSSO_Admin_0123456789abcdef", "AWSReservedSSO_ReadOnly_0123456789abcdef"} {
		list[strings.ToLower(name)] = name
	}
	for name, want := range map[string][]string{
		"deplyoer":                              {"deployer", "deploy", "deployer2"},
		"Deployr":                               {"deploy", "deployer", "deployer2"},
		"node":                                  {"nodes"},
		"eks-node-group-c":                      {"eks-node-group-a", "eks-node-group-b"},
		"cii":                                   {"ci"},
		"ci-runer":                              {"CI-Runner"},
		"AWSReservedSSO_Admin_ffffffffffffffff": {"AWSReservedSSO_Admin_0123456789abcdef"},
		"AWSReservedSSO_Admn_0123456789abcdef":  {"AWSReservedSSO_Admin_0123456789abcdef"},
		"something-else":                        nil,
		"":                                      nil,
	} {
		if d := cmp.Diff(want, iam.Nearest(name, list)); d != "" {
			t.Errorf("%q (-want +got):\n%s", name, d)
		}
	}
}

// The metrics are named as Prometheus wants them, and those that dashboards know are there from the start.
func TestMetrics(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		w := memoryWorld(t, "guard", reading, seed())
		w.lookup(own+"role/ci", own+"role/ci", own+"role/nope", other+"role/auditor")
		families, err := w.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		problems, err := promlint.NewWithMetricFamilies(families).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("%v %v", err, problems)
		}
		var names []string
		for _, f := range families {
			names = append(names, f.GetName())
		}
		want := []string{"aws_auth_guard_iam_breaker_open", "aws_auth_guard_iam_cache_hits_total", "aws_auth_guard_iam_call_seconds",
			"aws_auth_guard_iam_calls_total", "aws_auth_guard_iam_throttled_total"}
		if !slices.Equal(names, want) {
			t.Errorf("%v, want %v", names, want)
		}
		if n := w.metric("aws_auth_guard_iam_calls_total", map[string]string{"api": "GetRole", "outcome": "missing"}); n != 2 {
			t.Errorf("%v calls GetRole found nothing, want 2", n)
		}

		w.directory.Configure(parsePolicy(t, ""))
		if n := w.metric("aws_auth_guard_iam_breaker_open", map[string]string{"account": "444455556666"}); n != 0 {
			t.Errorf("%v: the breaker of an account that is gone", n)
		}
	})
}

// Nothing that the guard says of a failure holds a key, a token or a request's id.
func TestFailuresKeepSecrets(t *testing.T) {
	t.Parallel()
	for _, answer := range fake.Answers[1:] {
		if answer == fake.Hang {
			continue
		}
		t.Run(string(answer), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "guard", reading, seed())
			w.faults(fake.Faults{Answer: answer})
			text, err := json.Marshal(w.lookup(own+"role/ci", other+"role/auditor"))
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"secret", "RequestID", "request id", "X-Amz", "http://", "AWS4"} {
				if strings.Contains(string(text), secret) {
					t.Errorf("%q in %s", secret, text)
				}
			}
		})
	}
}
