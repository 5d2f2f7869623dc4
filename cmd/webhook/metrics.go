package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/aws-auth-guard/aws-auth-guard/internal/listen"
	"github.com/aws-auth-guard/aws-auth-guard/internal/metricsauth"
)

const metricsPath = "/metrics"

// scrapes is how many may be answered at once. One takes some hundred kilobytes.
const scrapes = 4

// metricsServer serves /metrics on --metrics-address. controller-runtime's own takes any number of connections.
func (o *options) metricsServer(ctx context.Context, by http.Handler) (*manager.Server, error) {
	mux := http.NewServeMux()
	mux.Handle(metricsPath, by)
	return listen.Plain(ctx, "metrics", o.metricsAddress, mux)
}

func metricsHandler() http.Handler {
	return promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError, MaxRequestsInFlight: scrapes})
}

// secureMetrics is metricsServer for --metrics-authentication: over TLS, for those who may get /metrics in the cluster.
func (o *options) secureMetrics(ctx context.Context, config *rest.Config, getCertificate listen.GetCertificate, log logr.Logger) (*manager.Server, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("--metrics-authentication: %w", err)
	}
	served, err := o.metricsServer(ctx, metricsauth.New(client, metricsHandler(), log))
	if err != nil {
		return nil, err
	}
	served.Listener = tls.NewListener(served.Listener, &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}, GetCertificate: getCertificate})
	return served, nil
}
