package iam

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
)

// Metrics count the calls to AWS. A nil *Metrics counts nothing.
type Metrics struct {
	calls     *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	hits      prometheus.Counter
	throttled prometheus.Counter
	open      *prometheus.GaugeVec
}

// NewMetrics registers the metrics; it panics if they are registered already.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aws_auth_guard_iam_calls_total",
			Help: "Attempts of calls to IAM and STS, by API and outcome: ok, missing, or the reason of the failure."}, []string{"api", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "aws_auth_guard_iam_call_seconds",
			Help: "Duration of calls to IAM and STS.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 11)}, []string{"api"}),
		hits: prometheus.NewCounter(prometheus.CounterOpts{Name: "aws_auth_guard_iam_cache_hits_total",
			Help: "Principals that were answered from the cache."}),
		throttled: prometheus.NewCounter(prometheus.CounterOpts{Name: "aws_auth_guard_iam_throttled_total",
			Help: "Calls that AWS throttled, and calls not made because of the guard's own rate limit."}),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "aws_auth_guard_iam_breaker_open",
			Help: "1 while the circuit breaker of an account is open, because IAM did not answer. account is own, or the id of another; calls are names or lists."}, []string{"account", "calls"}),
	}
	r.MustRegister(m.calls, m.seconds, m.hits, m.throttled, m.open)
	return m
}

func (m *Metrics) call(op aws.Operation, err error, began time.Time) {
	if m == nil {
		return
	}
	_, api, _ := strings.Cut(op.API, ":")
	m.calls.WithLabelValues(api, outcome(err)).Inc()
	m.seconds.WithLabelValues(api).Observe(time.Since(began).Seconds())
	if aws.ReasonOf(err) == aws.Throttled {
		m.throttled.Inc()
	}
}

// outcome is a label's value: few, and without blanks.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return strings.ReplaceAll(string(aws.ReasonOf(err)), " ", "_")
}

func (m *Metrics) hit() {
	if m != nil {
		m.hits.Inc()
	}
}

func (m *Metrics) heldBack(calls int) {
	if m != nil {
		m.throttled.Add(float64(calls))
	}
}

func (m *Metrics) breaker(account, calls string, open bool) {
	if m == nil {
		return
	}
	value := 0.0
	if open {
		value = 1
	}
	m.open.WithLabelValues(account, calls).Set(value)
}

// forget drops what is said of an account that the policy no longer names.
func (m *Metrics) forget(account string) {
	if m != nil {
		m.open.DeletePartialMatch(prometheus.Labels{"account": account})
	}
}
