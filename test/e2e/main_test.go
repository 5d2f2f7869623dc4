package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

const breakGlass = "aws-auth-break-glass"

// policyFile is what the cluster of these tests allows.
const policyFile = `apiVersion: aws-auth-guard.io/v1alpha1
kind: Policy
privileged:
  approvals:
  - arn: arn:aws:iam::111122223333:role/admin
    groups: [system:masters]
    reason: the platform team's role
breakGlass:
  groups: [` + breakGlass + `]
nodes:
  roles: [arn:aws:iam::111122223333:role/nodes]
`

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
	// base is the mapRoles that every test begins with.
	base = nodes + admin
	good = base + ci
)

// bad is good with a path in an ARN.
var bad = strings.Replace(good, "role/ci", "role/team/ci", 1)

const (
	finding = `data.mapRoles[2].rolearn: AA203 role-arn-path:
    arn:aws:iam::111122223333:role/team/ci has a path
    fix: write arn:aws:iam::111122223333:role/ci
    why: EKS drops the path before it compares, so this entry matches nobody
`
	// refusal is all that kubectl says of it.
	refusal = `The ConfigMap "aws-auth" is invalid: ` + finding
)

var (
	update = flag.Bool("update", false, "write the golden files anew")

	cluster *guarded.Cluster
	guard   *guarded.Guard
	// configMaps are those of kube-system, in the hands of somebody whom the guard denies nothing.
	configMaps typedcorev1.ConfigMapInterface
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// run starts the control plane and the guard, runs the tests, and ends both.
func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "aws-auth-guard-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(file, []byte(policyFile), 0o600); err != nil {
		return 1, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cluster, err = guarded.Start(ctx, dir)
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	if err != nil {
		return 1, err
	}
	if guard, err = guarded.NewGuard(ctx, dir, file); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, guard.Stop()) }()
	if err := guard.Start(ctx); err != nil {
		return 1, err
	}
	if err := errors.Join(cluster.Install(ctx, guard), installFloor(ctx)); err != nil {
		return 1, err
	}
	config := rest.CopyConfig(cluster.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "test", Groups: []string{"system:masters", breakGlass}}
	config.WarningHandler = rest.NoWarnings{} // what it says to break-glass users is tested with kubectl
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return 1, err
	}
	configMaps = client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	return m.Run(), nil
}

// installFloor puts the floor before the guard, as the chart does.
func installFloor(ctx context.Context) error {
	p, err := policy.Parse([]byte(policyFile))
	if err != nil {
		return err
	}
	return cluster.InstallFloor(ctx, p)
}

// withoutFloor takes the floor away until the test ends: what the guard says of edits that the floor denies before it is asked.
func withoutFloor(t *testing.T) {
	t.Helper()
	if err := cluster.RemoveFloor(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := installFloor(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestSources lists the directories that the webhook is built and the floor is rendered from. go test takes old results for new ones unless it has
// seen a test look at what changed, and it does not see what go build and helm read.
func TestSources(t *testing.T) {
	for _, root := range []string{"../../cmd/webhook", "../../internal", "../../deploy/helm/aws-auth-guard"} {
		if err := filepath.WalkDir(root, func(_ string, _ fs.DirEntry, err error) error { return err }); err != nil {
			t.Error(err)
		}
	}
}

// given makes data the aws-auth of the cluster, as if it had been applied before the guard came; nil: there is none.
func given(t *testing.T, data map[string]string) {
	t.Helper()
	if err := configMaps.Delete(t.Context(), "aws-auth", metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	if data == nil {
		return
	}
	cm := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: "aws-auth", Namespace: metav1.NamespaceSystem}, Data: data}
	applied, err := json.Marshal(cm)
	if err != nil {
		t.Fatal(err)
	}
	cm.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: string(applied)}
	if _, err := configMaps.Create(t.Context(), cm, metav1.CreateOptions{FieldManager: "kubectl-client-side-apply"}); err != nil {
		t.Fatal(err)
	}
}

// givenRoles is given with mapRoles alone.
func givenRoles(t *testing.T, mapRoles string) {
	t.Helper()
	given(t, map[string]string{"mapRoles": mapRoles})
}

// live is the aws-auth of the cluster.
func live(t *testing.T) *corev1.ConfigMap {
	t.Helper()
	cm, err := configMaps.Get(t.Context(), "aws-auth", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return cm
}

// wantRoles checks what is stored.
func wantRoles(t *testing.T, want string) {
	t.Helper()
	if got := live(t).Data["mapRoles"]; got != want {
		t.Errorf("stored mapRoles:\n%s\nwant:\n%s", got, want)
	}
}

// manifest is a ConfigMap as people write it.
func manifest(name, mapRoles string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\n  namespace: kube-system\ndata:\n  mapRoles: |\n", name)
	for line := range strings.Lines(mapRoles) {
		b.WriteString("    " + line)
	}
	return b.String()
}

// answer is what a user sees of kubectl: both of its outputs as they come, and its exit code.
type answer struct {
	text string
	code int
}

// kubectl runs the real one. stdin is for -f -.
func kubectl(t *testing.T, stdin string, args ...string) answer {
	t.Helper()
	return show(t, stdin, cluster.Kubectl(context.WithoutCancel(t.Context()), args...)) // cleanups call it, too
}

func show(t *testing.T, stdin string, cmd *exec.Cmd) answer {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &out
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return answer{out.String(), cmd.ProcessState.ExitCode()}
}

// want checks all that kubectl said, and whether it called it a success.
func (a answer) want(t *testing.T, text string, code int) {
	t.Helper()
	if a.text != text || a.code != code {
		t.Errorf("kubectl says (exit code %d):\n%s\nwant (exit code %d):\n%s", a.code, a.text, code, text)
	}
}

// warnings are the lines that kubectl prints as such.
func (a answer) warnings() []string {
	var lines []string
	for line := range strings.Lines(a.text) {
		if w, ok := strings.CutPrefix(line, "Warning: "); ok {
			lines = append(lines, strings.TrimSuffix(w, "\n"))
		}
	}
	return lines
}
