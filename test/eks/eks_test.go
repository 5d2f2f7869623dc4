package eks_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
	"github.com/aws-auth-guard/aws-auth-guard/test/eks"
)

const instance = "i-0123456789abcdef0"

// account has the principals of the tests, and the instance that the node runs on.
func account() fake.Seed {
	seed := fake.Seed{
		Roles:     []fake.Role{{ARN: "arn:aws:iam::111122223333:role/admin"}},
		Instances: []fake.Instance{{ID: instance, PrivateDNSName: nodeName}},
		Clusters:  []fake.Cluster{{Name: eks.Name, Mode: string(eks.ConfigMap)}},
	}
	for _, arn := range principals {
		switch {
		case strings.Contains(arn, ":role/"):
			seed.Roles = append(seed.Roles, fake.Role{ARN: arn})
		case strings.Contains(arn, ":user/"):
			seed.Users = append(seed.Users, fake.User{ARN: arn})
		}
	}
	return seed
}

var (
	node  = eks.Principal{ARN: "arn:aws:iam::111122223333:role/workers", Session: instance}
	dev   = eks.Principal{ARN: "arn:aws:iam::111122223333:role/dev", Session: "alice"}
	admin = eks.Principal{ARN: "arn:aws:iam::111122223333:role/admin", Session: "bob"}
)

const mapRoles = `- rolearn: arn:aws:iam::111122223333:role/workers
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
- rolearn: arn:aws:iam::111122223333:role/dev
  username: dev:{{SessionName}}
  groups: [developers]
`

func start(t *testing.T, o eks.Options) *eks.EKS {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Skip("KUBEBUILDER_ASSETS is not set: `make test` builds a control plane and sets it")
	}
	var err error
	if o.AWS, err = fake.New(account()); err != nil {
		t.Fatal(err)
	}
	e, err := eks.Start(t.Context(), t.TempDir(), o)
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestSignIn has a sound aws-auth, and then a tab in it.
func TestSignIn(t *testing.T) {
	began := time.Now()
	e := start(t, eks.Options{})
	if err := e.Put(t.Context(), map[string]string{awsauth.MapRoles: mapRoles}); err != nil {
		t.Fatal(err)
	}
	want(t, e, node, "system:node:ip-10-0-0-1.us-west-2.compute.internal", "system:bootstrappers", "system:nodes")
	t.Logf("the first sign-in %v after the start", time.Since(began).Round(10*time.Millisecond))
	want(t, e, dev, "dev:alice", "developers")
	refused(t, e, admin)
	if err := e.Put(t.Context(), map[string]string{awsauth.MapRoles: strings.Replace(mapRoles, "  username: dev", "\tusername: dev", 1)}); err != nil {
		t.Fatal(err)
	}
	refused(t, e, node)
	refused(t, e, dev)
	if err := e.Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused(t, e, dev)
}

func want(t *testing.T, e *eks.EKS, p eks.Principal, username string, groups ...string) {
	t.Helper()
	is, err := e.SignIn(t.Context(), p)
	if err != nil {
		t.Errorf("%v, want %s", err, username)
		return
	}
	groups = append(groups, "system:authenticated")
	if is.Username != username || !slices.Equal(is.Groups, groups) {
		t.Errorf("%+v is %+v, want %s %q", p, is, username, groups)
	}
}

func refused(t *testing.T, e *eks.EKS, p eks.Principal) {
	t.Helper()
	is, err := e.SignIn(t.Context(), p)
	var no *eks.RefusedError
	if !errors.As(err, &no) {
		t.Errorf("%+v is %+v, %v, want it refused", p, is, err)
	}
}

// TestKubeconfig signs in with kubectl, whose exec entries make tokens with the authenticator's own program.
func TestKubeconfig(t *testing.T) {
	e := start(t, eks.Options{})
	if err := e.Put(t.Context(), map[string]string{awsauth.MapRoles: mapRoles}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	err := e.WriteKubeconfig(file, []string{"developer", "node", "nobody"}, map[string]eks.Principal{"developer": dev, "node": node, "nobody": admin})
	if err != nil {
		t.Fatal(err)
	}
	for context, want := range map[string]string{"developer": "dev:alice", "node": "system:node:" + nodeName,
		"nobody": "You must be logged in to the server", eks.CreatorContext: "system:masters"} {
		cmd := e.Kubectl(t.Context(), "--kubeconfig", file, "--context", context, "auth", "whoami")
		out, err := cmd.CombinedOutput()
		if !strings.Contains(string(out), want) || (err != nil) != (context == "nobody") {
			t.Errorf("%s: %v\n%s\nwant %q", context, err, out, want)
		}
	}
}
