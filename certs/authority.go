package certs

import (
	"bytes"
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
	"slices"
	"time"

	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// The keys of the Secret. ca.crt is what clients trust: the authority whose key is ca.key first, then those on their way
// out.
const (
	caCert  = "ca.crt"
	caKey   = "ca.key"
	tlsCert = "tls.crt"
	tlsKey  = "tls.key"
)

// caName is the subject of every authority that the guard makes.
const caName = "aws-auth-guard-ca"

const (
	caLifetime   = 365 * 24 * time.Hour
	leafLifetime = 30 * 24 * time.Hour
	// backdate is how far clocks may be apart: a certificate is valid from so long before it is made.
	backdate = time.Hour
	// retireAfter is how long an authority is trusted after the leaf of the next one is there: long enough for every
	// replica to serve that leaf, short enough for an authority that is replaced because its key got out.
	retireAfter = time.Hour
	// maxRetiring limits the older authorities that are kept from the live configuration, and read from the Secret.
	maxRetiring = 4
	// maxCertificate bounds each certificate. One with a key of 4096 bits of RSA has half of that.
	maxCertificate = 4 << 10
)

// renewAt is the moment from which a certificate is replaced: two thirds through its life, as cert-manager does it.
func renewAt(c *x509.Certificate) time.Time {
	return c.NotAfter.Add(-c.NotAfter.Sub(c.NotBefore) / 3)
}

// authority is what the Secret holds. Parts that are missing or invalid are nil.
type authority struct {
	ca       *x509.Certificate
	caKey    *ecdsa.PrivateKey
	retiring []*x509.Certificate
	leaf     *tls.Certificate
	// foreign is whether the Secret's bundle has something in it that was left out.
	foreign bool
}

// readAuthority reads a Secret's data and keeps the valid part. The right to write the Secret decides what caBundle
// trusts, so only what the guard itself would have written is used.
func readAuthority(data map[string][]byte) authority {
	var a authority
	bundle := readBundle(data[caCert])
	if len(bundle) == 0 {
		return a
	}
	key, err := keyutil.ParsePrivateKeyPEM(data[caKey])
	if err != nil {
		return a
	}
	ecKey, ok := key.(*ecdsa.PrivateKey)
	if !ok || !ecKey.PublicKey.Equal(bundle[0].PublicKey) || !own(bundle[0]) {
		return a
	}
	a.ca, a.caKey = bundle[0], ecKey
	for _, c := range bundle[1:] {
		if isAuthority(c) && !c.Equal(a.ca) && !slices.ContainsFunc(a.retiring, c.Equal) {
			a.retiring = append(a.retiring, c)
		}
	}
	a.foreign = !bytes.Equal(a.bundle(), data[caCert])
	if len(data[tlsCert]) > 2*maxCertificate {
		return a
	}
	// One alone: what comes with the leaf would be sent in each handshake.
	if leaf, err := tls.X509KeyPair(data[tlsCert], data[tlsKey]); err == nil && len(leaf.Certificate) == 1 && lifetime(leaf.Leaf) <= backdate+leafLifetime {
		if _, ok := leaf.PrivateKey.(*ecdsa.PrivateKey); ok { // no other can be written back
			a.leaf = &leaf
		}
	}
	return a
}

// readBundle reads as many certificates as the guard puts into a bundle.
func readBundle(text []byte) (bundle []*x509.Certificate) {
	for len(bundle) <= maxRetiring {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			bundle = append(bundle, c)
		} else if len(bundle) == 0 {
			break // the first is the one that counts
		}
		text = rest
	}
	return bundle
}

// own is whether c is an authority that the guard can have made.
func own(c *x509.Certificate) bool {
	return isAuthority(c) && c.Subject.CommonName == caName && c.KeyUsage&x509.KeyUsageCertSign != 0 &&
		lifetime(c) <= backdate+caLifetime && c.CheckSignatureFrom(c) == nil
}

// isAuthority is whether c is one that a bundle may hold: another way of getting the certificate may have had it trusted.
func isAuthority(c *x509.Certificate) bool {
	return c.BasicConstraintsValid && c.IsCA && len(c.Raw) <= maxCertificate
}

func lifetime(c *x509.Certificate) time.Duration { return c.NotAfter.Sub(c.NotBefore) }

// usable says why nobody can serve by a: nil, if its leaf is one for host that its authority makes good.
func (a authority) usable(now time.Time, host string) error {
	if a.ca == nil || a.leaf == nil {
		return errors.New("it holds no authority with a certificate")
	}
	return verify(a.leaf, encode(a.ca), host, now)
}

// data is the Secret's data.
func (a authority) data() (map[string][]byte, error) {
	ca, err := keyutil.MarshalPrivateKeyToPEM(a.caKey)
	if err != nil {
		return nil, err
	}
	key, err := keyutil.MarshalPrivateKeyToPEM(a.leaf.PrivateKey)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{caCert: a.bundle(), caKey: ca, tlsCert: encode(a.leaf.Leaf), tlsKey: key}, nil
}

// bundle is what caBundle should contain.
func (a authority) bundle() []byte {
	return encode(append([]*x509.Certificate{a.ca}, a.retiring...)...)
}

func encode(certs ...*x509.Certificate) []byte {
	var buf bytes.Buffer
	for _, c := range certs {
		buf.Write(pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: c.Raw}))
	}
	return buf.Bytes()
}

// renewed is a with everything in order at that moment for that host, and what was done about it: "" for nothing.
// trusted are the authorities that the live configuration trusts: a new authority keeps trusting them for a while, so
// that the certificates being served stay valid.
func (a authority) renewed(now time.Time, host string, trusted []*x509.Certificate) (authority, string, error) {
	switch {
	case a.ca == nil || !now.Before(renewAt(a.ca)) || now.Before(a.ca.NotBefore):
		return a.replaced(now, host, trusted)
	case a.leaf == nil || !now.Before(renewAt(a.leaf.Leaf)) || verify(a.leaf, encode(a.ca), host, now) != nil:
		leaf, err := a.issue(now, host)
		if err != nil || verify(leaf, encode(a.ca), host, now) != nil { // as one that may sign for other hosts or uses only
			return a.replaced(now, host, trusted)
		}
		a.leaf = leaf
		return a, "new certificate", nil
	case len(a.retiring) > 0 && !now.Before(a.leaf.Leaf.NotBefore.Add(backdate+retireAfter)):
		a.retiring = nil
		return a, "old authority retired", nil
	case a.foreign:
		a.retiring = slices.DeleteFunc(slices.Clone(a.retiring), func(c *x509.Certificate) bool { return !slices.ContainsFunc(trusted, c.Equal) })
		return a, "foreign certificates taken out", nil
	}
	return a, "", nil
}

// replaced is a new authority that keeps trusting what a and the live configuration trust. What it makes for a host that no
// certificate can be for is an error, and nothing to write.
func (a authority) replaced(now time.Time, host string, trusted []*x509.Certificate) (authority, string, error) {
	next, err := newAuthority(now)
	if err != nil {
		return a, "", err
	}
	old := trusted
	if a.ca != nil {
		old = slices.Concat([]*x509.Certificate{a.ca}, a.retiring, trusted)
	}
	for _, c := range old {
		known := slices.ContainsFunc(next.retiring, c.Equal)
		if !known && isAuthority(c) && now.Before(c.NotAfter) && len(next.retiring) < maxRetiring {
			next.retiring = append(next.retiring, c)
		}
	}
	next.leaf, err = next.issue(now, host)
	if err == nil {
		err = verify(next.leaf, encode(next.ca), host, now)
	}
	if err != nil {
		return a, "", fmt.Errorf("no certificate can be made for the host %q of the ValidatingWebhookConfiguration: %w", host, err)
	}
	return next, "new authority", nil
}

// nextChange is when renewed has something to do again, if nobody interferes.
func (a authority) nextChange() time.Time {
	next := renewAt(a.leaf.Leaf)
	if t := renewAt(a.ca); t.Before(next) {
		next = t
	}
	if t := a.leaf.Leaf.NotBefore.Add(backdate + retireAfter); len(a.retiring) > 0 && t.Before(next) {
		next = t
	}
	return next
}

func newAuthority(now time.Time) (authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: caName},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	ca, err := sign(template, template, key, key, now, caLifetime)
	return authority{ca: ca, caKey: key}, err
}

// issue makes a leaf for a host name or an IP address.
func (a authority) issue(now time.Time, host string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "aws-auth-guard"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	leaf, err := sign(template, a.ca, key, a.caKey, now, leafLifetime)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

func sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey, now time.Time, lifetime time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = now.Add(-backdate).UTC(), now.Add(lifetime).UTC()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// verify says why a client that trusts bundle would not accept leaf for host; nil: it would.
func verify(leaf *tls.Certificate, bundle []byte, host string, now time.Time) error {
	if len(bytes.TrimSpace(bundle)) == 0 {
		return errors.New("caBundle is empty")
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		return errors.New("caBundle holds no certificate")
	}
	intermediates := x509.NewCertPool()
	for _, der := range leaf.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			intermediates.AddCert(c)
		}
	}
	_, err := leaf.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: intermediates, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	if err != nil {
		return fmt.Errorf("caBundle does not trust the certificate being served: %w", err)
	}
	return nil
}
