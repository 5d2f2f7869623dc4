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

// metricsServer serves /metrics on --metrics-address; nil: nowhere. With --metrics-authentication it does so over TLS,
// for those who may get /metrics in the cluster. controller-runtime's own takes any number of connections.
func (o *options) metricsServer(
	ctx context.Context, cluster *rest.Config, getCertificate listen.GetCertificate, log logr.Logger,
) (*manager.Server, error) {
	if o.metricsAddress == "0" {
		return nil, nil
	}
	handler := promhttp.HandlerFor(metrics.Registry,
		promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError, MaxRequestsInFlight: scrapes})
	if o.metricsAuthentication {
		client, err := kubernetes.NewForConfig(cluster)
		if err != nil {
			return nil, fmt.Errorf("--metrics-authentication: %w", err)
		}
		handler = metricsauth.New(client, handler, log.WithName("metrics"))
	}
	mux := http.NewServeMux()
	mux.Handle(metricsPath, handler)
	served, err := listen.Plain(ctx, "metrics", o.metricsAddress, mux)
	if err == nil && o.metricsAuthentication {
		served.Listener = tls.NewListener(served.Listener, &tls.Config{MinVersion: tls.VersionTLS13,
			NextProtos: []string{"http/1.1"}, GetCertificate: getCertificate})
	}
	return served, err
}
