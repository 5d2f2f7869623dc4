//go:build chaos

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// patience is how long anything may take to come right on a busy machine. How long it took is printed.
const patience = 2 * time.Minute

// The entries that the tests edit.
const (
	nodes = `- rolearn: arn:aws:iam::111122223333:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups:
  - system:bootstrappers
  - system:nodes
`
	admin = `- rolearn: arn:aws:iam::111122223333:role/admin
  username: admin
  groups: [system:masters]
`
	ci = `- rolearn: arn:aws:iam::111122223333:role/ci
  username: ci
  groups: [deployers]
`
	base = nodes + admin
	good = base + ci
)

// bad has a path in an ARN.
var bad = base + strings.Replace(ci, "role/ci", "role/team/ci", 1)

// What every policy of these tests begins with, and an approval of the admin.
const (
	header    = "apiVersion: aws-auth-guard.io/v1alpha1\nkind: Policy\nbreakGlass: {groups: [" + breakGlass + "]}\nnodes: {roles: ['arn:aws:iam::111122223333:role/nodes']}\n"
	approving = header + "privileged:\n  approvals:\n  - {arn: 'arn:aws:iam::111122223333:role/admin', groups: [system:masters], reason: the platform team}\n"

	breakGlass = "aws-auth-break-glass"
)

var (
	percent = flag.Int("percent", 100, "how much of the repetitions to do")

	cluster *guarded.Cluster
	guard   *guarded.Guard
	metrics string // the URL of the guard's
	dir     string // where the guard's policy.yaml, tls.crt and tls.key are

	// admins is the cluster admin's client. operator and rescuer edit aws-auth, the one as anybody, the other past the guard.
	admins            kubernetes.Interface
	operator, rescuer typedcorev1.ConfigMapInterface
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		code = 1
	}
	os.Exit(code)
}

// run starts the control plane and the guard, runs the tests, and ends both.
func run(m *testing.M) (code int, err error) {
	if *percent < 1 || *percent > 100 {
		return 1, fmt.Errorf("-percent %d: want 1 to 100", *percent)
	}
	if dir, err = os.MkdirTemp("", "aws-auth-guard-chaos-"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.WriteFile(file("policy.yaml"), []byte(approving), 0o600); err != nil {
		return 1, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cluster, err = guarded.Start(ctx, dir)
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	if err != nil {
		return 1, err
	}
	if guard, err = guarded.NewGuard(ctx, dir, file("policy.yaml")); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, guard.Stop()) }()
	address, err := guarded.FreeAddress()
	if err != nil {
		return 1, err
	}
	metrics = "http://" + address + "/metrics"
	if err := guard.Start(ctx); err != nil {
		return 1, err
	}
	if err := cluster.Install(ctx, guard); err != nil {
		return 1, err
	}
	if admins, err = kubernetes.NewForConfig(cluster.Config); err != nil {
		return 1, err
	}
	if operator, err = as("operator"); err != nil {
		return 1, err
	}
	if rescuer, err = as("rescuer", breakGlass); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

func file(name string) string { return filepath.Join(dir, name) }

// as is somebody who may edit everything, as far as RBAC is concerned.
func as(user string, groups ...string) (typedcorev1.ConfigMapInterface, error) {
	config := rest.CopyConfig(cluster.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append([]string{"system:masters"}, groups...)}
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return client.CoreV1().ConfigMaps(metav1.NamespaceSystem), nil
}

// setting is what a test begins with.
type setting struct {
	policy string   // approving if empty
	aws    string   // where IAM is; off if empty
	flags  []string // of the guard's
}

// begin starts another guard and puts base into the cluster.
func begin(t *testing.T, s setting) {
	t.Helper()
	if s.policy == "" {
		s.policy = approving
	}
	write(t, "policy.yaml", s.policy)
	guard.AskAWS(s.aws)
	guard.Flags = append([]string{"--metrics-address", strings.TrimSuffix(strings.TrimPrefix(metrics, "http://"), "/metrics")}, s.flags...)
	restart(t)
	given(t, base)
}

func restart(t *testing.T) {
	t.Helper()
	if err := errors.Join(guard.Stop(), guard.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// given makes mapRoles the aws-auth of the cluster, past the guard.
func given(t *testing.T, mapRoles string) *corev1.ConfigMap {
	t.Helper()
	err := rescuer.Delete(t.Context(), "aws-auth", metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	cm, err := rescuer.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "aws-auth"}, Data: map[string]string{"mapRoles": mapRoles}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return cm
}

// edit replaces mapRoles, as anybody.
func edit(ctx context.Context, mapRoles string, options ...string) error {
	patch, err := json.Marshal(map[string]any{"data": map[string]string{"mapRoles": mapRoles}})
	if err != nil {
		return err
	}
	_, err = operator.Patch(ctx, "aws-auth", types.MergePatchType, patch, metav1.PatchOptions{DryRun: options})
	return err
}

// try is edit without doing it.
func try(ctx context.Context, mapRoles string) error { return edit(ctx, mapRoles, metav1.DryRunAll) }

// refused checks that the guard says no, and by which rule.
func refused(err error, rule string) error {
	switch {
	case err == nil:
		return fmt.Errorf("allowed, want a denial with %s", rule)
	case !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), rule):
		return fmt.Errorf("want a refusal with %s: %w", rule, err)
	}
	return nil
}

// eventually asks until f is content, and returns how long that took.
func eventually(t *testing.T, f func() error) time.Duration {
	t.Helper()
	started := time.Now()
	for {
		err := f()
		if err == nil {
			return time.Since(started)
		}
		if time.Since(started) > patience {
			t.Fatalf("not within %v: %v", patience, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// share is how many of n repetitions to do, and at least that many.
func share(n, least int) int { return max(n**percent/100, least) }

// measured prints a figure.
func measured(name string, value any) {
	if d, ok := value.(time.Duration); ok {
		value = d.Round(time.Millisecond)
	}
	fmt.Printf("measured %s %v\n", name, value)
}

// scrape is what /metrics says.
func scrape(t *testing.T) string {
	t.Helper()
	resp, err := http.Get(metrics)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// metric reads one of the guard's own.
func metric(t *testing.T, name string) float64 {
	t.Helper()
	for line := range strings.Lines(scrape(t)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func goroutines(t *testing.T) int { return int(metric(t, "go_goroutines")) }

// resident is the guard's memory in MiB.
func resident(t *testing.T) int { return int(metric(t, "process_resident_memory_bytes")) >> 20 }

// logged counts the lines of the guard's log that say something.
func logged(t *testing.T, what string) int {
	t.Helper()
	text, err := os.ReadFile(guard.Log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), what)
}

// repoint changes where the API server finds the guard, until the test ends.
func repoint(t *testing.T, change func(*admissionregistrationv1.WebhookClientConfig)) {
	t.Helper()
	configurations := admins.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	set := func(ctx context.Context, to func(i int, c *admissionregistrationv1.WebhookClientConfig)) error {
		config, err := configurations.Get(ctx, "aws-auth-guard", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for i := range config.Webhooks {
			to(i, &config.Webhooks[i].ClientConfig)
		}
		_, err = configurations.Update(ctx, config, metav1.UpdateOptions{})
		return err
	}
	var before []admissionregistrationv1.WebhookClientConfig
	if err := set(t.Context(), func(_ int, c *admissionregistrationv1.WebhookClientConfig) {
		before = append(before, *c.DeepCopy())
		change(c)
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set(context.Background(), func(i int, c *admissionregistrationv1.WebhookClientConfig) { *c = before[i] }); err != nil {
			t.Error(err)
		}
	})
}
