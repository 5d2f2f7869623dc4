//go:build e2e

package installed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// TestGarbageCollector lets a real garbage collector act on aws-auth. What it may not delete stays, and it does not ask without
// pause; what it may finish is finished.
func TestGarbageCollector(t *testing.T) {
	installed(t)
	configMaps := client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	owner := func(t *testing.T) *corev1.ConfigMap {
		t.Helper()
		made, err := configMaps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "owner-"}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := configMaps.Delete(context.WithoutCancel(t.Context()), made.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				t.Error(err)
			}
		})
		return made
	}
	// owned makes the object the owner of aws-auth, as somebody.
	owned := func(t *testing.T, by *corev1.ConfigMap, as ...string) answer {
		t.Helper()
		var owners any
		if by != nil {
			owners = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: by.Name, UID: by.UID, BlockOwnerDeletion: new(true)}}
		}
		text, err := json.Marshal(map[string]any{"metadata": map[string]any{"ownerReferences": owners}})
		if err != nil {
			t.Fatal(err)
		}
		return kubectl(t, append([]string{"patch", "configmap", "aws-auth", "-n", metav1.NamespaceSystem, "--type=merge", "-p", string(text)}, as...)...)
	}
	gone := func(name string) func() error {
		return func() error {
			_, err := configMaps.Get(t.Context(), name, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return nil
			}
			return errors.Join(errors.New("it is still there"), err)
		}
	}
	stays := func(t *testing.T) {
		t.Helper()
		cm, err := configMaps.Get(t.Context(), "aws-auth", metav1.GetOptions{})
		if err != nil || cm.DeletionTimestamp != nil {
			t.Fatalf("aws-auth has not stayed: %v, deleted at %v", err, cm.DeletionTimestamp)
		}
	}

	t.Run("a new owner is denied", func(t *testing.T) {
		owned(t, owner(t), somebody...).wantIn(t, 1, "AA111")
	})

	for name, policy := range map[string]metav1.DeletionPropagation{"background": metav1.DeletePropagationBackground, "foreground": metav1.DeletePropagationForeground} {
		t.Run("its owner is deleted/"+name, func(t *testing.T) {
			given(t, base)
			by := owner(t)
			owned(t, by, glassBroken...).wantIn(t, 0, "configmap/aws-auth patched")
			before := deletionsRefused(t)
			if err := configMaps.Delete(t.Context(), by.Name, metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the garbage collector tries", func() error {
				if n := deletionsRefused(t) - before; n < 3 {
					return fmt.Errorf("%d deletions refused", n)
				}
				return nil
			})
			stays(t)
			// Each try comes after twice the pause of the one before (client-go's workqueue, from 5 ms).
			begun, first := time.Now(), deletionsRefused(t)
			eventually(t, "it tries once more", func() error {
				if deletionsRefused(t) == first {
					return errors.New("not yet")
				}
				return nil
			})
			tries := deletionsRefused(t) - before
			measured("collector-"+name+"-tries", tries)
			measured("collector-"+name+"-last-pause", time.Since(begun))
			if tries > 30 {
				t.Errorf("%d tries, want 30 at most: each after twice the pause of the one before", tries)
			}
			stays(t)
			kubectl(t, edit(good, somebody...)...).wantIn(t, 0, "configmap/aws-auth patched") // an owner that is there keeps no edit out
			owned(t, nil, somebody...).wantIn(t, 0, "configmap/aws-auth patched")
			eventually(t, "the owner is gone", gone(by.Name))
			stays(t)
			wantRoles(t, good)
		})
	}

	for _, how := range []string{"background", "foreground", "orphan"} {
		t.Run("it is deleted/"+how, func(t *testing.T) {
			given(t, base)
			deletion := []string{"delete", "configmap", "aws-auth", "-n", metav1.NamespaceSystem, "--cascade=" + how, "--wait=false"}
			kubectl(t, append(deletion, somebody...)...).wantIn(t, 1, "AA501")
			stays(t)
			kubectl(t, append(deletion, glassBroken...)...).wantIn(t, 0, `configmap "aws-auth" deleted`)
			eventually(t, "the garbage collector finishes it", gone("aws-auth"))
		})
	}

	t.Run("its namespace is deleted", func(t *testing.T) {
		given(t, base)
		kubectl(t, "delete", "namespace", metav1.NamespaceSystem, "--wait=false").wantIn(t, 1, "this namespace may not be deleted")
		stays(t)
		wantRoles(t, base)
	})
}

// deletionsRefused is how many deletions of ConfigMaps the API server has refused.
func deletionsRefused(t *testing.T) (refused int) {
	t.Helper()
	text, err := client.CoreV1().RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "apiserver_request_total{") && strings.Contains(line, `resource="configmaps"`) && strings.Contains(line, `verb="DELETE"`) &&
			!strings.Contains(line, `code="2`) && !strings.Contains(line, `code="404"`) {
			var n int
			if _, err := fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &n); err != nil {
				t.Fatal(err)
			}
			refused += n
		}
	}
	return refused
}

// TestNode holds what the credentials of a node are good for: those of its kubelet, and what a kubelet can get, a token of the
// guard's own service account for a pod on that node. Neither changes aws-auth, with the guard or without it.
func TestNode(t *testing.T) {
	installed(t)
	pods, err := replicas(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pod := pods[0]
	asNode := []string{"--as", "system:node:" + pod.Spec.NodeName, "--as-group", "system:nodes"}
	forbidden := func(t *testing.T, as, args []string) {
		t.Helper()
		kubectl(t, append(args, as...)...).wantIn(t, 1, "orbidden")
	}
	inNamespace := func(args ...string) []string { return append(args, "-n", namespace) }
	changes := map[string][]string{
		"aws-auth":      edit(good),
		"its deletion":  {"delete", "configmap", "aws-auth", "-n", metav1.NamespaceSystem},
		"the policy":    inNamespace("patch", "configmap", release+"-policy", "--type=merge", "-p", `{"data":{"policy.yaml":""}}`),
		"the guard":     inNamespace("scale", "deployment", release, "--replicas=0"),
		"the floor":     {"delete", "validatingadmissionpolicybinding", release + "-floor"},
		"the webhook":   {"delete", "validatingwebhookconfiguration", release},
		"its rights":    {"delete", "clusterrole", release},
		"anybody's":     {"create", "clusterrolebinding", "node-admin", "--clusterrole=cluster-admin", "--group=system:nodes"},
		"another token": inNamespace("create", "token", release),
	}
	for what, change := range changes {
		t.Run("the kubelet/"+what, func(t *testing.T) { forbidden(t, asNode, change) })
	}
	t.Run("the kubelet/authority", func(t *testing.T) {
		forbidden(t, asNode, inNamespace("patch", "secret", release+"-tls", "--type=merge", "-p", `{"data":{}}`))
	})
	got := kubectl(t, append(inNamespace("create", "token", pod.Spec.ServiceAccountName, "--bound-object-kind=Pod", "--bound-object-name="+pod.Name, "--bound-object-uid="+string(pod.UID)), asNode...)...)
	if got.code != 0 {
		t.Fatalf("a kubelet gets a token for its pods: exit code %d:\n%s", got.code, got.text)
	}
	withToken := []string{"--kubeconfig", tokenFile(t, strings.TrimSpace(got.text))}
	kubectl(t, append([]string{"auth", "whoami"}, withToken...)...).wantIn(t, 0, "system:serviceaccount:"+namespace+":"+pod.Spec.ServiceAccountName, pod.Spec.NodeName)
	for what, change := range changes {
		t.Run("the guard's service account/"+what, func(t *testing.T) { forbidden(t, withToken, change) })
	}
	wantRoles(t, base)
}

// tokenFile is a kubeconfig for this cluster with a token.
func tokenFile(t *testing.T, token string) string {
	t.Helper()
	config, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	if err != nil {
		t.Fatal(err)
	}
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	}
	name := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, name); err != nil {
		t.Fatal(err)
	}
	return name
}
