package main_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	webhook "github.com/aws-auth-guard/aws-auth-guard/cmd/webhook"
)

const (
	policyName = "aws-auth-guard-policy"
	nodesEntry = "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"
	brokenPath = "- rolearn: arn:aws:iam::111122223333:role/team/ci\n  username: ci\n  groups: [deployers]\n"
)

// TestInCluster runs the built webhook in front of a real API server, two replicas behind a balancer that does what a
// Service and the kubelet's probes do, and lives through what happens to a Deployment.
func TestInCluster(t *testing.T) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Skip("needs kube-apiserver and etcd: set KUBEBUILDER_ASSETS to the directory that holds them")
	}
	c := newCluster(t)
	t.Run("before a replica is ready no edit fails", func(t *testing.T) {
		if err := c.edit(nodesEntry + brokenPath); err != nil {
			t.Error(err)
		}
	})
	first, second := c.start(), c.start()
	c.waitReady(first)
	c.waitReady(second)

	t.Run("denies and allows", func(t *testing.T) {
		c.eventually(t, func() error { return c.edit(nodesEntry) })
		if err := c.edit(nodesEntry + brokenPath); err == nil || !strings.Contains(err.Error(), "AA203") {
			t.Errorf("a role with a path: %v, want AA203", err)
		}
	})

	t.Run("without AWS credentials AWS is not asked, and it says so", func(t *testing.T) {
		_, detail := first.get("/readyz")
		_, metrics := first.getMetrics()
		for _, about := range []string{"iam", "fleet"} {
			line := fmt.Sprintf("[+] %s: off; AWS credentials: none of an IAM role for the service account, Pod Identity or an access key\n", about)
			if !strings.Contains(detail, line) {
				t.Errorf("readiness:\n%s\nwant %s", detail, line)
			}
			if value := fmt.Sprintf("aws_auth_guard_enabled{feature=%q,reason=\"no-credentials\"} 0\n", about); !strings.Contains(metrics, value) {
				t.Errorf("no metric %s", value)
			}
		}
	})

	t.Run("a changed policy is in force without a restart", func(t *testing.T) {
		c.setPolicy(t, "rules: {AA203: warning}")
		c.eventually(t, func() error { return c.edit(nodesEntry + brokenPath) })
		c.setPolicy(t, "")
		c.eventually(t, func() error {
			if c.edit(nodesEntry+brokenPath) == nil {
				return errors.New("the policy is not taken back")
			}
			return nil
		})
	})

	t.Run("a bad policy is rejected, and reported", func(t *testing.T) {
		c.setPolicy(t, "mode: on-fridays")
		c.eventually(t, func() error {
			status, detail := first.get("/readyz")
			if status != http.StatusOK || !strings.Contains(detail, `[!] policy: policy ConfigMap guard/aws-auth-guard-policy: line 3: mode: "on-fridays" is not known`) {
				return fmt.Errorf("readiness %d: %s", status, detail)
			}
			if _, metrics := first.getMetrics(); !strings.Contains(metrics, "\naws_auth_guard_policy_rejected 1\n") {
				return errors.New("no metric")
			}
			return c.event("PolicyRejected", `"on-fridays" is not known`)
		})
		if err := c.edit(nodesEntry + brokenPath); err == nil {
			t.Error("the previous policy is not in force any more")
		}
		c.setPolicy(t, "")
		c.eventually(t, func() error {
			if _, detail := first.get("/readyz"); strings.Contains(detail, "[!]") {
				return errors.New(detail)
			}
			return nil
		})
	})

	t.Run("an exempt edit is reported", func(t *testing.T) {
		writer := c.as(t, "eks:node-manager")
		if err := update(t, writer, nodesEntry+brokenPath, false); err != nil {
			t.Fatal(err)
		}
		c.eventually(t, func() error { return c.event("AllowedDespiteError", "AA203") })
		if err := update(t, writer, nodesEntry, false); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("what RBAC makes equivalent to cluster-admin", func(t *testing.T) { c.testPrivileges(t, first) })

	t.Run("an edit by a break-glass group is reported", c.testBreakGlass)

	t.Run("a configuration that leaves edits out is reported", func(t *testing.T) { c.testCoverage(t, first) })

	t.Run("figures", func(t *testing.T) {
		if testing.Short() {
			t.Skip("what the race detector adds is no figure of the guard's")
		}
		// Where something calls methods by their names, as text/template does, the linker keeps all there are: 65 MB, and 15 MiB more of memory.
		if info, err := os.Stat(c.binary); err != nil || info.Size() > 48<<20 {
			t.Errorf("the program has %d bytes, %v; want 48 MiB at most", info.Size(), err)
		}
		t.Logf("ready %v after its start, resident %d MiB", first.readyAfter.Round(time.Millisecond), first.resident()>>20)
		if first.readyAfter > 20*time.Second || first.resident() > 80<<20 {
			t.Error("want ready within 20 s, with 80 MiB at most")
		}
	})

	t.Run("metrics for those who may", c.testMetricsAuthentication)

	t.Run("what helm test does", c.testTryEdits)

	t.Run("rules that somebody removed are written again", c.testRules)

	t.Run("a rolling restart loses no request", func(t *testing.T) {
		stop := c.load(t)
		for _, old := range []*replica{first, second} {
			next := c.start()
			c.waitReady(next)
			old.terminate()
		}
		stop()
	})

	t.Run("with no replica left edits fail", func(t *testing.T) {
		for _, r := range c.balancer.all() {
			r.terminate()
		}
		if err := c.edit(nodesEntry); err == nil || !strings.Contains(err.Error(), `failed calling webhook "guard.aws-auth-guard.io"`) {
			t.Errorf("%v, want an error of the API server", err)
		}
	})
}

// testRules: as kubectl replace does, and Argo CD with Replace=true.
func (c *cluster) testRules(t *testing.T) {
	c.configure(t, func(w *admissionregistrationv1.ValidatingWebhook) { w.Rules = nil })
	c.eventually(t, func() error {
		var config admissionregistrationv1.ValidatingWebhookConfiguration
		if err := c.admin.Get(t.Context(), client.ObjectKey{Name: "aws-auth-guard"}, &config); err != nil {
			return err
		}
		if len(config.Webhooks[0].Rules) == 0 {
			return errors.New("the rules are not written again")
		}
		return nil
	})
	c.eventually(t, func() error {
		if c.edit(nodesEntry+brokenPath) == nil {
			return errors.New("the guard is not asked again")
		}
		return nil
	})
}

// rendered is the chart with its defaults, as the rendering tests hold it.
const rendered = "../../deploy/helm/testdata/defaults.yaml"

// cluster is a real API server with the chart in it, but for what needs a node: the pods are processes with the arguments and the
// rights that the chart gives them, and the Service is the balancer.
type cluster struct {
	t          *testing.T
	config     *rest.Config
	admin      client.Client
	kubeconfig string
	binary     string
	args, env  []string // of every replica
	balancer   *balancer
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	dir := t.TempDir()
	c := &cluster{t: t, binary: webhook.Built(t), kubeconfig: filepath.Join(dir, "kubeconfig"), balancer: newBalancer(t)}
	env := &envtest.Environment{ControlPlaneStartTimeout: time.Minute}
	var err error
	if c.config, err = env.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	kubeconfig, err := clientcmd.Load(env.KubeConfig)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range kubeconfig.AuthInfos {
		user.Impersonate = "system:serviceaccount:guard:aws-auth-guard"
		user.ImpersonateGroups = []string{"system:serviceaccounts", "system:authenticated"}
	}
	if err := clientcmd.WriteToFile(*kubeconfig, c.kubeconfig); err != nil {
		t.Fatal(err)
	}
	c.admin = c.as(t, "admin")
	c.install(t)
	return c
}

// install puts what the chart renders into the API server.
func (c *cluster) install(t *testing.T) {
	t.Helper()
	all := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "guard"}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "aws-auth"}, Data: map[string]string{"mapRoles": nodesEntry}},
	}
	for _, o := range objects(t, rendered) {
		switch o.GetKind() {
		case "ValidatingWebhookConfiguration":
			all = append(all, c.webhooks(t, o))
		case "Deployment":
			containers, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
			if err != nil {
				t.Fatal(err)
			}
			c.args, _, err = unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
			if err != nil || len(c.args) == 0 {
				t.Fatalf("the chart gives the webhook no arguments (%v)", err)
			}
		default:
			all = append(all, o)
		}
	}
	for _, o := range all {
		if err := c.admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// objects are those of a file that the chart was rendered into.
func objects(t *testing.T, name string) (all []*unstructured.Unstructured) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // read only
	decoder := yaml.NewYAMLOrJSONDecoder(file, 4096)
	for {
		o := &unstructured.Unstructured{}
		if err := decoder.Decode(o); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
}

// webhooks calls the balancer instead of the Service.
func (c *cluster) webhooks(t *testing.T, o *unstructured.Unstructured) client.Object {
	t.Helper()
	var config admissionregistrationv1.ValidatingWebhookConfiguration
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &config); err != nil {
		t.Fatal(err)
	}
	for i := range config.Webhooks {
		w := &config.Webhooks[i].ClientConfig
		w.URL = new("https://" + c.balancer.address + *w.Service.Path)
		w.Service = nil
	}
	return &config
}

func policyText(field string) string {
	return "apiVersion: aws-auth-guard.io/v1alpha1\nkind: Policy\n" + field
}

// as is a client of somebody who may do everything.
func (c *cluster) as(t *testing.T, name string) client.Client {
	t.Helper()
	config := rest.CopyConfig(c.config)
	config.QPS = -1
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: []string{"system:masters"}}
	as, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return as
}

// edit tries an edit of aws-auth as the admin.
func (c *cluster) edit(mapRoles string) error { return update(c.t, c.admin, mapRoles, true) }

func update(t *testing.T, c client.Client, mapRoles string, dryRun bool) error {
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "aws-auth",
		Labels: map[string]string{"edited": fmt.Sprint(time.Now().UnixNano())}}, Data: map[string]string{"mapRoles": mapRoles}}
	var options []client.UpdateOption
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	return c.Update(t.Context(), cm, options...)
}

func (c *cluster) setPolicy(t *testing.T, field string) {
	t.Helper()
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "guard", Name: policyName}, Data: map[string]string{"policy.yaml": policyText(field)}}
	if err := c.admin.Update(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
}

// event is nil if there is an Event with that reason and note.
func (c *cluster) event(reason, note string) error {
	var all eventsv1.EventList
	if err := c.admin.List(c.t.Context(), &all); err != nil {
		return err
	}
	for _, e := range all.Items {
		if e.Reason == reason && strings.Contains(e.Note, note) {
			return nil
		}
	}
	return fmt.Errorf("no Event %s that says %q", reason, note)
}

func (c *cluster) eventually(t *testing.T, ask func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// load edits from four sides until stop is called, which fails the test if one edit failed.
func (c *cluster) load(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var edits atomic.Int64
	var failures sync.Map
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			for ctx.Err() == nil {
				if err := c.edit(nodesEntry); err != nil {
					failures.Store(edits.Load(), err)
				}
				edits.Add(1)
			}
		})
	}
	return func() {
		cancel()
		done.Wait()
		failed := 0
		failures.Range(func(at, err any) bool {
			failed++
			t.Errorf("edit %v: %v", at, err)
			return failed < 5
		})
		t.Logf("%d edits", edits.Load())
	}
}

// replica is one process.
type replica struct {
	t                        *testing.T
	cmd                      *exec.Cmd
	address, health, metrics string
	started                  time.Time
	readyAfter               time.Duration
	ended                    chan struct{}
}

func (c *cluster) start() *replica {
	c.t.Helper()
	r := &replica{t: c.t, address: freeAddress(c.t), health: freeAddress(c.t), metrics: freeAddress(c.t), ended: make(chan struct{})}
	// What is said again last counts.
	args := append(slices.Clone(c.args), "--bind-address="+r.address, "--health-address="+r.health, "--metrics-address="+r.metrics, "--shutdown-delay=2s")
	r.cmd = exec.Command(c.binary, args...)
	r.cmd.Env = append(webhook.WithoutAWS(os.Environ()), "KUBECONFIG="+c.kubeconfig, "POD_NAME=aws-auth-guard-0", "POD_NAMESPACE=guard")
	r.cmd.Env = append(r.cmd.Env, c.env...)
	log, err := os.CreateTemp(c.t.TempDir(), "log")
	if err != nil {
		c.t.Fatal(err)
	}
	r.cmd.Stdout, r.cmd.Stderr = log, log
	r.started = time.Now()
	if err := r.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() {
		defer close(r.ended)
		if err := r.cmd.Wait(); err != nil {
			c.t.Errorf("the webhook ended: %v", err)
		}
	}()
	c.t.Cleanup(func() {
		r.terminate()
		if c.t.Failed() {
			if text, err := os.ReadFile(log.Name()); err == nil {
				c.t.Logf("log of %s:\n%s", r.address, text)
			}
		}
		_ = log.Close() // read already
	})
	c.balancer.add(r)
	return r
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := guarded.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func (c *cluster) waitReady(r *replica) {
	c.t.Helper()
	c.eventually(c.t, func() error {
		status, detail := r.get("/readyz")
		if status != http.StatusOK {
			return fmt.Errorf("not ready: %s", detail)
		}
		r.readyAfter = time.Since(r.started)
		return nil
	})
	c.eventually(c.t, func() error {
		if !c.balancer.has(r) {
			return errors.New("the balancer does not see it")
		}
		return nil
	})
}

func (r *replica) get(path string) (int, string) { return get("http://" + r.health + path) }
func (r *replica) getMetrics() (int, string)     { return get("http://" + r.metrics + "/metrics") }

func get(url string) (int, string) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(body)
}

var (
	residentSize  = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)
	anonymousSize = regexp.MustCompile(`(?m)^RssAnon:\s+(\d+) kB$`)
)

// resident is the replica's memory in bytes, with the pages of its program that are mapped.
func (r *replica) resident() int { return r.status(residentSize) }

// anonymous is the part of it that is the replica's own. How much of the program is mapped is up to the kernel: it maps
// pages around those that are used, as many as the file's cache has in one piece.
func (r *replica) anonymous() int { return r.status(anonymousSize) }

// status is a figure of the kernel's in bytes; 0 where there is no /proc. The guard's metric of the same name is not
// asked: each answer takes memory, and polling it keeps the figure up.
func (r *replica) status(size *regexp.Regexp) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	kib := 0
	if m := size.FindSubmatch(status); m != nil {
		_, _ = fmt.Sscan(string(m[1]), &kib) // digits only
	}
	return kib << 10
}

// terminate does what the kubelet does, and waits.
func (r *replica) terminate() {
	_ = r.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	<-r.ended
}

// balancer spreads connections over the replicas whose readiness says yes, as a Service does: it learns of a change late,
// and leaves the connections that there are alone.
type balancer struct {
	address string

	mu       sync.Mutex
	replicas []*replica
	ready    []*replica
	next     int
}

func newBalancer(t *testing.T) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{address: l.Addr().String()}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); l.Close() }) //nolint:errcheck // the test is over
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go b.forward(conn)
		}
	}()
	go func() {
		for ctx.Err() == nil {
			b.probe()
			time.Sleep(500 * time.Millisecond)
		}
	}()
	return b
}

func (b *balancer) add(r *replica) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.replicas = append(b.replicas, r)
}

func (b *balancer) has(r *replica) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, ready := range b.ready {
		if ready == r {
			return true
		}
	}
	return false
}

func (b *balancer) all() []*replica {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.replicas)
}

func (b *balancer) probe() {
	var ready []*replica
	for _, r := range b.all() {
		if status, _ := r.get("/readyz"); status == http.StatusOK {
			ready = append(ready, r)
		}
	}
	b.mu.Lock()
	b.ready = ready
	b.mu.Unlock()
}

func (b *balancer) forward(from net.Conn) {
	defer from.Close() //nolint:errcheck // nobody to tell
	b.mu.Lock()
	if len(b.ready) == 0 {
		b.mu.Unlock()
		return
	}
	b.next++
	address := b.ready[b.next%len(b.ready)].address
	b.mu.Unlock()
	to, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer to.Close() //nolint:errcheck // nobody to tell
	ended := make(chan struct{}, 2)
	pipe := func(dst, src net.Conn) {
		_, _ = io.Copy(dst, src) // ends when either side hangs up
		ended <- struct{}{}
	}
	go pipe(to, from)
	go pipe(from, to)
	<-ended
}

// testMetricsAuthentication asks the real API server who may: over TLS, with tokens of service accounts.
func (c *cluster) testMetricsAuthentication(t *testing.T) {
	role := func(name, subject string, rules ...rbacv1.PolicyRule) {
		for _, o := range []client.Object{
			&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules},
			&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
				Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "guard", Name: subject}}},
		} {
			if err := c.admin.Create(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
	}
	token := func(name string) string {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "guard", Name: name}}
		request := &authenticationv1.TokenRequest{}
		if err := errors.Join(c.admin.Create(t.Context(), account), c.admin.SubResource("token").Create(t.Context(), account, request)); err != nil {
			t.Fatal(err)
		}
		return request.Status.Token
	}
	role("token-reviewer", "aws-auth-guard", rbacv1.PolicyRule{Verbs: []string{"create"}, APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"tokenreviews"}})
	role("metrics-reader", "scraper", rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/metrics"}})
	args := c.args
	defer func() { c.args = args }()
	c.args = append(slices.Clone(args), "--metrics-authentication")
	r := c.start()
	c.waitReady(r)
	defer r.terminate()
	scraper := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer scraper.CloseIdleConnections()
	for name, tt := range map[string]struct {
		token string
		want  int
	}{"none": {"", 401}, "made up": {"made-up", 401}, "of somebody": {token("somebody"), 403}, "of the scraper": {token("scraper"), 200}} {
		c.eventually(t, func() error {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+r.metrics+"/metrics", nil)
			if err != nil {
				return err
			}
			if tt.token != "" {
				req.Header.Set("Authorization", "Bearer "+tt.token)
			}
			resp, err := scraper.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close() //nolint:errcheck // read only
			text, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != tt.want || strings.Contains(string(text), "aws_auth_guard_") != (tt.want == 200) {
				return fmt.Errorf("a token %s: %s, %v, want %d: %.100s", name, resp.Status, err, tt.want, text)
			}
			return nil
		})
	}
	if status, text := r.getMetrics(); status == http.StatusOK {
		t.Errorf("without TLS: %.100s", text)
	}
}
