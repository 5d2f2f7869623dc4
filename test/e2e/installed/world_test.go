//go:build e2e && prometheus

package installed

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// world is what is around the guard, and can be broken.
type world struct {
	t     *testing.T
	aws   *fake.Server
	url   string
	proxy string
	// ahead is by how much the API server's clock is ahead, as the guard sees it.
	ahead atomic.Int64
	roles atomic.Int64
}

func startWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	list, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("%d nodes, want one: %v", len(list.Items), err)
	}
	seed := fake.Seed{Credentials: []fake.Credential{
		{AccessKeyID: "guard", ARN: "arn:aws:sts::111122223333:assumed-role/aws-auth-guard/pod"}}}
	for _, name := range []string{"aws-auth-guard", "nodes", "admin", "ci"} {
		seed.Roles = append(seed.Roles, fake.Role{ARN: "arn:aws:iam::111122223333:role/" + name})
	}
	if w.aws, err = fake.New(seed); err != nil {
		t.Fatal(err)
	}
	w.url = "http://" + serveOnNode(t, list.Items[0], w.aws, nil)
	w.proxy = serveOnNode(t, list.Items[0], w.apiServer(), apiServersCertificate(t))
	return w
}

// apiServersCertificate is the API server's own.
func apiServersCertificate(t *testing.T) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(node+"pki/apiserver.crt", node+"pki/apiserver.key")
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"},
		MinVersion: tls.VersionTLS12}
}

// apiServer passes everything on to the API server, whose clock can be moved.
func (w *world) apiServer() http.Handler {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		w.t.Fatal(err)
	}
	anonymous := rest.AnonymousClientConfig(config) // those who ask have tokens of their own
	transport, err := rest.TransportFor(anonymous)
	if err != nil {
		w.t.Fatal(err)
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		w.t.Fatal(err)
	}
	return &httputil.ReverseProxy{Transport: transport, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			if ahead := time.Duration(w.ahead.Load()); ahead != 0 {
				r.Header.Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			}
			return nil
		}}
}

// upgrade are helm's arguments for a guard in this world.
func (w *world) upgrade(set ...string) []string {
	host, port, err := net.SplitHostPort(w.proxy)
	if err != nil {
		w.t.Fatal(err)
	}
	environment, err := json.Marshal([]corev1.EnvVar{
		{Name: "KUBERNETES_SERVICE_HOST", Value: host}, {Name: "KUBERNETES_SERVICE_PORT", Value: port},
		{Name: "AWS_ENDPOINT_URL", Value: w.url}, {Name: "AWS_EC2_METADATA_DISABLED", Value: "true"},
		{Name: "AWS_REGION", Value: "us-west-2"},
		{Name: "AWS_ACCESS_KEY_ID", Value: "guard"}, {Name: "AWS_SECRET_ACCESS_KEY", Value: "secret"}})
	if err != nil {
		w.t.Fatal(err)
	}
	set = append([]string{"iam.enabled=true", "metrics.authentication=true"}, set...)
	return append(upgrade(set...), "--set-json", "extraEnv="+string(environment))
}

// stranger is an entry for a role that nobody has asked about.
func (w *world) stranger() string {
	name := fmt.Sprintf("none-%d", w.roles.Add(1))
	return strings.ReplaceAll("- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers]\n", "ci\n", name+"\n")
}

// edits makes some of every kind.
func (w *world) edits() error {
	if err := try(base + w.stranger()); err == nil {
		return errors.New("a role that does not exist is allowed")
	}
	return errors.Join(admits(), refuses())
}
