//go:build e2e && prometheus

package installed

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// watched are the values with which the chart has something for Prometheus. The cluster knows no ServiceMonitor and no
// PrometheusRule, so these are rendered alone.
var watched = []string{"iam.enabled=true", "metrics.authentication=true",
	"metrics.serviceMonitor.enabled=true", "metrics.prometheusRule.enabled=true"}

// trouble makes an alert fire, and stops it.
type trouble struct {
	alert         string
	begin, settle func(t *testing.T)
}

// TestPrometheus scrapes the guard with a real Prometheus and evaluates the chart's alerts there: what is wrong makes its
// alert fire, and the alert clears when that is over. Every query of the dashboard has data.
func TestPrometheus(t *testing.T) {
	needsNode(t)
	w := startWorld(t)
	installed(t)
	helm(t, w.upgrade()...)
	p := startPrometheus(t, watched...)
	eventually(t, "no alert fires", func() error {
		const both = `count(sum by (pod) (aws_auth_guard_decisions_total{job="aws-auth-guard", decision="allow-break-glass"})) == 2`
		return errors.Join(p.answers(both), p.clear())
	})

	// It clears when the edit is ten minutes ago, so it comes first and is looked at again last.
	kubectl(t, edit(bad, glassBroken...)...).wantIn(t, 0, "patched")
	eventually(t, "the edit by a break-glass group", func() error { return p.fires("AWSAuthGuardBreakGlassUsed") })
	edited := time.Now()
	given(t, base)

	for _, trouble := range w.troubles() {
		t.Run(trouble.alert, func(t *testing.T) {
			begun := time.Now()
			trouble.begin(t)
			eventually(t, "the alert fires", func() error { return p.fires(trouble.alert) })
			measured("alert-"+trouble.alert+"-fires-after", time.Since(begun))
			begun = time.Now()
			trouble.settle(t)
			within(t, 3*time.Minute, "it clears", func() error { // what was forbidden is tried again each minute
				// On a busy machine a call to IAM may have timed out, and the guard calls it for edits alone.
				_ = try(base + w.stranger())
				return p.clear("AWSAuthGuardBreakGlassUsed")
			})
			measured("alert-"+trouble.alert+"-clears-after", time.Since(begun))
		})
	}

	t.Run("dashboard", func(t *testing.T) {
		queries := dashboardQueries(t)
		measured("dashboard-queries", len(queries))
		for _, query := range queries {
			eventually(t, "data of "+query, func() error { return errors.Join(w.edits(), p.answers(query)) })
		}
		var namespaces []string
		of := url.Values{"match[]": {"aws_auth_guard_certificate_trusted"}}
		err := p.get("/api/v1/label/namespace/values", of, &namespaces)
		if err != nil || len(namespaces) != 1 || namespaces[0] != namespace {
			t.Errorf("the dashboard's namespaces are %q, %v; want %q", namespaces, err, namespace)
		}
	})

	t.Run("AWSAuthGuardBreakGlassUsed", func(t *testing.T) {
		within(t, time.Until(edited.Add(11*time.Minute)), "it clears", func() error { return p.clear() })
		measured("alert-AWSAuthGuardBreakGlassUsed-clears-after", time.Since(edited))
	})
}

// dashboardQueries are all queries of the chart's dashboard, as Grafana asks them.
func dashboardQueries(t *testing.T) (queries []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(source, "dashboards", "aws-auth-guard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	chosen := strings.NewReplacer("$namespace", namespace, "$__rate_interval", "1m")
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			queries = append(queries, chosen.Replace(target.Expr))
		}
	}
	if found := regexp.MustCompile(`"expr"`).FindAll(text, -1); len(queries) == 0 || len(queries) != len(found) {
		t.Fatalf("%d queries of %d", len(queries), len(found))
	}
	return queries
}

func (w *world) troubles() []trouble {
	const reads = `"get", "list", "watch"`
	untrusted := sequence(patchRole(0, reads), foreignAuthority)
	trustedAgain := patchRole(0, reads+`, "patch"`)
	return []trouble{
		{"AWSAuthGuardPolicyRejected", w.unknownMode, w.upgraded()},
		{"AWSAuthGuardApprovalExpired", w.upgraded("policy.privileged.approvals[0].expires=2020-01-01"), w.upgraded()},
		{"AWSAuthGuardNotAsked", failurePolicy("Ignore"), failurePolicy("Fail")},
		{"AWSAuthGuardCertificateNotRenewed", untrusted, trustedAgain},
		{"AWSAuthGuardCertificateNotTrusted", untrusted, trustedAgain},
		{"AWSAuthGuardCannotReadRBAC", sequence(patchRole(1, `"get"`), restarted), patchRole(1, reads)},
		{"AWSAuthGuardDown", scaled("0"), scaled("2")},
		{"AWSAuthGuardCannotAskIAM", w.iamEnds, w.iamAnswers},
		{"AWSAuthGuardClockWrong", w.clockAhead(time.Hour), w.clockAhead(0)},
		{"AWSAuthGuardCertificateEnding",
			w.ownCertificate("ending", 24*time.Hour), w.ownCertificate("lasting", 90*24*time.Hour)},
	}
}

// patchRole changes a rule of the guard's ClusterRole.
func patchRole(rule int, verbs string) func(*testing.T) {
	patch := fmt.Sprintf(`[{"op": "replace", "path": "/rules/%d/verbs", "value": [%s]}]`, rule, verbs)
	return func(t *testing.T) {
		t.Helper()
		kubectl(t, "patch", "clusterrole", release, "--type=json", "-p", patch).wantIn(t, 0, "patched")
	}
}

func sequence(steps ...func(*testing.T)) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		for _, step := range steps {
			step(t)
		}
	}
}

// unknownMode installs a policy that is invalid, which the chart's schema would not allow.
func (w *world) unknownMode(t *testing.T) {
	t.Helper()
	helm(t, append(w.upgrade("policy.mode=loud"), "--skip-schema-validation")...)
}

func (w *world) upgraded(set ...string) func(*testing.T) {
	return func(t *testing.T) { t.Helper(); helm(t, w.upgrade(set...)...) }
}

// patchWebhooks changes the configuration in force.
func patchWebhooks(t *testing.T, patches ...string) {
	t.Helper()
	kubectl(t, "patch", "validatingwebhookconfiguration", release, "--type=json", "-p", "["+strings.Join(patches, ", ")+"]").
		wantIn(t, 0, "patched")
}

func failurePolicy(value string) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		patchWebhooks(t, fmt.Sprintf(`{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": %q}`, value))
	}
}

// foreignAuthority has the API server trust somebody else.
func foreignAuthority(t *testing.T) {
	t.Helper()
	authority, _ := certificate(t, time.Hour)
	var patches []string
	for i := range 2 {
		patches = append(patches, fmt.Sprintf(`{"op": "replace", "path": "/webhooks/%d/clientConfig/caBundle", "value": %q}`,
			i, base64.StdEncoding.EncodeToString(authority)))
	}
	patchWebhooks(t, patches...)
}

// restarted replaces the pods, which know nothing of what those before have read.
func restarted(t *testing.T) {
	t.Helper()
	before := wantReplicas(t)
	kubectl(t, "rollout", "restart", "deployment/"+release, "-n", namespace).wantIn(t, 0, "restarted")
	replaced(t, before)
}

func scaled(replicas string) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		kubectl(t, "scale", "deployment/"+release, "-n", namespace, "--replicas="+replicas).wantIn(t, 0, "scaled")
	}
}

// clockAhead moves the API server's clock, as the guard sees it.
func (w *world) clockAhead(by time.Duration) func(*testing.T) {
	return func(*testing.T) { w.ahead.Store(int64(by)) }
}

// iamEnds lets no call to IAM succeed. The guard then stops asking.
func (w *world) iamEnds(t *testing.T) {
	t.Helper()
	if err := w.aws.SetFaults(fake.Faults{Answer: fake.Error503}); err != nil {
		t.Fatal(err)
	}
	for range 20 { // on both replicas
		if err := try(base + w.stranger()); err == nil || !says(err.Error(), "AA302") {
			t.Errorf("a role that could not be checked: %v", err)
		}
	}
}

// iamAnswers ends that. The guard asks again for the next edit that needs it.
func (w *world) iamAnswers(t *testing.T) {
	t.Helper()
	if err := w.aws.SetFaults(fake.Faults{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both replicas ask IAM again", func() error {
		for range 20 {
			if err := try(base + w.stranger()); err == nil || !says(err.Error(), "AA301") {
				return fmt.Errorf("a role that does not exist: %w", err)
			}
		}
		return nil
	})
}

// ownCertificate has the guard serve a certificate that ends after a time, from a Secret of somebody else's.
func (w *world) ownCertificate(name string, lasts time.Duration) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		public, private := certificate(t, lasts)
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Type: corev1.SecretTypeTLS,
			Data: map[string][]byte{corev1.TLSCertKey: public, corev1.TLSPrivateKeyKey: private}}
		_, err := client.CoreV1().Secrets(namespace).Create(t.Context(), secret, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "ca.crt")
		if err := os.WriteFile(file, public, 0o600); err != nil {
			t.Fatal(err)
		}
		args := w.upgrade("tls.mode=existingSecret", "tls.existingSecret="+name)
		helm(t, append(args, "--set-file", "tls.caBundle="+file, "--force-conflicts")...)
	}
}

// certificate is one for the guard's Service that is its own authority.
func certificate(t *testing.T, lasts time.Duration) (public, private []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	name := release + "." + namespace + ".svc"
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lasts), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}
