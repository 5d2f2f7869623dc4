package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
)

// Webhook is controller-runtime's webhook server, with its metrics, on a port of our own: its own takes any number of
// connections.
type Webhook struct {
	webhook.Server
	address, certDir string
	getCertificate   GetCertificate
	started          atomic.Bool
}

// GetCertificate is tls.Config's.
type GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// NewWebhook serves a handler at a path. Without a getCertificate it serves what is in certDir.
func NewWebhook(address, path string, handler http.Handler, certDir string, getCertificate GetCertificate) *Webhook {
	s := &Webhook{Server: webhook.NewServer(webhook.Options{}),
		address: address, certDir: certDir, getCertificate: getCertificate}
	s.Register(path, handler)
	return s
}

// Start serves until ctx ends.
func (s *Webhook) Start(ctx context.Context) error {
	if s.getCertificate == nil {
		watcher, err := certwatcher.New(filepath.Join(s.certDir, "tls.crt"), filepath.Join(s.certDir, "tls.key"))
		if err != nil {
			return err
		}
		s.getCertificate = watcher.GetCertificate
		ctx, stop := context.WithCancel(ctx)
		var watching sync.WaitGroup
		defer watching.Wait()
		defer stop()
		watching.Go(func() {
			if err := watcher.Start(ctx); err != nil {
				ctrl.Log.Error(err, "the certificate's files are not watched: a new certificate needs a restart")
			}
		})
	}
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	s.started.Store(true)
	return ServeTLS(ctx, l, &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: s.getCertificate}, s.WebhookMux())
}

// StartedChecker is for readiness. It asks nobody: who fills the port must not take the guard out of the Service.
func (s *Webhook) StartedChecker() healthz.Checker {
	return func(*http.Request) error {
		if !s.started.Load() {
			return errors.New("it does not listen yet")
		}
		return nil
	}
}
