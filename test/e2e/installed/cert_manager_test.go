//go:build e2e && certmanager

package installed

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"
)

var crds = flag.String("cert-manager-crds", "", "directory of cert-manager's CustomResourceDefinitions")

// startCertManager starts cert-manager's controllers and its cainjector on the node, and ends them with the test.
func startCertManager(t *testing.T) {
	t.Helper()
	kubectl(t, "apply", "--server-side", "-f", *crds).wantIn(t, 0, "certificates.cert-manager.io")
	kubectl(t, "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all").wantIn(t, 0, "cert-manager.io")
	cmd := exec.Command("cert-manager")
	cmd.Env = env
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // Wait says if it was gone
		if err := errors.Join(cmd.Wait(), log.Close()); err != nil || t.Failed() {
			text, _ := os.ReadFile(log.Name()) // as much as there is
			t.Logf("cert-manager: %v\n%s", err, text)
		}
	})
}

// TestCertManager: cert-manager makes the certificate and writes caBundle, and renews the certificate, and then its
// authority, while edits go on. None fails. The certificate is renewed when it is two minutes old: an hour is the shortest
// that cert-manager allows.
func TestCertManager(t *testing.T) {
	needsNode(t)
	startCertManager(t)
	helm(t, "uninstall", release, "--ignore-not-found", "--wait")
	begun := time.Now()
	helm(t, upgrade("tls.mode=certManager", "tls.certManager.duration=1h", "tls.certManager.renewBefore=58m")...)
	given(t, base)
	eventually(t, "a bad edit is refused", refuses)
	measured("cert-manager-install-to-refusal", time.Since(begun))

	t.Run("certificate", func(t *testing.T) {
		pods := wantReplicas(t)
		l := startLoad(t)
		for range 2 {
			renewedAndServed(t, "certificate")
		}
		l.await(t, perSecond) // and the new one is used
		l.wantNoneLost(t, "cert-manager-certificate")
		wantAlive(t, pods)
	})
	t.Run("authority", func(t *testing.T) {
		pods, before := wantReplicas(t), certificateIn(t, release+"-ca")
		l := startLoad(t)
		renew(t, release+"-ca")
		eventually(t, "cert-manager renews it", func() error {
			if bytes.Equal(certificateIn(t, release+"-ca"), before) {
				return errors.New("the Secret holds the old one")
			}
			return nil
		})
		// With the next certificate that it signs, and beside the one before.
		within(t, 4*time.Minute, "caBundle has the new authority", func() error {
			if want := certificateIn(t, release+"-ca"); !bytes.Contains(caBundle(t), bytes.TrimSpace(want)) {
				return errors.New("it has not")
			}
			return nil
		})
		renewedAndServed(t, "authority")
		l.await(t, perSecond)
		l.wantNoneLost(t, "cert-manager-authority")
		wantAlive(t, pods)
	})
}

// renewedAndServed waits until cert-manager renews the certificate, and every replica serves the new one.
func renewedAndServed(t *testing.T, name string) {
	t.Helper()
	before := certificateIn(t, release+"-tls")
	within(t, 4*time.Minute, "cert-manager renews it", func() error {
		if bytes.Equal(certificateIn(t, release+"-tls"), before) {
			return errors.New("the Secret holds the old one")
		}
		return nil
	})
	renewed := time.Now()
	chain, err := cert.ParseCertsPEM(certificateIn(t, release+"-tls"))
	if err != nil {
		t.Fatal(err)
	}
	ends := float64(chain[0].NotAfter.Unix())
	within(t, 4*time.Minute, "every replica serves the new certificate", func() error {
		return all(t.Context(), func(p corev1.Pod) error {
			end, err := metric(t.Context(), p.Name, "aws_auth_guard_certificate_expiry_timestamp_seconds")
			if err == nil && end < ends {
				err = fmt.Errorf("pod %s serves the old one", p.Name)
			}
			return err
		})
	})
	measured("cert-manager-"+name+"-to-served", time.Since(renewed))
}

// certificateIn is what a Secret of cert-manager's holds.
func certificateIn(t *testing.T, name string) []byte {
	t.Helper()
	s, err := client.CoreV1().Secrets(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s.Data[corev1.TLSCertKey]
}

// caBundle is what the API server trusts.
func caBundle(t *testing.T) []byte {
	t.Helper()
	configurations := client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	hooks, err := configurations.Get(t.Context(), release, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return hooks.Webhooks[0].ClientConfig.CABundle
}

// renew has cert-manager renew a Certificate now, as its own command cmctl renew does: by the condition that it sets.
func renew(t *testing.T, certificate string) {
	t.Helper()
	condition := map[string]any{"type": "Issuing", "status": "True", "reason": "ManuallyTriggered",
		"message": "renewed under load", "lastTransitionTime": time.Now().UTC().Format(time.RFC3339)}
	patch, err := json.Marshal([]any{map[string]any{"op": "add", "path": "/status/conditions/-", "value": condition}})
	if err != nil {
		t.Fatal(err)
	}
	kubectl(t, "patch", "certificate.cert-manager.io", certificate, "-n", namespace,
		"--subresource=status", "--type=json", "-p", string(patch)).wantIn(t, 0, "patched")
}
