package guarded

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/cert"

	"github.com/aws-auth-guard/aws-auth-guard/deploy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

const (
	module = "github.com/aws-auth-guard/aws-auth-guard"

	// GuardWebhook and WitnessWebhook name the two webhooks, as messages and the audit log show them.
	GuardWebhook   = "guard.aws-auth-guard.io"
	WitnessWebhook = "witness.aws-auth-guard.io"

	timeoutSeconds = 10
)

// Guard is the webhook as a process of its own. It can be stopped and started again at the same address.
type Guard struct {
	// URL is where it answers.
	URL string
	// Log is the file that its output goes to.
	Log string
	// Flags are added to its command line, from its next start on.
	Flags []string
	// Kubeconfig leads to the cluster that it looks at, from its next start on. Without it, the guard looks at none.
	Kubeconfig string

	dir     string
	policy  string
	aws     string
	address string
	health  string
	ca      []byte
	process *exec.Cmd
	// ended is closed when the process is gone.
	ended chan struct{}
}

// NewGuard builds the webhook from this module's source, and makes it a certificate. It keeps its files in dir.
// policyFile is the policy that it enforces.
func NewGuard(ctx context.Context, dir, policyFile string) (*Guard, error) {
	g := &Guard{dir: dir, policy: policyFile, Log: filepath.Join(dir, "guard.log")}
	if err := Build(ctx, filepath.Join(dir, "webhook"), "cmd/webhook"); err != nil {
		return nil, err
	}
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
	if err != nil {
		return nil, err
	}
	g.ca = certificate
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "tls.crt"), certificate, 0o600), os.WriteFile(filepath.Join(dir, "tls.key"), key, 0o600)); err != nil {
		return nil, err
	}
	if g.address, err = FreeAddress(); err != nil {
		return nil, err
	}
	if g.health, err = FreeAddress(); err != nil {
		return nil, err
	}
	g.URL = "https://" + g.address + admission.Path
	return g, nil
}

// AskAWS makes the guard ask AWS at url, from its next start on. Without it, IAM is off.
func (g *Guard) AskAWS(url string) { g.aws = url }

// Build compiles a command of this module.
func Build(ctx context.Context, out, pkg string) error {
	if text, err := exec.CommandContext(ctx, "go", "build", "-o", out, module+"/"+pkg).CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

// FreeAddress is a free port of the loopback interface, and none that a connection can be given: with edits going on, one of
// theirs might take it first. Another process may still take it before it is used; then the one that listens says so.
func FreeAddress() (address string, err error) {
	for range 100 {
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(10_000))); err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", err
}

// Start starts the guard and waits until it is ready.
func (g *Guard) Start(ctx context.Context) error {
	log, err := os.OpenFile(g.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the process has its own
	iam := "off"
	if g.aws != "" {
		iam = "aws"
	}
	of := []string{"--standalone"}
	if g.Kubeconfig != "" {
		of = []string{"--kubeconfig", g.Kubeconfig, "--namespace", metav1.NamespacePublic, "--tls-mode", "existingSecret"}
	}
	g.process = exec.Command(filepath.Join(g.dir, "webhook"), append(append(of, "--cert-dir", g.dir, "--policy", g.policy, "--iam", iam,
		"--bind-address", g.address, "--health-address", g.health), g.Flags...)...)
	if g.aws != "" {
		g.process.Env = append(os.Environ(), "AWS_ENDPOINT_URL_IAM="+g.aws, "AWS_ENDPOINT_URL_STS="+g.aws, "AWS_ENDPOINT_URL_EC2="+g.aws, "AWS_ENDPOINT_URL_EKS="+g.aws,
			"AWS_EC2_METADATA_DISABLED=true", "AWS_ACCESS_KEY_ID=guard", "AWS_SECRET_ACCESS_KEY=none", "AWS_REGION=eu-west-1", "AWS_PROFILE=", "AWS_SESSION_TOKEN=")
	}
	g.process.Stdout, g.process.Stderr = log, log
	// A Ctrl-C in the terminal is for us; we end the guard last.
	g.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := g.process.Start(); err != nil {
		return err
	}
	g.ended = make(chan struct{})
	go func() {
		defer close(g.ended)
		_ = g.process.Wait() // Stop and Alive tell what came of it
	}()
	err = Poll(ctx, func(ctx context.Context) error {
		if !g.Alive() {
			return errors.New("the guard has ended")
		}
		return ready(ctx, "http://"+g.health+"/readyz")
	})
	if err != nil {
		return fmt.Errorf("the guard does not get ready: %w\n%s", err, tail(g.Log))
	}
	return nil
}

func ready(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // not read
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return nil
}

// Alive reports whether the process that was started runs.
func (g *Guard) Alive() bool {
	if g.process == nil {
		return false
	}
	select {
	case <-g.ended:
		return false
	default:
		return true
	}
}

// Peak is the most memory that the guard has had since it started, in MiB (Linux).
func (g *Guard) Peak() (mib int, err error) {
	if !g.Alive() {
		return 0, errors.New("the guard has ended")
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0, fmt.Errorf("VmHWM: %w", err)
	}
	return kib >> 10, nil
}

// Health is the address of its health endpoint.
func (g *Guard) Health() string { return g.health }

// Stop asks the guard to end and waits for it; after ten seconds it is killed, which is an error.
func (g *Guard) Stop() error {
	if !g.Alive() {
		return nil
	}
	if err := g.process.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-g.ended:
		return nil
	case <-time.After(10 * time.Second):
		err := g.process.Process.Kill()
		<-g.ended
		return errors.Join(errors.New("the guard did not end within 10 s"), err)
	}
}

// Client speaks with the guard as the API server does: over TLS, trusting its certificate alone.
func (g *Guard) Client() *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(g.ca)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}}
}

// webhooks is the configuration that the chart installs, but for the way to the guard: a URL.
func (g *Guard) webhooks() (*admissionregistrationv1.ValidatingWebhookConfiguration, error) {
	p, err := policy.Load(g.policy)
	if err != nil {
		return nil, err
	}
	conditions, err := deploy.Render(p.Exempt.Usernames, p.BreakGlass.Groups)
	if err != nil {
		return nil, err
	}
	hook := func(name string, fail admissionregistrationv1.FailurePolicyType, when []admissionregistrationv1.MatchCondition) admissionregistrationv1.ValidatingWebhook {
		return admissionregistrationv1.ValidatingWebhook{
			Name:                    name,
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &g.URL, CABundle: g.ca},
			FailurePolicy:           &fail,
			MatchPolicy:             new(admissionregistrationv1.Equivalent),
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			TimeoutSeconds:          new(int32(timeoutSeconds)),
			AdmissionReviewVersions: []string{"v1"},
			MatchConditions:         when,
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: admission.Namespace}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update, admissionregistrationv1.Delete},
				Rule: admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"},
					Scope: new(admissionregistrationv1.NamespacedScope)},
			}},
		}
	}
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "aws-auth-guard"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{
			hook(GuardWebhook, admissionregistrationv1.Fail, conditions.Guard),
			hook(WitnessWebhook, admissionregistrationv1.Ignore, conditions.Witness),
		},
	}, nil
}

// The names that the chart gives the policy when it is installed as its README says.
const (
	PolicyNamespace = "aws-auth-guard"
	PolicyConfigMap = "aws-auth-guard-policy"
)

// publish puts the policy where the chart keeps it, and where people read it. After a second installation it is there already.
func (g *Guard) publish(ctx context.Context, client kubernetes.Interface) error {
	text, err := os.ReadFile(g.policy)
	if err != nil {
		return err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: PolicyNamespace}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: PolicyConfigMap, Labels: map[string]string{"app.kubernetes.io/name": "aws-auth-guard"}},
		Data: map[string]string{"policy.yaml": string(text)}}
	if _, err := client.CoreV1().ConfigMaps(PolicyNamespace).Create(ctx, cm, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return nil
}

// empty is an aws-auth that no guard allows.
func empty() *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: admission.Name, Namespace: admission.Namespace}}
}

// refused reports a denial of the guard's, which is unlike any error of the API server's own.
func refused(err error) bool {
	return apierrors.IsInvalid(err) && strings.Contains(err.Error(), "AA502")
}
