package e2e

import (
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// TestNode holds what the credentials of a node are good for, as the API server's Node authorizer and NodeRestriction see them:
// neither aws-auth nor the guard's webhooks. A node gets tokens of service accounts whose pods run on it, of those alone, and they
// are good for what these may do.
func TestNode(t *testing.T) {
	givenRoles(t, base)
	asNode := []string{"--as", "system:node:node1", "--as-group", "system:nodes"}
	forbidden := func(t *testing.T, args ...string) {
		t.Helper()
		if a := kubectl(t, "", append(args, asNode...)...); a.code != 1 || !strings.Contains(a.text, "orbidden") {
			t.Errorf("kubectl %s: exit code %d, want it to be forbidden:\n%s", strings.Join(args, " "), a.code, a.text)
		}
	}
	forbidden(t, "get", "configmap", "aws-auth", "-n", "kube-system")
	forbidden(t, "patch", "configmap", "aws-auth", "-n", "kube-system", "-p", patch(t, good))
	forbidden(t, "delete", "configmap", "aws-auth", "-n", "kube-system")
	forbidden(t, "delete", "validatingwebhookconfiguration", "aws-auth-guard")
	forbidden(t, "create", "clusterrolebinding", "nodes", "--clusterrole=cluster-admin", "--group=system:nodes")

	admin, err := kubernetes.NewForConfig(cluster.Config)
	if err != nil {
		t.Fatal(err)
	}
	accounts := admin.CoreV1().ServiceAccounts("default")
	pods := map[string]*corev1.Pod{}
	for _, name := range []string{"here", "there"} {
		if _, err := accounts.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			kubectl(t, "", "delete", "pod,serviceaccount", name, "-n", "default", "--force", "--ignore-not-found")
		})
		// A node gets tokens for the audiences that its pods mount. The plugin that mounts the usual one is off in envtest.
		mounted := corev1.Volume{Name: "token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
			Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}}}}}}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PodSpec{ServiceAccountName: name, Volumes: []corev1.Volume{mounted},
			NodeName: map[string]string{"here": "node1", "there": "node2"}[name], Containers: []corev1.Container{{Name: "c", Image: "example.test/c"}}}}
		if pods[name], err = admin.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	config := rest.CopyConfig(cluster.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:node:node1", Groups: []string{"system:nodes"}}
	node, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	token := func(pod *corev1.Pod) (string, error) {
		made, err := node.CoreV1().ServiceAccounts("default").CreateToken(t.Context(), pod.Name, &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			BoundObjectRef: &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID}}}, metav1.CreateOptions{})
		if err != nil {
			return "", err
		}
		return made.Status.Token, nil
	}
	if _, err := token(pods["there"]); !apierrors.IsForbidden(err) {
		t.Errorf("a token for a pod of another node: %v, want it to be forbidden", err)
	}
	text, err := token(pods["here"])
	if err != nil {
		t.Fatal(err)
	}
	config = rest.AnonymousClientConfig(cluster.Config)
	config.BearerToken = text
	pod, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	who, err := pod.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil || who.Status.UserInfo.Username != "system:serviceaccount:default:here" || who.Status.UserInfo.Extra["authentication.kubernetes.io/node-name"][0] != "node1" {
		t.Fatalf("%v: %+v", err, who)
	}
	if err := add(t.Context(), pod.CoreV1().ConfigMaps(metav1.NamespaceSystem), "ci"); !apierrors.IsForbidden(err) {
		t.Errorf("an edit with that token: %v, want it to be forbidden", err)
	}
	wantRoles(t, base)
}
