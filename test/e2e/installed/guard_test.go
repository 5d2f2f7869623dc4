//go:build e2e

package installed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/cert"
)

// installed makes sure that the chart is installed with the tests' values and guards an aws-auth that is base.
func installed(t *testing.T) {
	t.Helper()
	helm(t, upgrade()...)
	given(t, base)
	eventually(t, "a bad edit is refused", refuses)
	eventually(t, "two replicas", func() error { _, err := replicas(t.Context()); return err })
}

// upgrade are helm's arguments that bring the release to the tests' values and those of set.
func upgrade(set ...string) []string {
	args := []string{"upgrade", "--install", release, *chart, "--reset-values", "-f", values, "--wait", "--timeout", patience.String()}
	for _, s := range set {
		args = append(args, "--set", s)
	}
	return args
}

// given makes mapRoles those of the cluster, behind the broken glass.
func given(t *testing.T, mapRoles string) {
	t.Helper()
	cm := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "aws-auth"}, Data: map[string]string{"mapRoles": mapRoles}}
	text, err := json.Marshal(cm)
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"apply", "--server-side", "--force-conflicts", "-f", "-"}, glassBroken...)
	if got := run(t, string(text), "kubectl", args...); got.code != 0 {
		t.Fatalf("kubectl %s: exit code %d:\n%s", strings.Join(args, " "), got.code, got.text)
	}
}

// kubectl's flags for those who may edit aws-auth and nothing else.
var (
	glassBroken = []string{"--as", "anybody", "--as-group", breakGlass}
	nodeManager = []string{"--as", "eks:node-manager"}
	somebody    = []string{"--as", "somebody"}
)

// edit are kubectl's arguments for an edit of mapRoles.
func edit(mapRoles string, flags ...string) []string {
	return append([]string{"patch", "configmap", "aws-auth", "-n", metav1.NamespaceSystem, "--type=merge", "-p", patch(mapRoles)}, flags...)
}

func patch(mapRoles string) string {
	text, err := json.Marshal(map[string]any{"data": map[string]string{"mapRoles": mapRoles}})
	if err != nil {
		panic(err) // strings can be written as JSON
	}
	return string(text)
}

// wantRoles checks what is stored.
func wantRoles(t *testing.T, want string) {
	t.Helper()
	cm, err := client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(t.Context(), "aws-auth", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := cm.Data["mapRoles"]; got != want {
		t.Errorf("stored mapRoles:\n%s\nwant:\n%s", got, want)
	}
}

// try makes an edit as a dry run: it is admitted or refused like any other, and changes nothing.
func try(mapRoles string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Patch(ctx, "aws-auth", types.MergePatchType, []byte(patch(mapRoles)),
		metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// refuses is nil if the guard refuses a bad edit for what is bad about it.
func refuses() error {
	err := try(bad)
	switch {
	case err == nil:
		return errors.New("a bad edit is allowed")
	case apierrors.IsInvalid(err) && strings.Contains(err.Error(), "AA203"):
		return nil
	}
	return fmt.Errorf("a bad edit: %w", err)
}

// admits is nil if a good edit is allowed.
func admits() error {
	if err := try(good); err != nil {
		return fmt.Errorf("a good edit: %w", err)
	}
	return nil
}

// pods are all pods of the guard, also those that are on their way out.
func pods(ctx context.Context) ([]corev1.Pod, error) {
	list, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/instance=" + release})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// replicas are the two pods of the guard; an error if they are not two, or if one is not ready.
func replicas(ctx context.Context) ([]corev1.Pod, error) {
	all, err := pods(ctx)
	if err != nil {
		return nil, err
	}
	if len(all) != 2 {
		return nil, fmt.Errorf("%d pods, want 2", len(all))
	}
	for _, p := range all {
		if !isReady(p) {
			return nil, fmt.Errorf("pod %s is not ready", p.Name)
		}
	}
	return all, nil
}

func isReady(p corev1.Pod) bool {
	return p.DeletionTimestamp == nil && slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// wantReplicas gives both replicas.
func wantReplicas(t *testing.T) []corev1.Pod {
	t.Helper()
	all, err := replicas(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// lives identifies the processes of pods: names and how often they were started.
func lives(pods []corev1.Pod) []string {
	var all []string
	for _, p := range pods {
		for _, c := range p.Status.ContainerStatuses {
			all = append(all, fmt.Sprintf("%s/%d", p.Name, c.RestartCount))
		}
	}
	slices.Sort(all)
	return all
}

// wantAlive checks that no replica was restarted.
func wantAlive(t *testing.T, before []corev1.Pod) {
	t.Helper()
	if got, want := lives(wantReplicas(t)), lives(before); !slices.Equal(got, want) {
		t.Errorf("replicas (with the number of restarts) %v, want %v as before", got, want)
	}
}

// ask is what a replica answers at a port, by way of the API server. It says something whatever the status is.
func ask(ctx context.Context, pod string, port int, path string) (string, error) {
	text, err := client.CoreV1().RESTClient().Get().Namespace(namespace).Resource("pods").Name(pod + ":" + strconv.Itoa(port)).
		SubResource("proxy").Suffix(path).DoRaw(ctx)
	return string(text), err
}

// metric is the sum of one of a replica's metrics over its labels.
func metric(ctx context.Context, pod, name string) (float64, error) {
	text, err := ask(ctx, pod, 8080, "metrics")
	if err != nil {
		return 0, err
	}
	sum, found := 0.0, false
	for line := range strings.Lines(text) {
		labelled, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if n, _, _ := strings.Cut(labelled, "{"); !ok || n != name {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("pod %s: %s: %w", pod, line, err)
		}
		sum, found = sum+v, true
	}
	if !found {
		return 0, fmt.Errorf("pod %s has no metric %s", pod, name)
	}
	return sum, nil
}

// judges asks one replica by itself about an edit: not the Service, which picks one.
func judges(ctx context.Context, pod, mapRoles string) (allowed bool, err error) {
	object := func(mapRoles string) runtime.RawExtension {
		text, _ := json.Marshal(corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "aws-auth"}, Data: map[string]string{"mapRoles": mapRoles}})
		return runtime.RawExtension{Raw: text}
	}
	review := admissionv1.AdmissionReview{TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{UID: "1", Kind: metav1.GroupVersionKind{Version: "v1", Kind: "ConfigMap"},
			Resource: metav1.GroupVersionResource{Version: "v1", Resource: "configmaps"}, Namespace: metav1.NamespaceSystem, Name: "aws-auth",
			Operation: admissionv1.Update, UserInfo: authenticationv1.UserInfo{Username: "somebody"},
			Object: object(mapRoles), OldObject: object(base)}}
	body, err := json.Marshal(review)
	if err != nil {
		return false, err
	}
	text, err := client.CoreV1().RESTClient().Post().Namespace(namespace).Resource("pods").Name("https:"+pod+":9443").
		SubResource("proxy").Suffix("validate-aws-auth").SetHeader("Content-Type", "application/json").Body(body).DoRaw(ctx)
	if err != nil {
		return false, err
	}
	review = admissionv1.AdmissionReview{}
	if err := json.Unmarshal(text, &review); err != nil || review.Response == nil {
		return false, fmt.Errorf("pod %s answers %q: %w", pod, text, err)
	}
	return review.Response.Allowed, nil
}

// all is nil if f is nil for every replica.
func all(ctx context.Context, f func(pod corev1.Pod) error) error {
	both, err := replicas(ctx)
	for _, p := range both {
		err = errors.Join(err, f(p))
	}
	return err
}

// trusts checks that both webhooks trust what the Secret says, and that every replica serves a certificate of it. It gives
// the number of authorities.
func trusts(t *testing.T) int {
	t.Helper()
	secret, err := client.CoreV1().Secrets(namespace).Get(t.Context(), release+"-tls", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	authorities, err := cert.ParseCertsPEM(secret.Data["ca.crt"])
	if err != nil {
		t.Errorf("the Secret's ca.crt: %v", err)
	}
	config, err := client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(t.Context(), release, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range config.Webhooks {
		if !bytes.Equal(w.ClientConfig.CABundle, secret.Data["ca.crt"]) {
			t.Errorf("caBundle of %s is not the Secret's ca.crt", w.Name)
		}
	}
	for _, p := range wantReplicas(t) {
		if trusted, err := metric(t.Context(), p.Name, "aws_auth_guard_certificate_trusted"); err != nil || trusted != 1 {
			t.Errorf("pod %s serves a certificate that is not trusted: %v, %v", p.Name, trusted, err)
		}
	}
	return len(authorities)
}
