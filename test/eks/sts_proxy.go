package eks

import (
	"bufio"
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
	"net/http"
	"strings"
	"sync"
	"time"
)

// stsProxy leads the authenticator to the fake STS. The authenticator insists on STS's host names and on TLS, and takes the
// proxy and the authority of certificates from its environment (HTTPS_PROXY, SSL_CERT_FILE), as every Go program does. So the
// proxy answers CONNECT sts.REGION.amazonaws.com:443 itself, with a certificate of an authority of its own, and no other
// host. Everything stays on loopback.
type stsProxy struct {
	authority *x509.Certificate
	key       *ecdsa.PrivateKey
	listener  net.Listener
	server    *http.Server
	accepted  chan net.Conn
	closed    chan struct{}

	mu           sync.Mutex
	certificates map[string]*tls.Certificate
}

// startSTSProxy starts one that hands requests to sts.
func startSTSProxy(sts http.Handler) (*stsProxy, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	p := &stsProxy{key: key, accepted: make(chan net.Conn), closed: make(chan struct{}), certificates: map[string]*tls.Certificate{}}
	template := certificate("aws-auth-guard test authority")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	if p.authority, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	p.server = &http.Server{Handler: sts, ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(p) }() // it ends when the proxy is closed
	go p.accept()
	return p, nil
}

// url is the value of HTTPS_PROXY.
func (p *stsProxy) url() string { return "http://" + p.listener.Addr().String() }

// authorityPEM is the content of SSL_CERT_FILE.
func (p *stsProxy) authorityPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.authority.Raw})
}

func (p *stsProxy) close() error {
	close(p.closed)
	return errors.Join(p.listener.Close(), p.server.Close())
}

func (p *stsProxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		go p.connect(conn)
	}
}

// connect answers CONNECT, and hands the connection to the server.
func (p *stsProxy) connect(conn net.Conn) {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		conn.Close() //nolint:errcheck // the client has gone
		return
	}
	host, _, _ := strings.Cut(req.Host, ":")
	if req.Method != http.MethodConnect || !strings.HasPrefix(host, "sts.") {
		fmt.Fprint(conn, "HTTP/1.1 403 Forbidden\r\n\r\n")
		conn.Close() //nolint:errcheck // as above
		return
	}
	certificate, err := p.certificate(host)
	if err != nil {
		conn.Close() //nolint:errcheck // as above
		return
	}
	if _, err := fmt.Fprint(conn, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		conn.Close() //nolint:errcheck // as above
		return
	}
	select {
	case p.accepted <- tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12}):
	case <-p.closed:
		conn.Close() //nolint:errcheck // nobody waits for it any more
	}
}

// certificate is one for a host; each is made once.
func (p *stsProxy) certificate(host string) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.certificates[host]; c != nil {
		return c, nil
	}
	template := certificate(host)
	template.DNSNames = []string{host}
	der, err := x509.CreateCertificate(rand.Reader, template, p.authority, &p.key.PublicKey, p.key)
	if err != nil {
		return nil, err
	}
	c := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: p.key}
	p.certificates[host] = c
	return c, nil
}

// certificate is a template that is valid for two days.
func certificate(name string) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour)}
}

// Accept, Close and Addr make the proxy a net.Listener of the connections that CONNECT has opened.
func (p *stsProxy) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close does nothing: close does.
func (p *stsProxy) Close() error { return nil }

// Addr is where the proxy listens.
func (p *stsProxy) Addr() net.Addr { return p.listener.Addr() }
