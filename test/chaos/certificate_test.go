//go:build chaos

package chaos

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// authority issues the guard's certificates.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	issued      int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := cert.NewSelfSignedCACert(cert.Config{CommonName: "chaos"}, key)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate: certificate, key: key}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: a.certificate.Raw})
}

// issue puts a certificate that ends then into the guard's directory: first the one file, then the other, as some tools do.
func (a *authority) issue(t *testing.T, ends time.Time) (serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.issued++
	template := &x509.Certificate{SerialNumber: big.NewInt(a.issued), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: ends, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, "tls.crt", string(pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: der})))
	write(t, "tls.key", string(text))
	return a.issued
}

// TestCertificate: with one that has expired no edit succeeds, good or bad, and a new one is used without a restart, again and
// again, without a connection that fails.
func TestCertificate(t *testing.T) {
	for _, name := range []string{"tls.crt", "tls.key"} {
		text, err := os.ReadFile(file(name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { write(t, name, string(text)) })
	}
	ca := newAuthority(t)
	ca.issue(t, time.Now().Add(-time.Hour)) // expired
	begin(t, setting{})
	repoint(t, func(c *admissionregistrationv1.WebhookClientConfig) { c.CABundle = ca.pem() })
	ctx := t.Context()

	measured("certificate-expired-reported-after", eventually(t, func() error {
		if err := try(ctx, bad); err == nil {
			t.Fatal("a bad edit was allowed")
		} else if !strings.Contains(err.Error(), "certificate has expired") {
			return err
		}
		return nil
	}))
	if err := try(ctx, good); err == nil || !strings.Contains(err.Error(), "certificate has expired") {
		t.Errorf("a good edit behind an expired certificate: %v", err)
	}
	ca.issue(t, time.Now().Add(time.Hour))
	measured("certificate-renewed-in-force-after", eventually(t, func() error { return try(ctx, good) }))
	if err := refused(try(ctx, bad), "AA203"); err != nil {
		t.Error(err)
	}

	// Rotations under fire: nobody who connects meets a certificate and a key that do not belong together.
	address, err := url.Parse(guard.URL)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.certificate)
	serves := func() (int64, error) {
		conn, err := tls.Dial("tcp", address.Host, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13})
		if err != nil {
			return 0, err
		}
		defer conn.Close() //nolint:errcheck // nothing was written
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
	}
	running, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	var handshakes int
	var failed error
	group.Go(func() {
		for ; running.Err() == nil && failed == nil; handshakes++ {
			_, failed = serves()
		}
	})
	rotations := share(20, 3)
	var slowest time.Duration
	for range rotations {
		serial := ca.issue(t, time.Now().Add(time.Hour))
		slowest = max(slowest, eventually(t, func() error {
			switch got, err := serves(); {
			case err != nil:
				return err
			case got != serial:
				return fmt.Errorf("certificate %d is served, want %d", got, serial)
			}
			return nil
		}))
		if err := errors.Join(try(ctx, good), refused(try(ctx, bad), "AA203")); err != nil {
			t.Error(err)
		}
	}
	cancel()
	group.Wait()
	if failed != nil {
		t.Errorf("a handshake failed: %v", failed)
	}
	measured("certificate-rotations", rotations)
	measured("certificate-rotation-slowest", slowest)
	measured("certificate-handshakes-meanwhile", handshakes)
}
