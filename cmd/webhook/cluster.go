package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/aws-auth-guard/aws-auth-guard/certs"
	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/events"
	"github.com/aws-auth-guard/aws-auth-guard/internal/health"
)

// certificate is what package certs offers.
type certificate interface {
	prometheus.Collector
	SetUp(manager.Manager) error
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Check() error
	Renewal() error
}

// serveInCluster runs the webhook under a manager, until ctx ends and the requests that were on their way are answered.
func (o *options) serveInCluster(ctx context.Context, guard *guard) error {
	var mgr manager.Manager
	var cert certificate
	if err := unlessStopped(ctx, func() (err error) {
		mgr, cert, err = o.manager()
		return err
	}); err != nil {
		return err
	}
	guard.events = events.New(mgr.GetEventRecorder("aws-auth-guard"), o.namespace, guard.log)
	store, err := o.clusterPolicy(ctx, mgr, guard)
	if err != nil {
		return err
	}
	var drain health.Drain
	server, err := o.webhook(drain.Wrap(admission.Webhook(guard.handler())), cert.GetCertificate)
	if err != nil {
		return err
	}
	ready := []health.Check{
		{Name: "running", Ask: drain.Check},
		{Name: "certificate", Ask: func(*http.Request) error { return cert.Check() }},
		{Name: "certificate renewal", Ask: func(*http.Request) error { return cert.Renewal() }, Informational: true},
		{Name: "webhook", Ask: server.StartedChecker()},
	}
	ready = append(ready, guard.privileges.checks()...)
	ready = append(ready, guard.iam.check())
	ready = append(ready, guard.fleetChecks()...)
	if store != nil {
		ready = append(ready, health.Check{Name: "policy", Ask: func(*http.Request) error { return store.Err() }, Informational: true})
		metrics.Registry.MustRegister(policyMetric(store))
	}
	covered, err := o.addCoverage(ctx, mgr, guard)
	if err != nil {
		return err
	}
	ready = append(ready, covered)
	activated, err := o.addActivation(mgr, guard, ready)
	if err != nil {
		return err
	}
	ready = append(ready, activated)
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	probes, err := health.Server(run, o.healthAddress, ready)
	if err != nil {
		return err
	}
	if err := errors.Join(mgr.Add(probes), mgr.Add(server)); err != nil {
		return err
	}
	served, err := o.metricsServer(run, mgr.GetConfig(), cert.GetCertificate, guard.log)
	if err != nil {
		return err
	}
	if served != nil {
		if err := mgr.Add(served); err != nil {
			return err
		}
	}
	for _, task := range guard.background() {
		if err := mgr.Add(manager.RunnableFunc(task)); err != nil {
			return err
		}
	}
	context.AfterFunc(ctx, func() {
		guard.log.Info("stopping", "after", o.shutdownDelay.String())
		drain.Start()
		time.AfterFunc(o.shutdownDelay, stop)
	})
	return mgr.Start(run)
}

// unlessStopped does what takes no context, as controller-runtime's discovery of the cluster, and does not wait for it
// when ctx ends: nothing is served before.
func unlessStopped(ctx context.Context, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// manager makes a manager that watches no more of the cluster than it needs, and the certificate that it looks after.
func (o *options) manager() (manager.Manager, certificate, error) {
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, nil, fmt.Errorf("no cluster: %w (use --standalone to run without one)", err)
	}
	skew, log := certs.NewSkew(config, certificateClock()), ctrl.Log.WithName("certificate")
	var cert certificate = &certs.Mounted{Dir: o.certDir, ConfigurationName: o.configuration, Log: log, Skew: skew}
	secret := ""
	if o.tlsMode == tlsSelf {
		secret = o.tlsSecret
		cert = &certs.Keeper{Namespace: o.namespace, SecretName: secret, ConfigurationName: o.configuration,
			Log: log, Skew: skew}
	}
	objects := certs.CacheOptions(o.configuration, o.namespace, secret)
	if o.policyConfigMap != "" {
		objects[&corev1.ConfigMap{}] = cache.ByObject{Namespaces: map[string]cache.Config{
			o.namespace: {FieldSelector: fields.OneTermEqualSelector("metadata.name", o.policyConfigMap)}}}
	}
	mgr, err := ctrl.NewManager(config, manager.Options{
		Cache:                  cache.Options{ByObject: objects},
		Metrics:                metricsserver.Options{BindAddress: "0"}, // metricsServer counts its connections
		HealthProbeBindAddress: "0",                                     // health.Server says more than yes or no
	})
	if err != nil {
		return nil, nil, err
	}
	if err := cert.SetUp(mgr); err != nil {
		return nil, nil, err
	}
	metrics.Registry.MustRegister(cert)
	return mgr, cert, nil
}
