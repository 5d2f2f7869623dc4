package cli

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/aws-auth-guard/aws-auth-guard/internal/manifest"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// strict is the guard's policy: it denies what the built-in one allows.
const strict = "apiVersion: aws-auth-guard.io/v1alpha1\nkind: Policy\nrules:\n  missing-field: error\nbreakGlass:\n  groups: [aws-auth-break-glass]\n"

// testChange runs the scripts of testdata/change, with the guard in front of the cluster. Each begins with good.yaml.
func testChange(t *testing.T, cluster *guarded.Cluster, client kubernetes.Interface) {
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(policy, []byte(strict), 0o600); err != nil {
		t.Fatal(err)
	}
	guard, err := guarded.NewGuard(t.Context(), dir, policy)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/in/good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file, err := manifest.Read("good.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	setMapRoles(t, client, file.ConfigMap.Data["mapRoles"])
	t.Cleanup(func() {
		if err := guard.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := guard.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Install(t.Context(), guard); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before the object goes
		hooks := client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
		if err := hooks.Delete(context.Background(), "aws-auth-guard", metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	t.Run("conflict", func(t *testing.T) { testAddConflict(t, cluster, client) })
	path := cluster.Bin + string(os.PathListSeparator) + os.Getenv("PATH")
	t.Setenv("PATH", path) // the editors call kubectl
	t.Setenv("KUBECACHEDIR", dir)
	runScripts(t, "testdata/change", map[string]string{"KUBECONFIG": cluster.Kubeconfig, "PATH": path, "KUBECACHEDIR": dir})
}

// testAddConflict has somebody else write aws-auth between add's look at it and its update.
func testAddConflict(t *testing.T, cluster *guarded.Cluster, client kubernetes.Interface) {
	objects := client.CoreV1().ConfigMaps("kube-system")
	var once sync.Once
	kubeconfig := proxied(t, cluster, func(r *http.Request) {
		if r.Method != http.MethodPut || r.URL.Query().Has("dryRun") {
			return
		}
		once.Do(func() {
			cm, err := objects.Get(t.Context(), "aws-auth", metav1.GetOptions{})
			if err == nil {
				cm.Data["mapRoles"] += "# from somebody else\n"
				_, err = objects.Update(t.Context(), cm, metav1.UpdateOptions{})
			}
			if err != nil {
				t.Error(err)
			}
		})
	})
	out, code := kubectl("add", "role", "arn:aws:iam::111122223333:role/late", "--username", "late", "--group", "viewers", "--kubeconfig", kubeconfig)
	if code != exitAdmitted || strings.Count(out, "note: somebody else changed aws-auth meanwhile: the change is made again") != 1 {
		t.Errorf("exit code %d\n%s", code, out)
	}
	cm, err := objects.Get(t.Context(), "aws-auth", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if text := cm.Data["mapRoles"]; !strings.Contains(text, "role/late") || !strings.Contains(text, "# from somebody else") {
		t.Errorf("mapRoles is\n%s", text)
	}
	if manager := lastManager(cm); manager != fieldManager {
		t.Errorf("the update is %s's", manager)
	}
}

func lastManager(cm *corev1.ConfigMap) (name string) {
	var last metav1.Time
	for _, f := range cm.ManagedFields {
		if !f.Time.Before(&last) && f.Manager == fieldManager {
			last, name = *f.Time, f.Manager
		}
	}
	return name
}

// proxied is a kubeconfig that leads to the cluster by way of a server that sees every request first.
func proxied(t *testing.T, cluster *guarded.Cluster, see func(*http.Request)) (kubeconfig string) {
	t.Helper()
	transport, err := rest.TransportFor(cluster.Config)
	if err != nil {
		t.Fatal(err)
	}
	host, err := url.Parse(cluster.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(host) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		see(r)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: server.URL}
	config.Contexts["c"] = &clientcmdapi.Context{Cluster: "c"}
	config.CurrentContext = "c"
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}
