//go:build chaos

package chaos

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// clocked is a guard in the cluster, with its own authority, whose clock for certificates is as wrong as its file says.
type clocked struct {
	address, health, metrics, clock, log string
}

// set makes its clock so wrong.
func (c *clocked) set(t *testing.T, offset time.Duration) {
	t.Helper()
	// Renamed into place: the guard reads it at any time.
	if err := errors.Join(os.WriteFile(c.clock+".new", []byte(offset.String()), 0o600), os.Rename(c.clock+".new", c.clock)); err != nil {
		t.Fatal(err)
	}
}

// readiness is what it says of itself.
func (c *clocked) readiness() (status int, detail string) {
	resp, err := http.Get("http://" + c.health + "/readyz")
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

func (c *clocked) ready() error {
	if status, detail := c.readiness(); status != http.StatusOK {
		return fmt.Errorf("not ready (%d):\n%s", status, detail)
	}
	return nil
}

// saysWrong is nil if it is not ready and says how its clock is off.
func (c *clocked) saysWrong(offset time.Duration) error {
	which := "ahead of"
	if offset < 0 {
		which = "behind"
	}
	status, detail := c.readiness()
	if status != http.StatusServiceUnavailable || !strings.Contains(detail, "[-] certificate: this node's clock is ") ||
		!strings.Contains(detail, which+" the API server's: set it right (NTP)") {
		return fmt.Errorf("readiness %d, want that the clock is %v off:\n%s", status, offset, detail)
	}
	return nil
}

// startClocked starts a replica of the binary, whose clock is right at first.
func startClocked(t *testing.T, binary string) *clocked {
	t.Helper()
	here := t.TempDir()
	c := &clocked{clock: filepath.Join(here, "clock"), log: filepath.Join(here, "log")}
	for _, address := range []*string{&c.address, &c.health, &c.metrics} {
		var err error
		if *address, err = guarded.FreeAddress(); err != nil {
			t.Fatal(err)
		}
	}
	c.set(t, 0)
	log, err := os.Create(c.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // the process has its own
	cmd := exec.Command(binary, "--namespace", "clocks", "--webhook-configuration", "clocks", "--tls-secret", "clocks-tls", "--policy", file("policy.yaml"),
		"--rbac", "off", "--bind-address", c.address, "--health-address", c.health, "--metrics-address", c.metrics, "--shutdown-delay", "0s")
	cmd.Env = append(os.Environ(), "KUBECONFIG="+cluster.Kubeconfig, "CHAOS_CLOCK="+c.clock)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()); err != nil {
			t.Error(err)
		}
		if text, err := os.ReadFile(c.log); err == nil && t.Failed() {
			t.Logf("%s:\n%s", c.address, text)
		}
	})
	return c
}

// versions are those of the Secret and of the configuration.
func versions(ctx context.Context) (string, error) {
	secret, err := admins.CoreV1().Secrets("clocks").Get(ctx, "clocks-tls", metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	config, err := admins.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, "clocks", metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	return secret.ResourceVersion + " " + config.ResourceVersion, nil
}

// handshake is nil if the replica serves what caBundle trusts, whatever its clock shows.
func (c *clocked) handshake(ctx context.Context) error {
	config, err := admins.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, "clocks", metav1.GetOptions{})
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	for rest := config.Webhooks[0].ClientConfig.CABundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		roots.AddCert(certificate)
	}
	conn, err := tls.Dial("tcp", c.address, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13})
	if err != nil {
		return err
	}
	return conn.Close()
}

// TestClocks: beside a replica whose clock is right, others' clocks go wrong, by minutes to years, to either side. Each says so
// and is not ready, nothing is written, no edit is refused, and each is ready again when its clock is right. The same with
// one that starts wrong, and while the Secret is lost.
func TestClocks(t *testing.T) {
	begin(t, setting{})
	ctx := t.Context()
	binary := filepath.Join(t.TempDir(), "webhook")
	// The tag puts a clock in that can be set; all else is the webhook as it is shipped.
	if text, err := exec.CommandContext(ctx, "go", "build", "-tags", "chaos", "-o", binary, "github.com/aws-auth-guard/aws-auth-guard/cmd/webhook").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	if _, err := admins.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "clocks"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	right := startClocked(t, binary)
	replicas := []*clocked{startClocked(t, binary), startClocked(t, binary)}
	// The API server calls the one that is right, for what a Service would not send to the others.
	hook := admissionregistrationv1.ValidatingWebhook{
		Name:                    guarded.GuardWebhook,
		ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: new("https://" + right.address + admission.Path)},
		AdmissionReviewVersions: []string{"v1"},
		SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
		FailurePolicy:           new(admissionregistrationv1.Ignore), // until there is a certificate
		NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: metav1.NamespaceSystem}},
		Rules: []admissionregistrationv1.RuleWithOperations{{Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Update},
			Rule: admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}}}},
	}
	configurations := admins.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	if _, err := configurations.Create(ctx, &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "clocks"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{hook}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := configurations.Delete(context.Background(), "clocks", metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	for _, c := range append(replicas, right) {
		eventually(t, c.ready)
	}
	if _, err := configurations.Patch(ctx, "clocks", types.JSONPatchType, []byte(`[{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"}]`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return try(ctx, good) })

	const day = 24 * time.Hour
	offsets := []time.Duration{45 * time.Minute, -45 * time.Minute, 3 * time.Hour, -3 * time.Hour, 21 * day, -25 * day, 250 * day, -400 * day, 30 * 365 * day, -6 * 365 * day}
	edits, writes := 0, 0
	var noticed, recovered time.Duration
	stays := func(before string) {
		t.Helper()
		after, err := versions(ctx)
		if err != nil {
			t.Error(err)
		}
		if after != before {
			writes++
			t.Errorf("versions %s became %s, want nothing written", before, after)
		}
	}
	for _, offset := range offsets[:share(len(offsets), 4)] {
		before, err := versions(ctx)
		if err != nil {
			t.Fatal(err)
		}
		replicas[0].set(t, offset)
		replicas[1].set(t, -offset)
		noticed = max(noticed, eventually(t, func() error { return errors.Join(replicas[0].saysWrong(offset), replicas[1].saysWrong(-offset)) }))
		for range share(50, 10) {
			if err := errors.Join(try(ctx, good), refused(try(ctx, bad), "AA203"), right.ready()); err != nil {
				t.Errorf("beside clocks %v off: %v", offset, err)
			}
			edits += 2
		}
		for _, c := range replicas {
			if err := c.handshake(ctx); err != nil {
				t.Errorf("a clock %v off: %v", offset, err)
			}
		}
		stays(before)
		replicas[0].set(t, 0)
		replicas[1].set(t, 0)
		recovered = max(recovered, eventually(t, func() error { return errors.Join(replicas[0].ready(), replicas[1].ready()) }))
		stays(before)
	}
	measured("clocks-wrong-by-as-many", len(offsets[:share(len(offsets), 4)]))
	measured("clocks-noticed-after", noticed)
	measured("clocks-recovered-after", recovered)
	measured("clocks-edits-meanwhile", edits)
	measured("clocks-writes-meanwhile", writes)

	// With the Secret lost, the one whose clock is right makes another one, once.
	replicas[0].set(t, 21*day)
	replicas[1].set(t, -6*365*day)
	eventually(t, func() error { return errors.Join(replicas[0].saysWrong(21*day), replicas[1].saysWrong(-6*365*day)) })
	lost, err := admins.CoreV1().Secrets("clocks").Get(ctx, "clocks-tls", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := admins.CoreV1().Secrets("clocks").Delete(ctx, lost.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	measured("clocks-lost-secret-made-after", eventually(t, func() error {
		_, err := versions(ctx)
		return err
	}))
	// Nobody fights: once caBundle has followed, rounds of edits go by without a write.
	eventually(t, func() error {
		secret, err := admins.CoreV1().Secrets("clocks").Get(ctx, "clocks-tls", metav1.GetOptions{})
		if err != nil {
			return err
		}
		config, err := configurations.Get(ctx, "clocks", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if !bytes.Equal(config.Webhooks[0].ClientConfig.CABundle, secret.Data["ca.crt"]) {
			return errors.New("caBundle does not follow")
		}
		return errors.Join(right.handshake(ctx), try(ctx, good))
	})
	before, err := versions(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range share(50, 10) {
		if err := errors.Join(try(ctx, good), refused(try(ctx, bad), "AA203")); err != nil {
			t.Errorf("after the Secret was lost: %v", err)
		}
	}
	stays(before)
	for _, c := range replicas {
		c.set(t, 0)
		eventually(t, func() error { return errors.Join(c.ready(), c.handshake(ctx)) })
	}

	// The metric has the offset in seconds.
	replicas[0].set(t, -3*time.Hour)
	eventually(t, func() error {
		resp, err := http.Get("http://" + replicas[0].metrics + "/metrics")
		if err != nil {
			return err
		}
		defer resp.Body.Close() //nolint:errcheck // read to its end
		text, err := io.ReadAll(resp.Body)
		if err != nil || !strings.Contains(string(text), "\naws_auth_guard_clock_offset_seconds -1") {
			return fmt.Errorf("no offset of -10800 s in the metrics (%v)", err)
		}
		return nil
	})
}
