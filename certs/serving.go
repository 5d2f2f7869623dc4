package certs

import (
	"bytes"
	"crypto/tls"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
)

// settle is how long a new authority has to be in the live configuration before its leaf replaces one that still works:
// every API server of the cluster must have seen the new caBundle, and each learns of it by its own watch.
const settle = 10 * time.Second

// serving is the certificate being served, and what the live configuration makes of it.
type serving struct {
	clock clock.PassiveClock

	mu      sync.RWMutex
	leaf    *tls.Certificate
	config  configuration
	problem error // why config is not known

	candidate    []byte
	trustedSince time.Time
}

func newServing(c clock.PassiveClock) *serving {
	return &serving{clock: c, problem: errors.New("the ValidatingWebhookConfiguration has not been read yet")}
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

// Check is nil while what is served is what the API server is told to trust.
func (s *serving) Check() error {
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

func (s *serving) trusts(leaf *tls.Certificate) error {
	for _, b := range s.config.bundles {
		if err := verify(leaf, b, s.config.host, s.clock.Now()); err != nil {
			return err
		}
	}
	return nil
}

// configured takes in the live configuration; err: why it is not known.
func (s *serving) configured(c configuration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config, s.problem = c, err
}

// serve takes in a leaf without asking.
func (s *serving) serve(leaf *tls.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaf = leaf
}

// offer takes in a leaf once it can do no harm: at once if there is none that works or if the same authority made it,
// else when the live configuration has trusted it for a while. wait is when to offer it again; 0: not needed.
func (s *serving) offer(leaf *tls.Certificate) (wait time.Duration, changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
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
		"1 while the certificate being served is one that the live ValidatingWebhookConfiguration trusts, else 0.", nil, nil)
	expiryDesc = prometheus.NewDesc("aws_auth_guard_certificate_expiry_timestamp_seconds",
		"When the certificate being served ends, in seconds since 1970.", nil, nil)
)

// Describe makes it a prometheus.Collector.
func (s *serving) Describe(ch chan<- *prometheus.Desc) {
	ch <- trustedDesc
	ch <- expiryDesc
}

// Collect asks at the moment of the scrape, since trust may end by the mere passing of time.
func (s *serving) Collect(ch chan<- prometheus.Metric) {
	trusted := 1.0
	if s.Check() != nil {
		trusted = 0
	}
	ch <- prometheus.MustNewConstMetric(trustedDesc, prometheus.GaugeValue, trusted)
	if leaf, err := s.GetCertificate(nil); err == nil {
		ch <- prometheus.MustNewConstMetric(expiryDesc, prometheus.GaugeValue, float64(leaf.Leaf.NotAfter.Unix()))
	}
}
