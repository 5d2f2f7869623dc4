package admission

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// Metrics count what was decided. A nil *Metrics counts nothing.
type Metrics struct {
	decisions *prometheus.CounterVec
	findings  *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
}

// NewMetrics registers the metrics; it panics if they are registered already.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aws_auth_guard_decisions_total",
			Help: "Requests answered, by operation and decision."}, []string{"operation", "decision"}),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aws_auth_guard_findings_total",
			Help: "Findings, by rule, severity and whether the old object had them."}, []string{"rule", "severity", "preexisting"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "aws_auth_guard_decision_seconds",
			Help: "Time from the decoded request to the verdict.", Buckets: prometheus.ExponentialBuckets(0.0001, 3, 11)}, []string{"decision"}),
	}
	r.MustRegister(m.decisions, m.findings, m.seconds)
	return m
}

func (m *Metrics) observe(operation, decision string, findings []validate.Finding, started time.Time) {
	if m == nil {
		return
	}
	m.decisions.WithLabelValues(operation, decision).Inc()
	m.seconds.WithLabelValues(decision).Observe(time.Since(started).Seconds())
	for _, f := range findings {
		preexisting := "false"
		if f.Preexisting {
			preexisting = "true"
		}
		m.findings.WithLabelValues(f.Rule, string(f.Severity), preexisting).Inc()
	}
}
