package fleet

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
)

// Metrics count the calls to AWS and show how much is known, and since when. A nil *Metrics counts nothing.
type Metrics struct {
	registerer prometheus.Registerer
	calls      *prometheus.CounterVec
}

// NewMetrics registers the metrics; it panics if they are registered already.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{registerer: r, calls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aws_auth_guard_fleet_calls_total",
		Help: "Calls to EC2, IAM and EKS about nodes and access entries, by API and outcome: ok or failed."}, []string{"api", "outcome"})}
	r.MustRegister(m.calls)
	return m
}

func (m *Metrics) call(api string, err error) {
	if m == nil {
		return
	}
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	m.calls.WithLabelValues(api, outcome).Inc()
}

// watch shows what a fleet knows whenever the metrics are read.
func (m *Metrics) watch(f *Fleet) {
	if m != nil {
		m.registerer.MustRegister(&gauges{f})
	}
}

var (
	nodesDesc = prometheus.NewDesc("aws_auth_guard_fleet_nodes", "Running nodes, by kind and by whether their IAM role is known.", []string{"kind", "role_known"}, nil)
	rolesDesc = prometheus.NewDesc("aws_auth_guard_fleet_roles", "IAM roles that running nodes use.", nil, nil)
	knownDesc = prometheus.NewDesc("aws_auth_guard_fleet_known", "1 if the data about nodes or access entries is complete and recent enough.", []string{"what"}, nil)
	failing   = prometheus.NewDesc("aws_auth_guard_fleet_failing", "1 if the last attempt to read nodes or access entries did not read everything.", []string{"what"}, nil)
	atDesc    = prometheus.NewDesc("aws_auth_guard_fleet_known_timestamp_seconds", "When the data about nodes or access entries was last complete; 0 if never.", []string{"what"}, nil)
)

// gauges reads the view at the moment of the scrape, so that age shows without anybody keeping it up to date.
type gauges struct{ fleet *Fleet }

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{nodesDesc, rolesDesc, knownDesc, failing, atDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	v := g.fleet.View()
	type label struct {
		kind  nodes.Kind
		known string
	}
	named := map[label]map[string]bool{} // by name, since a Fargate node counts for every role that it may have
	count := func(sets []nodes.Set, known string) {
		for _, s := range sets {
			l := label{s.Kind, known}
			if named[l] == nil {
				named[l] = map[string]bool{}
			}
			for _, n := range s.Names {
				named[l][n] = true
			}
		}
	}
	for _, sets := range v.Nodes {
		count(sets, "true")
	}
	count(v.Unplaced, "false")
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for l, names := range named {
		gauge(nodesDesc, float64(len(names)), string(l.kind), l.known)
	}
	gauge(rolesDesc, float64(len(v.Nodes)))
	for what, k := range map[string]nodes.Knowledge{"nodes": v.NodesKnown, "access": v.AccessKnown} {
		known, failed, at := 0.0, 0.0, 0.0
		if k.Problem != "" {
			failed = 1
		}
		if k.Doubt(g.fleet.now()) == "" {
			known = 1
		}
		if !k.At.IsZero() {
			at = float64(k.At.Unix())
		}
		gauge(knownDesc, known, what)
		gauge(failing, failed, what)
		gauge(atDesc, at, what)
	}
}
