package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// settle is how long a new authority has to be in the live configuration before its leaf replaces one that still works:
// every API server of the cluster must have seen the new caBundle, and each learns of it by its own watch.
const settle = 10 * time.Second

// serving is the certificate being served, and what the live configuration makes of it.
type serving struct {
	skew *Skew
	log  logr.Logger
	// live reads the configuration of that name past the cache.
	live          client.Reader
	configuration string
	asking        atomic.Bool

	mu      sync.RWMutex
	leaf    *tls.Certificate
	config  configuration
	problem error // why config is not known
	held    error // why the certificate is not renewed

	candidate    []byte
	trustedSince time.Time
}

func newServing(skew *Skew, log logr.Logger, live client.Reader, configuration string) *serving {
	return &serving{skew: skew, log: log, live: live, configuration: configuration, problem: errors.New("the ValidatingWebhookConfiguration has not been read yet")}
}

// GetCertificate is for tls.Config.
func (s *serving) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.leaf == nil {
		return nil, errors.New("there is no certificate yet")
	}
	return s.leaf, nil
}

// Check is nil while caBundle trusts the certificate being served, and the clock by which that is checked is right.
func (s *serving) Check() error {
	switch wrong, err := s.skew.judge(); wrong {
	case ours:
		return err
	case unsure: // all nodes may have been suspended together: that alone is no reason to be not ready
		if s.asking.CompareAndSwap(false, true) {
			go func() {
				defer s.asking.Store(false)
				s.compareClocks(context.Background(), 0)
			}()
		}
	}
	return s.trusted()
}

// Renewal says why the certificate cannot be renewed, due or not. It goes on being served.
func (s *serving) Renewal() error {
	if _, err := s.skew.judge(); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.held
}

// renewal notes why the certificate is not renewed; nil: it is. It is logged when it changes.
func (s *serving) renewal(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil && (s.held == nil || s.held.Error() != err.Error()):
		s.log.Info("the certificate is not renewed", "reason", err.Error())
	case err == nil && s.held != nil:
		s.log.Info("the certificate is renewed again")
	}
	s.held = err
}

// trusted is nil while caBundle trusts the certificate being served.
func (s *serving) trusted() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.problem != nil:
		return s.problem
	case s.leaf == nil:
		return errors.New("there is no certificate yet")
	}
	return s.trusts(s.leaf)
}

func (s *serving) trusts(leaf *tls.Certificate) error { return s.config.trusts(leaf, s.skew.Now()) }

// compareClocks asks the API server for something, if it has not answered anything for so long: its answer has its time.
func (s *serving) compareClocks(ctx context.Context, every time.Duration) {
	switch wrong, _ := s.skew.judge(); wrong {
	case nobodys:
	case unsure:
		every = 0
	default:
		every = min(every, askAgain)
	}
	if s.skew.stale(every) {
		ctx, cancel := context.WithTimeout(ctx, slowAnswer)
		defer cancel()
		// An error has the time as well, and the watch reports whether the object exists.
		_ = s.live.Get(ctx, client.ObjectKey{Name: s.configuration}, &admissionregistrationv1.ValidatingWebhookConfiguration{})
	}
}

// configured stores the live configuration; err: why it is not known.
func (s *serving) configured(c configuration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config, s.problem = c, err
}

// serve serves a leaf unconditionally.
func (s *serving) serve(leaf *tls.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaf = leaf
}

// offer serves a leaf once it can do no harm: at once if there is none that works or if the same authority made it,
// else when the live configuration has trusted it for a while. wait is when to offer it again; 0: not needed.
func (s *serving) offer(leaf *tls.Certificate) (wait time.Duration, changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.skew.Now()
	if s.leaf != nil && bytes.Equal(s.leaf.Certificate[0], leaf.Certificate[0]) {
		return 0, false
	}
	if s.leaf != nil && !bytes.Equal(s.leaf.Leaf.AuthorityKeyId, leaf.Leaf.AuthorityKeyId) && s.trusts(s.leaf) == nil {
		if s.trusts(leaf) != nil {
			s.candidate = nil
			return settle, false
		}
		if !bytes.Equal(s.candidate, leaf.Certificate[0]) {
			s.candidate, s.trustedSince = leaf.Certificate[0], now
		}
		if left := settle - now.Sub(s.trustedSince); left > 0 {
			return left, false
		}
	}
	s.leaf, s.candidate = leaf, nil
	return 0, true
}

var (
	trustedDesc = prometheus.NewDesc("aws_auth_guard_certificate_trusted",
		"1 while the ValidatingWebhookConfiguration in force trusts the certificate being served, else 0.", nil, nil)
	expiryDesc = prometheus.NewDesc("aws_auth_guard_certificate_expiry_timestamp_seconds",
		"When the certificate being served expires, in seconds since 1970.", nil, nil)
	heldDesc = prometheus.NewDesc("aws_auth_guard_certificate_renewal_held",
		"1 while the certificate cannot be renewed, or its files cannot be read again, else 0. The readiness detail says why.", nil, nil)
	offsetDesc = prometheus.NewDesc("aws_auth_guard_clock_offset_seconds",
		"How many seconds the node's clock is ahead of the API server's; negative if behind. Missing while unknown.", nil, nil)
)

// Describe makes it a prometheus.Collector.
func (s *serving) Describe(ch chan<- *prometheus.Desc) {
	ch <- trustedDesc
	ch <- expiryDesc
	ch <- heldDesc
	ch <- offsetDesc
}

// Collect asks at the moment of the scrape, since trust may end by the mere passing of time.
func (s *serving) Collect(ch chan<- prometheus.Metric) {
	ch <- gauge(trustedDesc, s.trusted() == nil)
	ch <- gauge(heldDesc, s.Renewal() != nil)
	if leaf, err := s.GetCertificate(nil); err == nil {
		ch <- prometheus.MustNewConstMetric(expiryDesc, prometheus.GaugeValue, float64(leaf.Leaf.NotAfter.Unix()))
	}
	if offset, known := s.skew.offset(); known {
		ch <- prometheus.MustNewConstMetric(offsetDesc, prometheus.GaugeValue, offset.Seconds())
	}
}

func gauge(desc *prometheus.Desc, on bool) prometheus.Metric {
	value := 0.0
	if on {
		value = 1
	}
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
}
