//go:build e2e

package screens

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

const breakGlass = "aws-auth-break-glass"

// policyFile is what the cluster of these screens allows.
const policyFile = `apiVersion: aws-auth-guard.io/v1alpha1
kind: Policy
privileged:
  approvals:
  - arn: arn:aws:iam::111122223333:role/admin
    groups: [system:masters]
    reason: the platform team's role
breakGlass:
  groups: [` + breakGlass + `]
contact:
  text: "#platform on Slack"
  url: https://example.com/platform
`

// people is the trust policy of a role that people assume.
const people = `{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole"}]}`

// sso is a role of IAM Identity Center as IAM shows it.
const sso = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/" +
	"AWSReservedSSO_ReadOnly_0123456789abcdef"

// account is what IAM knows, with paths.
var account = fake.Seed{
	Credentials: []fake.Credential{
		{AccessKeyID: "guard", ARN: "arn:aws:sts::111122223333:assumed-role/aws-auth-guard/pod"},
	},
	Roles: []fake.Role{
		{ARN: "arn:aws:iam::111122223333:role/workers"},
		{ARN: "arn:aws:iam::111122223333:role/gpu-workers"},
		{ARN: "arn:aws:iam::111122223333:role/admin", TrustPolicy: people},
		{ARN: "arn:aws:iam::111122223333:role/deploy", TrustPolicy: people},
		{ARN: "arn:aws:iam::111122223333:role/on-call", TrustPolicy: people},
		{ARN: "arn:aws:iam::111122223333:role/security/audit", TrustPolicy: people},
		{ARN: "arn:aws:iam::111122223333:role/reporting", TrustPolicy: people},
		{ARN: sso, TrustPolicy: people},
	},
	Users: []fake.User{{ARN: "arn:aws:iam::111122223333:user/alice"}},
}

var (
	cluster *guarded.Cluster
	// plugin is the directory that kubectl-awsauth is in.
	plugin string
	// configMaps are those of kube-system, in the hands of somebody whom the guard never denies.
	configMaps typedcorev1.ConfigMapInterface
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(editorDir); dir != "" {
		os.Exit(editor(dir, os.Args[len(os.Args)-1]))
	}
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "screens:", err)
		code = 1
	}
	os.Exit(code)
}

// run starts the control plane and the guard, runs the tests, and ends both.
func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "aws-auth-guard-screens-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(file, []byte(policyFile), 0o600); err != nil {
		return 1, err
	}
	allowed, err := policy.Parse([]byte(policyFile))
	if err != nil {
		return 1, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cluster, err = guarded.Start(ctx, dir)
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	if err != nil {
		return 1, err
	}
	guard, err := guarded.NewGuard(ctx, dir, file)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, guard.Stop()) }()
	plugin = filepath.Join(dir, "plugin")
	if err := guarded.Build(ctx, filepath.Join(plugin, "kubectl-awsauth"), "cmd/kubectl-awsauth"); err != nil {
		return 1, err
	}
	iam, err := fake.New(account)
	if err != nil {
		return 1, err
	}
	aws := httptest.NewServer(iam)
	defer aws.Close()
	guard.AskAWS(aws.URL)
	if err := guard.Start(ctx); err != nil {
		return 1, err
	}
	if err := errors.Join(cluster.Install(ctx, guard), cluster.InstallFloor(ctx, allowed)); err != nil {
		return 1, err
	}
	// From here on as the chart starts it: with the cluster's RBAC, and the policy in a ConfigMap.
	guard.Kubeconfig = cluster.Kubeconfig
	guard.Flags = []string{"--policy", "",
		"--policy-configmap", guarded.PolicyConfigMap, "--namespace", guarded.PolicyNamespace}
	if err := errors.Join(guard.Stop(), guard.Start(ctx)); err != nil {
		return 1, err
	}
	config := rest.CopyConfig(cluster.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "test", Groups: []string{"system:masters", breakGlass}}
	config.WarningHandler = rest.NoWarnings{}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return 1, err
	}
	configMaps = client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	return m.Run(), nil
}
