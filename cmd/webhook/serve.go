package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/fleet"
	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// options are the flags. They begin with the same words as the chart's values.
type options struct {
	standalone     bool
	certDir        string
	policy         string
	iam            string
	fleet          string
	clusterName    string
	region         string
	bindAddress    string
	healthAddress  string
	metricsAddress string
}

func command() *cobra.Command {
	var o options
	var zapOptions zap.Options
	cmd := &cobra.Command{
		Use:           "webhook",
		Short:         "Guard the aws-auth ConfigMap of an Amazon EKS cluster",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctrl.SetLogger(zap.New(zap.UseFlagOptions(&zapOptions)))
			return o.serve(cmd.Context(), ctrl.Log.WithName("aws-auth-guard"))
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.standalone, "standalone", false, "run without a cluster, for benchmarks, tests and trying it out")
	f.StringVar(&o.certDir, "cert-dir", "/etc/aws-auth-guard/certs", "directory with tls.crt and tls.key")
	f.StringVar(&o.policy, "policy", "", "policy file; none: the built-in policy, which approves nothing")
	f.StringVar(&o.iam, "iam", "off", "ask IAM whether principals exist: off or aws")
	f.StringVar(&o.fleet, "fleet", "off", "find out which IAM roles the live nodes use: on or off")
	f.StringVar(&o.clusterName, "cluster-name", "", "name of the EKS cluster, for --fleet on; empty: the nodes and their instances tell")
	f.StringVar(&o.region, "region", "", "AWS region of the cluster, for --fleet on; empty: the environment or the nodes tell")
	f.StringVar(&o.bindAddress, "bind-address", ":9443", "where the webhook listens (TLS)")
	f.StringVar(&o.healthAddress, "health-address", ":8081", "where /healthz and /readyz are served")
	f.StringVar(&o.metricsAddress, "metrics-address", "0", "where /metrics is served; 0: nowhere")
	return cmd
}

// serve runs until ctx ends.
func (o *options) serve(ctx context.Context, log logr.Logger) error {
	if err := o.check(); err != nil {
		return err
	}
	guard := &guard{log: log}
	if o.iam == "aws" {
		directory, err := iam.New(ctx, policy.Default(), iam.Options{Log: log.WithName("iam"), Metrics: iam.NewMetrics(metrics.Registry)})
		if err != nil {
			return fmt.Errorf("--iam aws: %w", err)
		}
		guard.directory = directory
	}
	var cluster *rest.Config
	if !o.standalone {
		var err error
		if cluster, err = ctrl.GetConfig(); err != nil {
			return fmt.Errorf("no cluster: %w (use --standalone to run without one)", err)
		}
	}
	if o.fleet == "on" {
		var err error
		if guard.fleet, err = o.newFleet(ctx, log, cluster, guard.who); err != nil {
			return fmt.Errorf("--fleet on: %w", err)
		}
	}
	store, err := guard.open(o.policy)
	if err != nil {
		return err
	}
	host, port, err := splitAddress("bind-address", o.bindAddress)
	if err != nil {
		return err
	}
	server := webhook.NewServer(webhook.Options{Host: host, Port: port, CertDir: o.certDir,
		TLSOpts: []func(*tls.Config){func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }}})
	server.Register(admission.Path, admission.Webhook(&admission.Handler{
		Validator: guard.validator.Load, Log: log, Metrics: admission.NewMetrics(metrics.Registry)}))

	if o.standalone {
		return o.serveStandalone(ctx, log, server, guard.background(store))
	}
	return o.serveInCluster(ctx, cluster, server, guard.background(store))
}

// newFleet watches the nodes of a cluster and asks AWS about them, once it runs.
func (o *options) newFleet(ctx context.Context, log logr.Logger, cluster *rest.Config, who func() string) (*fleet.Fleet, error) {
	aws, err := iam.Config(ctx)
	if err != nil {
		return nil, err
	}
	nodes, err := fleet.Nodes(cluster)
	if err != nil {
		return nil, err
	}
	return fleet.New(fleet.Options{Nodes: nodes, AWS: aws, Cluster: o.clusterName, Region: o.region, Who: who,
		Log: log.WithName("fleet"), Metrics: fleet.NewMetrics(metrics.Registry)}), nil
}

func (o *options) check() error {
	if o.iam != "off" && o.iam != "aws" {
		return fmt.Errorf("--iam %q is not known, want off or aws", o.iam)
	}
	if o.fleet != "on" && o.fleet != "off" {
		return fmt.Errorf("--fleet %q is not known, want on or off", o.fleet)
	}
	if o.fleet == "on" && o.standalone {
		return errors.New("--fleet on needs a cluster, want --fleet off with --standalone")
	}
	for _, name := range []string{"tls.crt", "tls.key"} {
		if _, err := os.Stat(filepath.Join(o.certDir, name)); err != nil {
			return fmt.Errorf("--cert-dir: %w", err)
		}
	}
	return nil
}

func splitAddress(flag, address string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(p)
	}
	if err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("--%s %q is no address, want HOST:PORT such as 127.0.0.1:9443", flag, address)
	}
	return host, port, nil
}

// guard holds what changes while the server runs.
type guard struct {
	validator atomic.Pointer[validate.Validator]
	directory *iam.Directory // nil: IAM is not asked
	fleet     *fleet.Fleet   // nil: nobody looks at the nodes
	log       logr.Logger
}

// open reads the policy and keeps the validator in step with it. A nil store: there is no file.
func (g *guard) open(path string) (*policy.Store, error) {
	if path == "" {
		return nil, g.apply(policy.Default())
	}
	return policy.Open(path, g.apply, func(err error) {
		if err != nil {
			g.log.Error(err, "the changed policy is no good: the last good one stays in force")
			return
		}
		g.log.Info("the changed policy is in force")
	})
}

func (g *guard) apply(p *policy.Policy) error {
	var ports validate.Ports
	if g.directory != nil {
		ports.Principals = g.directory
	}
	if g.fleet != nil {
		ports.Fleet = g.fleet
	}
	v, err := validate.New(p, validate.WithPorts(ports))
	if err != nil {
		return err
	}
	if g.directory != nil {
		g.directory.Configure(p)
	}
	g.validator.Store(v)
	return nil
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

// background is what runs beside the server until ctx ends: the watch over the policy file, and finding out who the guard
// is at AWS. Neither is waited for: a guard that AWS does not know is ready all the same.
func (g *guard) background(store *policy.Store) (tasks []func(context.Context) error) {
	if store != nil {
		tasks = append(tasks, func(ctx context.Context) error { store.Watch(ctx); return nil })
	}
	if g.directory != nil {
		tasks = append(tasks, g.directory.Run)
	}
	if g.fleet != nil {
		tasks = append(tasks, g.fleet.Run)
	}
	return tasks
}

// serveStandalone runs the webhook and its health endpoint, and nothing that needs a cluster.
func (o *options) serveStandalone(ctx context.Context, log logr.Logger, server webhook.Server, background []func(context.Context) error) error {
	mux := http.NewServeMux()
	mux.Handle("/healthz", healthz.CheckHandler{Checker: healthz.Ping})
	mux.Handle("/readyz", healthz.CheckHandler{Checker: server.StartedChecker()})
	health := &http.Server{Addr: o.healthAddress, Handler: mux, ReadHeaderTimeout: 5 * time.Second}

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Start(ctx) })
	group.Go(func() error {
		if err := health.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("--health-address: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return health.Close()
	})
	for _, task := range background {
		group.Go(func() error { return task(ctx) })
	}
	log.Info("standalone: no cluster is asked", "address", o.bindAddress)
	return group.Wait()
}

// serveInCluster runs the webhook under a manager, which serves health and metrics as controller-runtime does.
func (o *options) serveInCluster(ctx context.Context, cluster *rest.Config, server webhook.Server, background []func(context.Context) error) error {
	mgr, err := ctrl.NewManager(cluster, manager.Options{WebhookServer: server, HealthProbeBindAddress: o.healthAddress,
		Metrics: metricsserver.Options{BindAddress: o.metricsAddress}})
	if err != nil {
		return err
	}
	if err := errors.Join(mgr.Add(server), mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("webhook", server.StartedChecker())); err != nil {
		return err
	}
	for _, task := range background {
		if err := mgr.Add(manager.RunnableFunc(task)); err != nil {
			return err
		}
	}
	return mgr.Start(ctx)
}
