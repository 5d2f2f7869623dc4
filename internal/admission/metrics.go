package admission

import (
	"cmp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// Metrics count what was decided. A nil *Metrics counts nothing.
type Metrics struct {
	decisions *prometheus.CounterVec
	findings  *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	nodes     *prometheus.CounterVec
}

// NewMetrics registers the metrics; it panics if they are registered already.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aws_auth_guard_decisions_total",
			Help: "Answered requests, by operation (CREATE, UPDATE, DELETE, CONNECT or other) and decision."}, []string{"operation", "decision"}),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aws_auth_guard_findings_total",
			Help: "Findings, by rule, severity and whether they existed before the edit."}, []string{"rule", "severity", "preexisting"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "aws_auth_guard_decision_seconds",
			Help: "Time from the decoded request to the verdict.", Buckets: prometheus.ExponentialBuckets(0.0001, 3, 11)}, []string{"decision"}),
	}
	m.nodes = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aws_auth_guard_nodes_lost_total",
		Help: "Running nodes that lost access by an edit that was allowed despite an error, by the reason: exempt, break-glass, audit or policy."}, []string{"why"})
	// Prometheus takes no increase from a counter's first sample: without a sample of zero before it, the first edit by a
	// break-glass group would not fire its alert.
	for _, operation := range []string{"CREATE", "UPDATE", "DELETE"} {
		for _, decision := range decisions() {
			m.decisions.WithLabelValues(operation, decision)
		}
	}
	r.MustRegister(m.decisions, m.findings, m.seconds, m.nodes)
	return m
}

// operations are the values of a label. A client that reaches the port can write anything into a review, and a label is
// kept for ever.
var operations = map[admissionv1.Operation]string{admissionv1.Create: "CREATE", admissionv1.Update: "UPDATE", admissionv1.Delete: "DELETE", admissionv1.Connect: "CONNECT"}

func (m *Metrics) observe(operation admissionv1.Operation, decision string, findings []validate.Finding, started time.Time) {
	if m == nil {
		return
	}
	m.decisions.WithLabelValues(cmp.Or(operations[operation], "other"), decision).Inc()
	m.seconds.WithLabelValues(decision).Observe(time.Since(started).Seconds())
	for _, f := range findings {
		preexisting := "false"
		if f.Preexisting {
			preexisting = "true"
		}
		m.findings.WithLabelValues(f.Rule, string(f.Severity), preexisting).Inc()
	}
}

// lost counts the nodes that lose access by an allowed edit; why is the report's excuse, "" if the policy makes it a warning.
func (m *Metrics) lost(why string, nodes []string) {
	if m == nil || len(nodes) == 0 {
		return
	}
	m.nodes.WithLabelValues(cmp.Or(why, "policy")).Add(float64(len(nodes)))
}
