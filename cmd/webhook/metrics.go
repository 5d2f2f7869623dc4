package main

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// scrapes is how many may be answered at once. One takes some hundred kilobytes.
const scrapes = 4

// metricsServer serves /metrics; nil for --metrics-address 0. controller-runtime's own takes any number of connections.
func (o *options) metricsServer(ctx context.Context) (*manager.Server, error) {
	if o.metricsAddress == "0" {
		return nil, nil
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError, MaxRequestsInFlight: scrapes}))
	return plainServer(ctx, "metrics", o.metricsAddress, mux)
}
