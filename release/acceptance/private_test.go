//go:build e2e

package acceptance

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// maintainer is a line of a registry's htpasswd file; the password is "of the tests".
const maintainer = "maintainer:$2a$05$9Az1KypmpLLI4he6Oxo8VOD1PTmoPOWhWzxwB07D5NbE6X.3ktaby\n"

// keyAndCertificate writes those that httptest has for 127.0.0.1.
func keyAndCertificate(t *testing.T, dir string) (key, certificate string) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	pair := server.TLS.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	key, certificate = filepath.Join(dir, "key.pem"), filepath.Join(dir, "certificate.pem")
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	write(t, certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})))
	return key, certificate
}

// TestPrivateRegistry publishes to a registry with TLS and a password, as docs/releasing.md says.
func TestPrivateRegistry(t *testing.T) {
	work := t.TempDir()
	key, certificate := keyAndCertificate(t, work)
	passwords, login := filepath.Join(work, "htpasswd"), filepath.Join(work, "docker")
	write(t, passwords, maintainer)
	private, err := serve(t.Context(), filepath.Join(work, "registry"),
		fmt.Sprintf("certificate: %s, key: %s", certificate, key), fmt.Sprintf("htpasswd: {realm: private, path: %s}", passwords))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", certificate)
	t.Setenv("DOCKER_CONFIG", login)
	if _, err := publish(private); err == nil || !strings.Contains(err.Error(), "UNAUTHORIZED") {
		t.Errorf("published without a login: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), programs["helm"], "registry", "login", "--registry-config", filepath.Join(login, "config.json"),
		"--username", "maintainer", "--password-stdin", private)
	cmd.Stdin = strings.NewReader("of the tests")
	if _, err := said(cmd); err != nil {
		t.Fatal(err)
	}
	printed, err := publish(private)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(printed, "--plain-http") {
		t.Errorf("the registry has TLS, and the printed command does not use it:\n%s", printed)
	}
	if rendered := template(t, printed); !strings.Contains(rendered, private+"/project/aws-auth-guard@sha256:") {
		t.Error("the published chart renders without the published image")
	}
	_, chart, _ := strings.Cut(strings.Fields(printed)[3], "oci://")
	if err := cosign(t, "verify", "--key", filepath.Join(keys, "cosign.pub"), "--insecure-ignore-tlog", chart); err != nil {
		t.Error(err)
	}
}
