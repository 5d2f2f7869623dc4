package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/fleet"
	"github.com/aws-auth-guard/aws-auth-guard/internal/health"
)

// fleetOptions are the flags named after the chart's fleet values.
type fleetOptions struct {
	enabled     string
	clusterName string
	region      string
}

func (o *fleetOptions) check(standalone bool) error {
	switch {
	case !slices.Contains([]string{askAuto, fleetOn, askOff}, o.enabled):
		return fmt.Errorf("--fleet %q is not known, want %s, %s or %s", o.enabled, askAuto, fleetOn, askOff)
	case o.enabled != askOff && standalone:
		return fmt.Errorf("--fleet %s needs a cluster, want --fleet %s with --standalone", o.enabled, askOff)
	}
	return nil
}

// connect makes the fleet, which knows nothing until it runs. who names the guard's identity at AWS.
func (o *fleetOptions) connect(ctx context.Context, log logr.Logger, who func() string) (*fleet.Fleet, error) {
	cluster, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("no cluster: %w", err)
	}
	cfg, err := aws.LoadConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("--fleet: %w", err)
	}
	nodes, err := fleet.Nodes(cluster)
	if err != nil {
		return nil, fmt.Errorf("--fleet: %w", err)
	}
	if err := rest.LoadTLSFiles(cluster); err != nil {
		return nil, fmt.Errorf("--fleet: %w", err)
	}
	return fleet.New(fleet.Options{Nodes: nodes, AWS: cfg, Cluster: o.clusterName, Region: o.region, Authority: cluster.CAData, Who: who, Log: log,
		Metrics: fleet.NewMetrics(metrics.Registry)}), nil
}

// fleetChecks are the lines of the readiness detail: whether the first look at the fleet has ended, and what of it is not known.
func (g *guard) fleetChecks() []health.Check {
	if g.fleet == nil {
		return []health.Check{g.nodes.check()}
	}
	return []health.Check{{Name: "fleet", Ask: g.fleet.Check, Detail: g.nodes.String()},
		{Name: "fleet known", Ask: func(*http.Request) error { return g.fleet.Trouble() }, Informational: true}}
}

// who names the guard's identity at AWS, as far as it is known.
func (g *guard) who() string {
	if g.directory != nil {
		if self, ok := g.directory.Self(); ok && self.ARN != "" {
			return self.ARN
		}
	}
	return "the guard"
}
