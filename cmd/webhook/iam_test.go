package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

const nodes = "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"

// guardProcess is the webhook as a process of its own.
type guardProcess struct {
	t               *testing.T
	policy          string
	webhook, health string
	client          *http.Client
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := guarded.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// certificate writes tls.crt and tls.key for loopback.
func servingCertificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: cert}, "tls.key": {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// startGuard runs the webhook with --iam aws until the test ends. It returns when the guard is ready.
func startGuard(t *testing.T, env ...string) *guardProcess {
	t.Helper()
	dir := t.TempDir()
	servingCertificate(t, dir)
	g := &guardProcess{t: t, policy: filepath.Join(dir, "policy.yaml"), webhook: freeAddress(t), health: freeAddress(t),
		client: insecure()}
	g.setPolicy("")
	cmd := exec.Command(Built(t), "--standalone", "--cert-dir", dir, "--policy", g.policy, "--iam", "aws", "--bind-address", g.webhook, "--health-address", g.health)
	cmd.Env = append(WithoutAWS(os.Environ()), env...)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself, which the test has seen
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	g.waitReady()
	return g
}

func insecure() *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // the certificate is the test's own
}

func (g *guardProcess) waitReady() {
	g.t.Helper()
	eventually(g.t, "the guard is ready", func() bool {
		resp, err := http.Get("http://" + g.health + "/readyz")
		if err != nil {
			return false
		}
		defer resp.Body.Close() //nolint:errcheck // read only
		return resp.StatusCode == http.StatusOK
	})
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("not within a minute: %s", what)
}

func (g *guardProcess) setPolicy(text string) {
	g.t.Helper()
	if err := os.WriteFile(g.policy, []byte("apiVersion: aws-auth-guard.io/v1alpha1\nkind: Policy\n"+text), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// adds asks for the verdict on an edit that maps more roles.
func (g *guardProcess) adds(arns ...string) *admissionv1.AdmissionResponse {
	g.t.Helper()
	answer, err := g.review(arns...)
	if err != nil {
		g.t.Fatal(err)
	}
	return answer
}

// review is adds for a webhook that may end before it answers.
func (g *guardProcess) review(arns ...string) (*admissionv1.AdmissionResponse, error) {
	g.t.Helper()
	raw := func(mapRoles string) runtime.RawExtension {
		data, err := json.Marshal(&corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "aws-auth"}, Data: map[string]string{"mapRoles": mapRoles}})
		if err != nil {
			g.t.Fatal(err)
		}
		return runtime.RawExtension{Raw: data}
	}
	added := ""
	for i, arn := range arns {
		added += fmt.Sprintf("- rolearn: %s\n  username: ci%d\n  groups: [deployers]\n", arn, i)
	}
	asked := &admissionv1.AdmissionReview{TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{UID: "1", Operation: admissionv1.Update, Namespace: "kube-system", Name: "aws-auth",
			Kind: metav1.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}, Resource: metav1.GroupVersionResource{Version: "v1", Resource: "configmaps"},
			OldObject: raw(nodes), Object: raw(nodes + added)}}
	body, err := json.Marshal(asked)
	if err != nil {
		g.t.Fatal(err)
	}
	resp, err := g.client.Post("https://"+g.webhook+"/validate-aws-auth?timeout=10s", "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	answer := &admissionv1.AdmissionReview{}
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return nil, err
	}
	return answer.Response, nil
}

// The guard starts whatever AWS does, asks it once it answers, and takes in a changed policy while it runs.
func TestIAM(t *testing.T) {
	t.Parallel()
	seed, err := fake.Load("../../test/awsfake/seed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	seed.Faults.Answer = fake.Hang
	aws, err := fake.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	url := fake.Serve(t, aws)
	g := startGuard(t, "AWS_ENDPOINT_URL_IAM="+url, "AWS_ENDPOINT_URL_STS="+url, "AWS_ACCESS_KEY_ID=guard", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_CONFIG_FILE=/none", "AWS_SHARED_CREDENTIALS_FILE=/none")

	started := time.Now()
	if r := g.adds("arn:aws:iam::111122223333:role/ci"); r.Allowed || !strings.Contains(fmt.Sprint(r.Result), "AA302") {
		t.Errorf("while AWS hangs: %+v, want AA302", r)
	}
	if took := time.Since(started); took > 9500*time.Millisecond {
		t.Errorf("answered after %s, too late for the API server", took)
	}

	if err := aws.SetFaults(fake.Faults{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the guard asks AWS again", func() bool { return g.adds("arn:aws:iam::111122223333:role/ci").Allowed })
	if r := g.adds("arn:aws:iam::111122223333:role/deploier"); r.Allowed || !strings.Contains(fmt.Sprint(r.Result), "arn:aws:iam::111122223333:role/deployer") {
		t.Errorf("a misspelt role: %+v, want AA301 with the right name", r)
	}
	eventually(t, "the guard knows who it is", func() bool {
		return strings.Contains(fmt.Sprint(g.adds("arn:aws:iam::444455556666:role/auditor").Result), "AA303")
	})

	g.setPolicy("accounts:\n- id: \"444455556666\"\n  roleARN: arn:aws:iam::444455556666:role/aws-auth-guard\n")
	eventually(t, "the new policy is in force", func() bool { return g.adds("arn:aws:iam::444455556666:role/auditor").Allowed })
}

// The first edit after a start, while STS does not answer, maps roles of two accounts that have the same names, more of them than are asked for
// one by one.
func TestMixedAccounts(t *testing.T) {
	t.Parallel()
	const own, foreign = "arn:aws:iam::111122223333:role/", "arn:aws:iam::777788889999:role/"
	seed := fake.Seed{Credentials: []fake.Credential{{AccessKeyID: "guard", ARN: "arn:aws:sts::111122223333:assumed-role/aws-auth-guard/pod"}},
		Roles:  []fake.Role{{ARN: own + "nodes"}},
		Faults: fake.Faults{Answer: fake.Error503, Actions: []string{"GetCallerIdentity"}}}
	var arns []string
	for i := range 12 {
		name := fmt.Sprint("team", i)
		seed.Roles = append(seed.Roles, fake.Role{ARN: own + name})
		arns = append(arns, foreign+name)
	}
	aws, err := fake.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	url := fake.Serve(t, aws)
	g := startGuard(t, "AWS_ENDPOINT_URL_IAM="+url, "AWS_ENDPOINT_URL_STS="+url, "AWS_ACCESS_KEY_ID=guard", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_CONFIG_FILE=/none", "AWS_SHARED_CREDENTIALS_FILE=/none")
	r := g.adds(append([]string{own + "team0"}, arns...)...)
	if r.Allowed || r.Result == nil || r.Result.Details == nil {
		t.Fatalf("%+v, want a denial", r)
	}
	denied := map[string]bool{}
	for _, cause := range r.Result.Details.Causes {
		if strings.HasPrefix(cause.Message, "AA303") {
			denied[cause.Field] = true
		}
	}
	for i := range arns {
		if field := fmt.Sprintf("data.mapRoles[%d].rolearn", i+2); !denied[field] {
			t.Errorf("%s is not denied: %v", arns[i], r.Result.Details.Causes)
		}
	}
	if denied["data.mapRoles[1].rolearn"] {
		t.Error("the role of the own account is denied as well")
	}
}
