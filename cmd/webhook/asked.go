package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/health"
)

// The values of --iam and --fleet.
const (
	askAuto = "auto"
	askOff  = "off"
	iamOn   = "aws"
	fleetOn = "on"
)

// asked says whether the guard asks AWS about something, and why.
type asked struct {
	about  string // "iam" or "fleet"
	on     bool
	reason string // as the metric names it
	why    string
}

// decide reads the value of --iam or --fleet. With auto the guard asks if it has credentials of its own.
func decide(about, value string) asked {
	if value != askAuto {
		return asked{about: about, on: value != askOff, reason: "flag", why: fmt.Sprintf("--%s=%s", about, value)}
	}
	source := aws.FindSource(os.Getenv)
	why := "AWS credentials: " + source.String()
	return asked{about: about, on: source != aws.NoSource, reason: string(source), why: why}
}

func (a asked) String() string {
	if a.on {
		return "on; " + a.why
	}
	return "off; " + a.why
}

// check is its line of the readiness detail.
func (a asked) check() health.Check {
	fine := func(*http.Request) error { return nil }
	return health.Check{Name: a.about, Ask: fine, Detail: a.String(), Informational: true}
}

// report says at the start, in the log and as a metric, what the guard asks.
func report(log logr.Logger, all ...asked) {
	enabled := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "aws_auth_guard_enabled",
		Help: "1 if the guard asks AWS about this, else 0; by feature and reason."}, []string{"feature", "reason"})
	metrics.Registry.MustRegister(enabled)
	for _, a := range all {
		log.Info("asking AWS", "about", a.about, "on", a.on, "why", a.why)
		value := 0.0
		if a.on {
			value = 1
		}
		enabled.WithLabelValues(a.about, a.reason).Set(value)
	}
}
