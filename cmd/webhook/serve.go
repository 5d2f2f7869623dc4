package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/health"
	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
	"github.com/aws-auth-guard/aws-auth-guard/internal/listen"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/version"
)

// serve runs until ctx ends.
func (o *options) serve(ctx context.Context, log logr.Logger) error {
	if err := o.check(); err != nil {
		return err
	}
	log.Info("starting", "version", version.Version(), "commit", version.Commit())
	version.Register(metrics.Registry)
	guard, err := o.connect(ctx, log)
	if err != nil {
		return err
	}
	if o.standalone {
		return o.serveStandalone(ctx, guard)
	}
	return o.serveInCluster(ctx, guard)
}

// connect makes a guard with all that it asks: IAM, the nodes, and RBAC.
func (o *options) connect(ctx context.Context, log logr.Logger) (*guard, error) {
	g := &guard{log: log, iam: decide("iam", o.iam), nodes: decide("fleet", o.fleet.enabled)}
	report(log, g.iam, g.nodes)
	if g.iam.on || g.nodes.on {
		if err := trustBundledRoots(); err != nil {
			return nil, err
		}
	}
	if g.iam.on {
		options := iam.Options{Log: log.WithName("iam"), Metrics: iam.NewMetrics(metrics.Registry)}
		cfg, err := aws.LoadConfig(ctx)
		if err != nil {
			return nil, fmt.Errorf("--iam: %w", err)
		}
		g.directory = iam.New(cfg, policy.Default(), options)
	}
	var err error
	if g.nodes.on {
		if g.fleet, err = o.fleet.connect(ctx, log.WithName("fleet"), g.who); err != nil {
			return nil, err
		}
	}
	g.privileges, err = o.connectPrivileges(log, g.validator.Load)
	return g, err
}

// webhook is the server of the reviews. Without a getCertificate it serves what is in --cert-dir.
func (o *options) webhook(handler http.Handler, getCertificate listen.GetCertificate) (*listen.Webhook, error) {
	if _, _, err := splitAddress("bind-address", o.bindAddress); err != nil {
		return nil, err
	}
	return listen.NewWebhook(o.bindAddress, admission.Path, handler, o.certDir, getCertificate), nil
}

// serveStandalone runs the webhook and its health endpoint, and nothing that needs a cluster.
func (o *options) serveStandalone(ctx context.Context, guard *guard) error {
	store, err := guard.open(o.policy)
	if err != nil {
		return err
	}
	server, err := o.webhook(admission.Webhook(guard.handler()), nil)
	if err != nil {
		return err
	}
	ready := append([]health.Check{{Name: "webhook", Ask: server.StartedChecker()}}, guard.privileges.checks()...)
	ready = append(ready, guard.iam.check())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Start(ctx) })
	probes, err := health.Server(ctx, o.healthAddress, ready)
	if err != nil {
		return err
	}
	group.Go(func() error { return probes.Start(ctx) })
	if store != nil {
		group.Go(func() error { store.Watch(ctx); return nil })
	}
	served, err := o.metricsServer(ctx, nil, nil, guard.log)
	if err != nil {
		return err
	}
	if served != nil {
		group.Go(func() error { return served.Start(ctx) })
	}
	for _, task := range guard.background() {
		group.Go(func() error { return task(ctx) })
	}
	guard.log.Info("standalone: no cluster is asked", "address", o.bindAddress)
	return group.Wait()
}
