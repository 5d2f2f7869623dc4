package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// apiServer is a real one, for all tests of the package; nil if there are no binaries.
var apiServer *rest.Config

func TestMain(m *testing.M) { guarded.Main(m, &apiServer) }

// cluster is one guarded namespace of the real API server, with a configuration of its own.
type cluster struct {
	client.Client
	name  string
	ports []int
	// api is the API server's clock, as the answers tell it; nil: each replica's own.
	api clock.PassiveClock
}

// newCluster makes a namespace and finds ports for replicas, but no configuration yet.
func newCluster(t *testing.T, replicas int) *cluster {
	t.Helper()
	if apiServer == nil {
		t.Skip("needs kube-apiserver and etcd: set KUBEBUILDER_ASSETS to the directory that holds them")
	}
	config := rest.CopyConfig(apiServer)
	config.QPS = -1 // the load is the point
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "certs-"}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	k := &cluster{Client: c, name: namespace.Name}
	for range replicas {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		k.ports = append(k.ports, l.Addr().(*net.TCPAddr).Port)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		config := k.configuration()
		if err := c.Delete(context.Background(), config); client.IgnoreNotFound(err) != nil {
			t.Error(err)
		}
	})
	return k
}

// configuration calls every replica for the ConfigMap "guarded": an edit that one of them cannot answer is refused.
func (k *cluster) configuration() *admissionregistrationv1.ValidatingWebhookConfiguration {
	c := &admissionregistrationv1.ValidatingWebhookConfiguration{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingWebhookConfiguration"},
		ObjectMeta: metav1.ObjectMeta{Name: k.name}}
	for i, port := range k.ports {
		c.Webhooks = append(c.Webhooks, admissionregistrationv1.ValidatingWebhook{
			Name:                    fmt.Sprintf("replica-%d.example.com", i),
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: ptr.To(fmt.Sprintf("https://127.0.0.1:%d/", port))},
			AdmissionReviewVersions: []string{"v1"},
			SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
			FailurePolicy:           ptr.To(admissionregistrationv1.Fail),
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: k.name}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
			}},
		})
	}
	return c
}

func (k *cluster) install(t *testing.T) {
	t.Helper()
	if err := k.Create(t.Context(), k.configuration()); err != nil {
		t.Fatal(err)
	}
}

func (k *cluster) live(t *testing.T) *admissionregistrationv1.ValidatingWebhookConfiguration {
	t.Helper()
	c := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := k.Get(t.Context(), client.ObjectKey{Name: k.name}, c); err != nil {
		t.Fatal(err)
	}
	return c
}

func (k *cluster) secret(t *testing.T) *corev1.Secret {
	t.Helper()
	s := &corev1.Secret{}
	if err := k.Get(t.Context(), client.ObjectKey{Namespace: k.name, Name: "guard-tls"}, s); client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	return s
}

// edit is refused if a replica cannot be called.
func (k *cluster) edit(ctx context.Context) error {
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: k.name, Name: "guarded"}}
	return k.Create(ctx, cm, client.DryRunAll)
}

// replica runs one guard: a manager with a Keeper, and a server that says yes with the Keeper's certificate.
func (k *cluster) replica(t *testing.T, i int, c *testclock.FakeClock) *Keeper {
	t.Helper()
	keeper := &Keeper{Namespace: k.name, SecretName: "guard-tls", ConfigurationName: k.name,
		Log: testr.New(t).WithName(fmt.Sprint("replica-", i)), LookEvery: again}
	api := k.api
	if api == nil {
		api = c
	}
	config := rest.CopyConfig(apiServer)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return dated{next, api} })
	keeper.Skew = NewSkew(config, c)
	k.run(t, config, keeper, CacheOptions(k.name, k.name, "guard-tls"))
	l, err := tls.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", k.ports[i]), &tls.Config{GetCertificate: keeper.GetCertificate, MinVersion: tls.VersionTLS13})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(sayYes), ErrorLog: nil}
	server.SetKeepAlivesEnabled(false) // every call shakes hands
	go server.Serve(l)                 //nolint:errcheck // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return keeper
}

// dated answers as an API server with that clock would.
type dated struct {
	http.RoundTripper
	clock clock.PassiveClock
}

func (d dated) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.RoundTripper.RoundTrip(req)
	if err == nil {
		resp.Header.Set("Date", d.clock.Now().UTC().Format(http.TimeFormat))
	}
	return resp, err
}

// run starts a manager with what is set up in it, and stops it with the test.
func (k *cluster) run(t *testing.T, config *rest.Config, certificate interface{ SetUp(manager.Manager) error }, objects map[client.Object]cache.ByObject) {
	t.Helper()
	mgr, err := manager.New(config, manager.Options{Cache: cache.Options{ByObject: objects}, Metrics: metricsserver.Options{BindAddress: "0"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := certificate.SetUp(mgr); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := mgr.Start(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
}

func sayYes(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &review)
	}
	if err != nil || review.Request == nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	review.Request = nil
	_ = json.NewEncoder(w).Encode(review) // the test sees a call that failed
}

// eventually polls; the last complaint is the failure.
func eventually(t *testing.T, ask func() error) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
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

// ready is when all replicas serve what the Secret holds, and the API server gets through to each.
func (k *cluster) ready(t *testing.T, replicas ...*Keeper) {
	t.Helper()
	eventually(t, func() error {
		secret := k.secret(t)
		for i, r := range replicas {
			if err := r.Check(); err != nil {
				return fmt.Errorf("replica %d: %w", i, err)
			}
			if leaf, err := r.GetCertificate(nil); err != nil || !bytes.Equal(encode(leaf.Leaf), secret.Data[tlsCert]) {
				return fmt.Errorf("replica %d does not serve the Secret's certificate (%v)", i, err)
			}
		}
		for _, w := range k.live(t).Webhooks {
			if !bytes.Equal(w.ClientConfig.CABundle, secret.Data[caCert]) {
				return fmt.Errorf("webhook %s does not trust the Secret's authority", w.Name)
			}
		}
		return k.edit(t.Context())
	})
}

// load edits until stop is called, which fails the test if one edit was refused.
func (k *cluster) load(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	var edits int
	var failures []string
	done.Go(func() {
		for ctx.Err() == nil {
			if err := k.edit(ctx); err != nil && ctx.Err() == nil {
				failures = append(failures, err.Error())
			}
			edits++
		}
	})
	return func() {
		cancel()
		done.Wait()
		t.Logf("%d edits", edits)
		if len(failures) > 0 {
			t.Errorf("%d of %d edits failed, first: %s", len(failures), edits, failures[0])
		}
	}
}

func TestTwoReplicasMakeOneAuthority(t *testing.T) {
	for range 3 {
		k := newCluster(t, 2)
		clock := testclock.NewFakeClock(time.Now())
		k.install(t)
		a, b := k.replica(t, 0, clock), k.replica(t, 1, clock)
		k.ready(t, a, b)
		secret := k.secret(t)
		if len(secret.OwnerReferences) != 1 || secret.OwnerReferences[0].UID != k.live(t).UID {
			t.Errorf("the Secret's owners are %v, want the configuration", secret.OwnerReferences)
		}
		if changes := len(secret.ManagedFields); changes != 1 || secret.ManagedFields[0].Operation != metav1.ManagedFieldsOperationUpdate {
			t.Errorf("the Secret was written by %v, want one creation", secret.ManagedFields)
		}
	}
}

// TestRotationUnderLoad ages the authority, and has the API server call all the time. The clock is injected, but the API
// server has the real one: the authority is made long ago, so that it is due now.
func TestRotationUnderLoad(t *testing.T) {
	k := newCluster(t, 2)
	now := time.Now()
	due := caLifetime - (caLifetime+backdate)/3 // after it is made
	clock := testclock.NewFakeClock(now.Add(-due + 20*time.Minute))
	k.install(t)
	a, b := k.replica(t, 0, clock), k.replica(t, 1, clock)
	eventually(t, func() error { return firstError(a.Check(), b.Check()) })
	old := readAuthority(k.secret(t).Data)

	clock.SetTime(now)
	k.ready(t, a, b)
	renewed := readAuthority(k.secret(t).Data)
	if !renewed.ca.Equal(old.ca) || renewed.leaf.Leaf.Equal(old.leaf.Leaf) {
		t.Fatal("want a new leaf of the same authority")
	}
	stop := k.load(t)

	clock.SetTime(now.Add(30 * time.Minute))
	eventually(t, func() error {
		if readAuthority(k.secret(t).Data).ca.Equal(old.ca) {
			return fmt.Errorf("the authority is still the old one")
		}
		for _, w := range k.live(t).Webhooks {
			if !bytes.Equal(w.ClientConfig.CABundle, k.secret(t).Data[caCert]) {
				return fmt.Errorf("webhook %s does not trust the new authority", w.Name)
			}
		}
		return nil
	})
	if leaf, _ := a.GetCertificate(nil); !leaf.Leaf.Equal(renewed.leaf.Leaf) {
		t.Error("the leaf of the new authority is served before every API server can have heard of it")
	}
	eventually(t, func() error {
		clock.Step(time.Second)
		for _, r := range []*Keeper{a, b} {
			if leaf, _ := r.GetCertificate(nil); leaf.Leaf.Equal(renewed.leaf.Leaf) {
				return fmt.Errorf("a replica still serves the leaf of the old authority")
			}
		}
		return nil
	})
	k.ready(t, a, b)
	if n := len(readAuthority(k.secret(t).Data).retiring); n != 1 {
		t.Errorf("%d authorities retire, want 1", n)
	}

	clock.Step(retireAfter)
	eventually(t, func() error {
		if len(readAuthority(k.secret(t).Data).retiring) > 0 {
			return fmt.Errorf("the old authority does not retire")
		}
		return nil
	})
	k.ready(t, a, b)
	stop()
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestLostSecretUnderLoad(t *testing.T) {
	k := newCluster(t, 2)
	clock := testclock.NewFakeClock(time.Now())
	k.install(t)
	a, b := k.replica(t, 0, clock), k.replica(t, 1, clock)
	k.ready(t, a, b)
	stop := k.load(t)
	lost := k.secret(t)
	if err := k.Delete(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		clock.Step(time.Second)
		now := k.secret(t)
		leaf, _ := a.GetCertificate(nil)
		if now.UID == lost.UID || !bytes.Equal(encode(leaf.Leaf), now.Data[tlsCert]) {
			return fmt.Errorf("the lost Secret is not replaced")
		}
		return nil
	})
	eventually(t, func() error {
		clock.Step(time.Second)
		if leaf, _ := b.GetCertificate(nil); !bytes.Equal(encode(leaf.Leaf), k.secret(t).Data[tlsCert]) {
			return fmt.Errorf("the other replica does not follow")
		}
		return nil
	})
	k.ready(t, a, b)
	stop()
}

func TestEmptiedCABundleIsHealed(t *testing.T) {
	k := newCluster(t, 2)
	clock := testclock.NewFakeClock(time.Now())
	k.install(t)
	a, b := k.replica(t, 0, clock), k.replica(t, 1, clock)
	k.ready(t, a, b)
	for name, change := range map[string]func(*admissionregistrationv1.ValidatingWebhookConfiguration){
		"both emptied": func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
			c.Webhooks = k.configuration().Webhooks
		},
		"one emptied": func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
			c.Webhooks[1].ClientConfig.CABundle = nil
		},
		"another's put": func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
			c.Webhooks[0].ClientConfig.CABundle = made(t, start).bundle()
		},
	} {
		t.Run(name, func(t *testing.T) {
			eventually(t, func() error {
				live := k.live(t)
				change(live)
				return k.Update(t.Context(), live)
			})
			k.ready(t, a, b)
		})
	}
}

// TestReapplyingToolDoesNotFight: a tool that applies the configuration without caBundle, over and over, takes nothing
// away and causes no write.
func TestReapplyingToolDoesNotFight(t *testing.T) {
	k := newCluster(t, 1)
	apply := func() {
		t.Helper()
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(k.configuration())
		if err != nil {
			t.Fatal(err)
		}
		applied := client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: object})
		if err := k.Apply(t.Context(), applied, client.FieldOwner("gitops"), client.ForceOwnership); err != nil {
			t.Fatal(err)
		}
	}
	apply()
	a := k.replica(t, 0, testclock.NewFakeClock(time.Now()))
	k.ready(t, a)
	before := k.live(t)
	for range 5 {
		apply()
	}
	if after := k.live(t); after.ResourceVersion != before.ResourceVersion {
		t.Errorf("re-applying changed the configuration: %v", after.Webhooks)
	}
}

func TestNotReadyWithoutConfiguration(t *testing.T) {
	k := newCluster(t, 1)
	a := k.replica(t, 0, testclock.NewFakeClock(time.Now()))
	eventually(t, func() error {
		if err := a.Check(); err == nil || !strings.Contains(err.Error(), "not found") {
			return fmt.Errorf("Check() = %v, want that there is no configuration", err)
		}
		return nil
	})
	if secret := k.secret(t); secret.UID != "" {
		t.Error("there is a Secret already, which nothing would remove")
	}
	k.install(t)
	k.ready(t, a)
}

// TestMounted: files from elsewhere are served as they change, and judged against the live configuration.
func TestMounted(t *testing.T) {
	k := newCluster(t, 1)
	dir := t.TempDir()
	write := func(a authority) {
		t.Helper()
		for _, name := range []string{tlsCert, tlsKey} {
			if err := os.WriteFile(filepath.Join(dir, name), stored(t, a)[name], 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	trust := func(a authority) {
		t.Helper()
		eventually(t, func() error {
			live := k.live(t)
			live.Webhooks[0].ClientConfig.CABundle = a.bundle()
			return k.Update(t.Context(), live)
		})
	}
	loopback := func(a authority) authority {
		t.Helper()
		a, _, err := a.renewed(time.Now(), "127.0.0.1", nil)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	first, second := loopback(authority{}), loopback(authority{})
	write(first)
	k.install(t)
	config := rest.CopyConfig(apiServer)
	m := &Mounted{Dir: dir, ConfigurationName: k.name, Log: testr.New(t), Skew: NewSkew(config, clock.RealClock{}), LookEvery: again}
	k.run(t, config, m, CacheOptions(k.name, "", ""))
	checks := func(want string) {
		t.Helper()
		eventually(t, func() error {
			err := m.Check()
			if want == "" || err != nil && strings.Contains(err.Error(), want) {
				return nil
			}
			return fmt.Errorf("Check() = %v, want %q", err, want)
		})
		if want == "" {
			eventually(t, m.Check)
		}
	}
	checks("caBundle is empty")
	trust(second)
	checks("caBundle does not trust")
	trust(first)
	checks("")
	write(second)
	checks("caBundle does not trust")
	trust(second)
	checks("")
	if err := k.Delete(t.Context(), k.configuration()); err != nil {
		t.Fatal(err)
	}
	checks("not found")
	if !apierrors.IsNotFound(m.Check()) {
		t.Errorf("Check() = %v, want a NotFound", m.Check())
	}
}
