package certs

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// maxMounted bounds each of the files. A client reads 256 KiB of certificates in a handshake (crypto/tls), and no
	// authority that is in use needs an eighth of that.
	maxMounted = 32 << 10
	// maxChain is how many certificates may be in tls.crt: the leaf, and what is between it and its authority.
	maxChain = 10
)

// Mounted serves tls.crt and tls.key from a directory and reloads them when they change. Who writes them also sees
// to caBundle.
type Mounted struct {
	Dir, ConfigurationName string
	Log                    logr.Logger
	// Skew is measured by the answers that the manager gets.
	Skew *Skew
	// LookEvery is for tests; 0: every minute.
	LookEvery time.Duration

	*serving
	client client.Client
}

// SetUp adds it to a manager whose cache has CacheOptions without a Secret. The files have to be there.
func (m *Mounted) SetUp(mgr manager.Manager) error {
	if m.LookEvery == 0 {
		m.LookEvery = lookEvery
	}
	m.serving = newServing(m.Skew, m.Log, mgr.GetAPIReader(), m.ConfigurationName)
	m.client = mgr.GetClient()
	if err := m.read(); err != nil {
		return err
	}
	watcher, err := certwatcher.New(filepath.Join(m.Dir, tlsCert), filepath.Join(m.Dir, tlsKey))
	if err != nil {
		return err
	}
	// The watcher reads without a bound, so what it has read is not taken from it.
	watcher.RegisterCallback(func(tls.Certificate) { m.renewal(m.read()) })
	if err := mgr.Add(watcher); err != nil {
		return err
	}
	return watch(mgr, m, &admissionregistrationv1.ValidatingWebhookConfiguration{})
}

// read serves what is in the files; if that is nothing to serve, the certificate from before goes on being served.
func (m *Mounted) read() error {
	certificate, err := readBounded(filepath.Join(m.Dir, tlsCert))
	if err != nil {
		return err
	}
	key, err := readBounded(filepath.Join(m.Dir, tlsKey))
	if err != nil {
		return err
	}
	leaf, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return fmt.Errorf("%s and %s in %s: %w", tlsCert, tlsKey, m.Dir, err)
	}
	if n := len(leaf.Certificate); n > maxChain {
		return fmt.Errorf("%s in %s holds %d certificates, want the leaf and its intermediates, %d at most", tlsCert, m.Dir, n, maxChain)
	}
	m.serve(&leaf)
	return nil
}

func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(io.LimitReader(f, maxMounted+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxMounted {
		return nil, fmt.Errorf("%s is larger than %d KiB, want one certificate with its intermediates, or its key", name, maxMounted>>10)
	}
	return text, nil
}

// Reconcile reads the live configuration and the files: the watcher reports nothing about files that it cannot read.
func (m *Mounted) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	m.compareClocks(ctx, m.LookEvery)
	m.configured(liveConfiguration(ctx, m.client, m.ConfigurationName, &admissionregistrationv1.ValidatingWebhookConfiguration{}))
	m.renewal(m.read())
	wait := m.LookEvery
	if wrong, _ := m.Skew.judge(); wrong != nobodys {
		wait = min(wait, askAgain)
	}
	return reconcile.Result{RequeueAfter: wait}, nil
}

// liveConfiguration reads the ValidatingWebhookConfiguration.
func liveConfiguration(ctx context.Context, from client.Reader, name string, into *admissionregistrationv1.ValidatingWebhookConfiguration) (configuration, error) {
	if err := from.Get(ctx, client.ObjectKey{Name: name}, into); err != nil {
		return configuration{}, fmt.Errorf("ValidatingWebhookConfiguration: %w", err)
	}
	return readConfiguration(into)
}
