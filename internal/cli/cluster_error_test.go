package cli

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"
)

// asking are the ways in which each command asks a cluster. IN is a manifest.
var asking = map[string][]string{
	"access":         {"access", "access -f IN --rbac live"},
	"add account":    {"add account 444455556666"},
	"add role":       {"add role arn:aws:iam::111122223333:role/x --username x", "add role arn:aws:iam::111122223333:role/x --username x -f IN --rbac live"},
	"add user":       {"add user arn:aws:iam::111122223333:user/x --username x"},
	"edit":           {"edit", "edit -f IN --policy live"},
	"policy init":    {"policy init", "policy init -f IN --rbac live"},
	"remove":         {"remove arn:aws:iam::111122223333:role/deploy"},
	"remove account": {"remove account 444455556666"},
	"set":            {"set arn:aws:iam::111122223333:role/deploy --username x"},
	"check":          {"check -f IN --against live", "check -f IN --rbac live"},
	"diff":           {"diff IN", "diff IN IN --rbac live"},
	"fleet":          {"fleet"},
	"whois":          {"whois arn:aws:iam::111122223333:role/nodes", "whois arn:aws:iam::111122223333:role/nodes -f IN --rbac live"},
}

// commands are all that somebody can type.
func commands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		all = append(all, commands(sub)...)
	}
	return all
}

// typedName is what somebody types to name a command.
func typedName(c *cobra.Command) string {
	return strings.TrimSpace(strings.TrimPrefix(c.CommandPath(), c.Root().CommandPath()))
}

// TestAskingIsComplete holds that every command that takes a kubeconfig is in the tests of what goes wrong with a cluster.
func TestAskingIsComplete(t *testing.T) {
	for _, c := range commands(newRoot()) {
		name := typedName(c)
		if takes := c.Flags().Lookup("kubeconfig") != nil; takes != (len(asking[name]) > 0) {
			t.Errorf("%s has --kubeconfig: %t; asking has it: %t", name, takes, len(asking[name]) > 0)
		}
	}
}

// kubeconfigFile is one with a single context, user and cluster. user and cluster are YAML in braces.
func kubeconfigFile(t *testing.T, cluster, user string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: here\nclusters: [{name: 'arn:aws:eks:us-west-2:111122223333:cluster/demo', cluster: %s}]\nusers: [{name: operator, user: %s}]\n"+
		"contexts: [{name: here, context: {cluster: 'arn:aws:eks:us-west-2:111122223333:cluster/demo', user: operator}}]\n", cluster, user)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// execPlugin is a user with an exec plugin: a real script, called as the AWS CLI is.
func execPlugin(t *testing.T, script string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "aws")
	if script != "" {
		if err := os.WriteFile(name, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf(`{exec: {apiVersion: client.authentication.k8s.io/v1beta1, interactiveMode: IfAvailable, command: %q,
		args: [--region, us-west-2, eks, get-token, --cluster-name, prod], env: [{name: AWS_PROFILE, value: dev}]}}`, name)
}

// token is the script of a plugin whose token expires then.
func token(expires time.Time) string {
	return fmt.Sprintf(`echo '{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":{"token":"t","expirationTimestamp":"%s"}}'`, expires.UTC().Format(time.RFC3339))
}

// answers is an API server that answers everything in one way.
func answers(code int, reason metav1.StatusReason, says string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Message: says, Reason: reason, Code: int32(code)})
	}
}

// tlsServer says nothing of handshakes that fail.
func tlsServer(t *testing.T, handler http.Handler, config *tls.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// served starts a TLS server, and says how a kubeconfig names it with the authority that signed its certificate.
func served(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := tlsServer(t, handler, nil)
	name := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("{server: %q, certificate-authority: %q}", server.URL, name)
}

// TestAdvice lets every command meet everything that can be wrong between here and a cluster's answer. Each says in plain words
// what it is and what to type, and lets nothing of what a plugin or a server says reach the terminal as it is.
func TestAdvice(t *testing.T) {
	const (
		whose   = "= fix: check that your AWS credentials work, and whose they are: `aws sts get-caller-identity --profile dev`"
		sso     = "= fix: if that fails, sign in again: `aws sso login --profile dev`"
		again   = "= fix: sign in again: `aws sso login --profile dev`"
		alone   = "= fix: run the exec plugin by itself to see what it says"
		mapped  = "= fix: if it answers, that ARN needs an access entry or a mapping in aws-auth"
		renew   = "`aws eks update-kubeconfig --name prod --region us-west-2 --profile dev`"
		byARN   = "`aws eks update-kubeconfig --name demo --region us-west-2`"
		there   = "`aws eks describe-cluster --name demo --region us-west-2 --query 'cluster.[status,endpoint]'`"
		private = "= fix: a cluster with a private endpoint is reached from its VPC: connect your VPN"
		hostile = `printf '\033]0;title\007\033[8mToken has expired and refresh failed\n' >&2; exit 255`
		bearer  = "{token: x}"
	)
	unauthorized := answers(http.StatusUnauthorized, metav1.StatusReasonUnauthorized, "Unauthorized")
	fresh := token(time.Now().Add(time.Hour))
	strangers, _ := certificate(t, time.Hour)
	closed := httptest.NewServer(nil)
	closed.Close()
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<html>not here</html>", http.StatusNotFound)
	})
	plainHTTP := httptest.NewServer(page)
	t.Cleanup(plainHTTP.Close)
	elsewhere := tlsServer(t, page, nil)
	wantsCertificate := tlsServer(t, page, &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS13})
	expired, expiredKey := certificate(t, 30*time.Minute)
	for name, tt := range map[string]struct {
		kubeconfig string
		want       []string
	}{
		"the credentials of an exec plugin have expired": {kubeconfigFile(t, served(t, unauthorized), execPlugin(t, token(time.Now().Add(-time.Hour)))),
			[]string{`the API server does not accept the credentials of user "operator" (Unauthorized): they have expired, or the cluster does not know whose they are`, whose, sso, mapped, renew}},
		"the cluster does not know them": {kubeconfigFile(t, served(t, unauthorized), execPlugin(t, fresh)), []string{"(Unauthorized)", whose, sso, mapped, renew}},
		"a plugin that is not for EKS":   {kubeconfigFile(t, served(t, unauthorized), strings.Replace(execPlugin(t, fresh), "eks, get-token", "'log in', x", 1)), []string{"(Unauthorized)", "sign in again with the tool that the exec plugin belongs to", "run the exec plugin by itself to see what it says: `", "/aws --region us-west-2 'log in' x"}},
		"an old token":                   {kubeconfigFile(t, served(t, unauthorized), bearer), []string{"(Unauthorized)", "= fix: put a new token into the kubeconfig", byARN}},
		"no credentials":                 {kubeconfigFile(t, served(t, unauthorized), "{}"), []string{`the API server wants credentials, and user "operator" of the kubeconfig has none`, byARN}},
		"an old client certificate":      {kubeconfigFile(t, served(t, unauthorized), fmt.Sprintf("{client-certificate: %q, client-key: %q}", expired, expiredKey)), []string{`the client certificate of user "operator" expired on `, "ask its issuer"}},
		"the plugin fails":               {kubeconfigFile(t, served(t, unauthorized), execPlugin(t, hostile)), []string{`\x1b]0;title\x07\x1b[8mToken has expired and refresh failed` + "\n", "no credentials: the exec plugin \"/", "/aws\" of user \"operator\" in the kubeconfig failed with exit code 255", again, "eks get-token --cluster-name prod`", alone, renew}},
		"the plugin says no credentials": {kubeconfigFile(t, served(t, unauthorized), execPlugin(t, "echo nothing")), []string{"/aws\" of user \"operator\" in the kubeconfig gives none: decoding stdout", alone}},
		"the plugin is not there":        {kubeconfigFile(t, served(t, unauthorized), execPlugin(t, "")), []string{"no credentials: the exec plugin \"/", "/aws\" of user \"operator\" in the kubeconfig is not found", "= fix: install it"}},
		"nor in PATH": {kubeconfigFile(t, served(t, unauthorized), "{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: aws-of-nobody, installHint: \"it is at\\nexample.com\"}}"),
			[]string{`no credentials: the exec plugin "aws-of-nobody" of user "operator" in the kubeconfig is not found`, "= fix: install it, or put its directory into PATH", "= fix: the kubeconfig says: it is at example.com"}},
		"the plugin is an old one":  {kubeconfigFile(t, served(t, unauthorized), strings.Replace(execPlugin(t, fresh), "v1beta1", "v1alpha1", 1)), []string{`/aws" of user "operator" in the kubeconfig has apiVersion "client.authentication.k8s.io/v1alpha1", which is no longer supported`, renew}},
		"forbidden":                 {kubeconfigFile(t, served(t, answers(http.StatusForbidden, metav1.StatusReasonForbidden, `x is forbidden: User "bob" cannot`)), bearer), []string{`x is forbidden: User "bob" cannot`, "= fix: ask a cluster admin for this right", "`kubectl auth whoami`"}},
		"in trouble":                {kubeconfigFile(t, served(t, answers(http.StatusInternalServerError, metav1.StatusReasonInternalError, "etcd")), bearer), []string{"the API server answers with an error (500): etcd", "= fix: try again in a minute"}},
		"no API server":             {kubeconfigFile(t, served(t, page), bearer), []string{"does not answer like an API server (404)", byARN}},
		"no TLS":                    {kubeconfigFile(t, fmt.Sprintf("{server: %q}", strings.Replace(plainHTTP.URL, "http:", "https:", 1)), bearer), []string{"does not speak TLS, so it is not the API server", byARN}},
		"another authority":         {kubeconfigFile(t, fmt.Sprintf("{server: %q, certificate-authority: %q}", elsewhere.URL, strangers), bearer), []string{elsewhere.URL + " shows a certificate of an authority that the kubeconfig does not trust: x509: certificate signed by unknown authority", byARN, "a proxy may intercept TLS"}},
		"another name":              {kubeconfigFile(t, strings.Replace(served(t, page), "certificate-authority", "tls-server-name: other.example.org, certificate-authority", 1), bearer), []string{"shows a certificate for another name: x509: certificate is valid for", byARN}},
		"a handshake that it ends":  {kubeconfigFile(t, fmt.Sprintf("{server: %q, insecure-skip-tls-verify: true}", wantsCertificate.URL), bearer), []string{"ends the TLS handshake: tls: certificate required", byARN}},
		"nobody listens":            {kubeconfigFile(t, fmt.Sprintf("{server: %q}", closed.URL), bearer), []string{closed.URL + " does not answer: dial tcp 127.0.0.1:", "connection refused", private, there, byARN}},
		"no such name":              {kubeconfigFile(t, "{server: 'https://cluster.invalid'}", bearer), []string{"https://cluster.invalid does not exist, or its name cannot be looked up", private, there, byARN}},
		"a proxy that is not there": {kubeconfigFile(t, fmt.Sprintf("{server: 'https://cluster.invalid', proxy-url: %q}", closed.URL), bearer), []string{"the proxy to https://cluster.invalid does not answer", "HTTPS_PROXY"}},
		"no file":                   {filepath.Join(t.TempDir(), "none"), []string{"cannot read kubeconfig ", "no such file or directory", "= fix: name another with --kubeconfig, or write it: `aws eks update-kubeconfig --name NAME --kubeconfig /"}},
		"an empty file":             {os.DevNull, []string{"names no cluster", "`aws eks update-kubeconfig --name NAME`"}},
	} {
		for command, ways := range asking {
			for _, way := range ways {
				t.Run(name+"/"+command+"/"+way, func(t *testing.T) {
					t.Parallel()
					text, code := answered(t, tt.kubeconfig, way)
					if code != exitFailed {
						t.Errorf("exit code %d, want %d", code, exitFailed)
					}
					for _, want := range tt.want {
						if !strings.Contains(text, want) {
							t.Errorf("want %q", want)
						}
					}
					if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }); i >= 0 {
						t.Errorf("%q reaches the terminal", text[i])
					}
					if !strings.Contains(text, "\n  = fix: ") || strings.Contains(text, "?timeout=") {
						t.Error("want a fix, and no address of a request")
					}
					if n := strings.Count(text, "Token has expired"); n > 1 {
						t.Errorf("the plugin is called %d times", n)
					}
					if t.Failed() {
						t.Logf("%s", text)
					}
				})
			}
		}
	}
}

// TestAdviceOfContexts holds that a context that is not there is answered with those that are.
func TestAdviceOfContexts(t *testing.T) {
	text, code := answered(t, kubeconfigFile(t, "{server: 'https://cluster.invalid'}", "{}"), "access --context ther")
	if code != exitFailed || !strings.Contains(text, `context "ther" is not in kubeconfig`) || !strings.Contains(text, "= fix: want one of its contexts: here\n") {
		t.Errorf("exit code %d:\n%s", code, text)
	}
}

// TestPluginsAreHeard holds that what a plugin says is there before the answer to which it belongs, and that one that leaves a
// process behind holds up nobody.
func TestPluginsAreHeard(t *testing.T) {
	kubeconfig := kubeconfigFile(t, served(t, answers(http.StatusUnauthorized, metav1.StatusReasonUnauthorized, "Unauthorized")),
		execPlugin(t, "echo first >&2; sleep 30 >/dev/null & printf 'half a line' >&2; exit 1"))
	began := time.Now()
	text, _ := answered(t, kubeconfig, "access")
	if !strings.HasPrefix(text, "first\nhalf a line") || !strings.Contains(text, "error: ") {
		t.Errorf("%s", text)
	}
	if took := time.Since(began); took > 25*time.Second {
		t.Errorf("it took %s", took)
	}
}

// answered runs a command of the table with a kubeconfig. All that it says comes in one text. An exec plugin writes to
// the stderr of its process, so a command that has one gets a process of its own.
func answered(t *testing.T, kubeconfig, way string) (text string, code int) {
	t.Helper()
	args := append(strings.Fields(strings.ReplaceAll(way, "IN", "testdata/in/good.yaml")), "--kubeconfig", kubeconfig)
	if config, err := os.ReadFile(kubeconfig); err != nil || !strings.Contains(string(config), "{exec: ") {
		return kubectl(args...)
	}
	cmd := exec.CommandContext(t.Context(), program(t), args...)
	out, err := os.CreateTemp(t.TempDir(), "out") // a pipe would be waited for as long as anybody has it
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // read below
	cmd.Stdout, cmd.Stderr = out, out
	_ = cmd.Run() // the exit code says it
	both, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(both), cmd.ProcessState.ExitCode()
}

// certificate makes one that nobody knows. It ends after maxAge, and began an hour ago.
func certificate(t *testing.T, maxAge time.Duration) (certFile, keyFile string) {
	t.Helper()
	made, key, err := cert.GenerateSelfSignedCertKeyWithOptions(cert.SelfSignedCertKeyOptions{Host: "127.0.0.1", MaxAge: maxAge})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for name, data := range map[string][]byte{certFile: made, keyFile: key} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}
