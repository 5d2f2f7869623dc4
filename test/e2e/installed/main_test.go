//go:build e2e

package installed

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

const (
	// source is the chart in this checkout.
	source     = "../../../deploy/helm/aws-auth-guard"
	namespace  = "aws-auth-guard"
	release    = "aws-auth-guard"
	breakGlass = "aws-auth-break-glass"

	// writers names the Role and the RoleBinding of those who may edit aws-auth and are no cluster admins.
	writers = "aws-auth-guard-e2e"
	// patience bounds every wait for something that has to come, on a machine that has other things to do as well.
	patience = 90 * time.Second
)

// The entries that the tests edit.
const (
	base = `- rolearn: arn:aws:iam::111122223333:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups:
  - system:bootstrappers
  - system:nodes
- rolearn: arn:aws:iam::111122223333:role/admin
  username: admin
  groups: [system:masters]
`
	good = base + `- rolearn: arn:aws:iam::111122223333:role/ci
  username: ci
  groups: [deployers]
`
	finding = `data.mapRoles[2].rolearn: AA203 role-arn-path:
    arn:aws:iam::111122223333:role/team/ci has a path
    fix: write arn:aws:iam::111122223333:role/ci
    why: EKS drops the path before it compares, so this entry matches nobody
`
	// refusal is all that kubectl says of bad.
	refusal = `The ConfigMap "aws-auth" is invalid: ` + finding
)

// bad is good with a path in an ARN.
var bad = strings.Replace(good, "role/ci", "role/team/ci", 1)

var (
	image    = flag.String("image", "example.test/aws-auth-guard:dev", "image of the guard, NAME:TAG, which the cluster's nodes have or can pull")
	chart    = flag.String("chart", source, "the chart, a directory or a file")
	imageTar = flag.String("image-tar", "", "OCI image layout in a tar file, whose size is checked")

	client kubernetes.Interface
	// values is the chart's values file, env what kubectl and helm get to see.
	values string
	env    []string
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// runAll prepares the cluster, runs the tests, and takes everything away again.
func runAll(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "aws-auth-guard-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, program := range []string{"kubectl", "helm"} {
		if _, err := exec.LookPath(program); err != nil {
			return 1, fmt.Errorf("%w: make e2e builds it", err)
		}
	}
	values = filepath.Join(dir, "values.yaml")
	if err := writeValues(values); err != nil {
		return 1, err
	}
	env = append(os.Environ(), "KUBECACHEDIR="+filepath.Join(dir, "kubectl"), "KUBERC=off", "HELM_CACHE_HOME="+filepath.Join(dir, "helm"),
		"HELM_CONFIG_HOME="+filepath.Join(dir, "helm"), "HELM_DATA_HOME="+filepath.Join(dir, "helm"))
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return 1, err
	}
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	if client, err = kubernetes.NewForConfig(config); err != nil {
		return 1, err
	}
	ctx := context.Background()
	if err := free(ctx); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, cleanUp(ctx)) }()
	if err := prepare(ctx); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// writeValues writes what the tests set beyond the chart's defaults.
func writeValues(file string) error {
	colon := strings.LastIndex(*image, ":")
	if colon < 0 {
		return fmt.Errorf("-image %q has no tag, want NAME:TAG", *image)
	}
	text, err := yaml.Marshal(map[string]any{
		"image":   map[string]string{"repository": (*image)[:colon], "tag": (*image)[colon+1:]},
		"webhook": map[string]any{"timeoutSeconds": 30}, // a machine that is busy with something else loses no admission by it
		"policy": map[string]any{
			"breakGlass": map[string]any{"groups": []string{breakGlass}},
			"privileged": map[string]any{"approvals": []any{map[string]any{
				"arn": "arn:aws:iam::111122223333:role/admin", "groups": []string{"system:masters"}, "reason": "the platform team's role"}}},
			"nodes": map[string]any{"roles": []string{"arn:aws:iam::111122223333:role/nodes", "arn:aws:iam::111122223333:role/retired"}},
		},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// free is an error if the cluster has what the tests would overwrite: they are not for a cluster that is of use.
func free(ctx context.Context) error {
	if _, err := client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, "aws-auth", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		return errors.Join(errors.New("the tests make and break kube-system/aws-auth, so they run only on a cluster that has none"), err)
	}
	if _, err := client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		return errors.Join(fmt.Errorf("the tests make and delete the namespace %q, so they run only on a cluster that has none", namespace), err)
	}
	return nil
}

// prepare makes the guard's namespace, where nothing but restricted pods may run, and gives those who edit aws-auth on a
// real cluster the right to do so, but no more.
func prepare(ctx context.Context) error {
	_, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace,
		Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: writers}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "create", "update", "patch", "delete"}}}}
	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: writers},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: writers},
		Subjects: []rbacv1.Subject{
			{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "eks:node-manager"},
			{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "somebody"},
			{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: breakGlass},
		}}
	rbac := client.RbacV1()
	if _, err := rbac.Roles(metav1.NamespaceSystem).Create(ctx, role, metav1.CreateOptions{}); err != nil {
		return err
	}
	_, err = rbac.RoleBindings(metav1.NamespaceSystem).Create(ctx, binding, metav1.CreateOptions{})
	return err
}

// cleanUp takes away what is left of the tests.
func cleanUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	uninstall := exec.CommandContext(ctx, "helm", "uninstall", release, "-n", namespace, "--ignore-not-found", "--wait")
	uninstall.Env = env
	out, err := uninstall.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("helm uninstall: %w\n%s", err, out)
	}
	// The API server may use the deleted floor for a moment.
	deletion := func(ctx context.Context) (bool, error) {
		err := client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Delete(ctx, "aws-auth", metav1.DeleteOptions{})
		return err == nil || apierrors.IsNotFound(err), nil
	}
	if gone := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, deletion); gone != nil {
		err = errors.Join(err, fmt.Errorf("aws-auth cannot be deleted: %w", gone))
	}
	for _, gone := range []error{
		client.RbacV1().RoleBindings(metav1.NamespaceSystem).Delete(ctx, writers, metav1.DeleteOptions{}),
		client.RbacV1().Roles(metav1.NamespaceSystem).Delete(ctx, writers, metav1.DeleteOptions{}),
		client.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{}),
	} {
		if gone != nil && !apierrors.IsNotFound(gone) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// answer is what a user sees of a program: both of its outputs as they come, and its exit code.
type answer struct {
	text string
	code int
}

func run(t *testing.T, stdin, program string, args ...string) answer {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, strings.NewReader(stdin), &out, &out
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return answer{out.String(), cmd.ProcessState.ExitCode()}
}

// kubectl runs the real one as the cluster's admin.
func kubectl(t *testing.T, args ...string) answer {
	t.Helper()
	return run(t, "", "kubectl", args...)
}

// helm runs the real one, which has to succeed.
func helm(t *testing.T, args ...string) {
	t.Helper()
	if got := run(t, "", "helm", append(args, "-n", namespace)...); got.code != 0 {
		t.Fatalf("helm %s: exit code %d:\n%s", strings.Join(args, " "), got.code, got.text)
	}
}

// want checks all that a program said, and whether it called it a success.
func (a answer) want(t *testing.T, text string, code int) {
	t.Helper()
	if a.text != text || a.code != code {
		t.Errorf("exit code %d:\n%s\nwant exit code %d:\n%s", a.code, a.text, code, text)
	}
}

// wantIn checks parts of what a program said, wherever its lines break.
func (a answer) wantIn(t *testing.T, code int, parts ...string) {
	t.Helper()
	if err := a.has(code, parts...); err != nil {
		t.Error(err)
	}
}

// has is nil if a program ended with this code and said these parts.
func (a answer) has(code int, parts ...string) error {
	for _, part := range parts {
		if a.code != code || !says(a.text, part) {
			return fmt.Errorf("exit code %d:\n%s\nwant exit code %d and in it:\n%s", a.code, a.text, code, part)
		}
	}
	return nil
}

// says reports whether text has this part. A denial is wrapped at 80 columns, so any white space is equivalent to any other.
func says(text, part string) bool {
	return strings.Contains(oneLine(text), oneLine(part))
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// eventually waits until f has no error.
func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v: %v", what, patience, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// measured prints a figure.
func measured(name string, value any) {
	if d, ok := value.(time.Duration); ok {
		value = d.Round(time.Millisecond)
	}
	fmt.Printf("measured %s %v\n", name, value)
}
