package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/fleet"
	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
	"github.com/aws-auth-guard/aws-auth-guard/internal/listen"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/internal/version"
)

// options are the flags. They begin with the same words as the chart's values.
type options struct {
	standalone     bool
	certDir        string
	policy         string
	iam            string
	fleet          fleetOptions
	rbac           string
	bindAddress    string
	healthAddress  string
	metricsAddress string
	// metricsAuthentication asks the cluster who may read the metrics.
	metricsAuthentication bool

	// What only a guard in a cluster needs.
	tlsMode         string
	tlsSecret       string
	configuration   string
	policyConfigMap string
	namespace       string
	shutdownDelay   time.Duration
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
		// Printed as cobra does by itself: a template of our own would link text/template.
		Version: fmt.Sprintf("%s (commit %s, %s)", version.Version(), version.Commit(), runtime.Version()),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctrl.SetLogger(zap.New(zap.UseFlagOptions(&zapOptions)))
			err := o.serve(cmd.Context(), ctrl.Log.WithName("aws-auth-guard"))
			if cmd.Context().Err() != nil && errors.Is(err, context.Canceled) {
				return nil // it was told to stop while it started
			}
			return err
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.standalone, "standalone", false, "run without a cluster, for benchmarks, tests and trying it out")
	f.StringVar(&o.tlsMode, "tls-mode", tlsSelf, "where the certificate comes from in a cluster: self, the guard's own authority; certManager or existingSecret, --cert-dir")
	f.StringVar(&o.tlsSecret, "tls-secret", "aws-auth-guard-tls", "Secret in which the guard keeps its own authority")
	f.StringVar(&o.configuration, "webhook-configuration", "aws-auth-guard", "ValidatingWebhookConfiguration that names this webhook")
	f.StringVar(&o.policyConfigMap, "policy-configmap", "", "ConfigMap of the guard's own namespace whose "+policyKey+" is the policy; watched, so that a change is in force at once; instead of --policy")
	f.StringVar(&o.namespace, "namespace", os.Getenv("POD_NAMESPACE"), "namespace of the guard itself")
	f.DurationVar(&o.shutdownDelay, "shutdown-delay", 5*time.Second, "how long a guard in a cluster goes on serving after it was told to stop, until every API server has heard of it")
	f.StringVar(&o.certDir, "cert-dir", "/etc/aws-auth-guard/certs", "directory with tls.crt and tls.key")
	f.StringVar(&o.policy, "policy", "", "policy file; none: the built-in policy, which approves nothing")
	f.StringVar(&o.iam, "iam", "off", "ask IAM whether principals exist: off or aws")
	f.StringVar(&o.fleet.enabled, "fleet", "off", "find out which IAM roles the live nodes use: on or off")
	f.StringVar(&o.fleet.clusterName, "fleet-cluster-name", "", "name of the EKS cluster, for --fleet on; empty: the nodes and their instances tell")
	f.StringVar(&o.fleet.region, "fleet-region", "", "AWS region of the cluster, for --fleet on; empty: the environment or the nodes tell")
	f.StringVar(&o.rbac, "rbac", "", "where to learn what RBAC makes as good as system:masters: cluster, off, or a file of RBAC objects; by default cluster, and off with --standalone")
	f.StringVar(&o.bindAddress, "bind-address", ":9443", "where the webhook listens (TLS)")
	f.StringVar(&o.healthAddress, "health-address", ":8081", "where /healthz and /readyz are served")
	f.StringVar(&o.metricsAddress, "metrics-address", "0", "where /metrics is served; 0: nowhere")
	f.BoolVar(&o.metricsAuthentication, "metrics-authentication", false, "serve /metrics over TLS, for bearer tokens whose owner may get /metrics in the cluster")
	f.AddGoFlag(flag.CommandLine.Lookup(config.KubeconfigFlagName)) // controller-runtime's own
	return cmd
}

// serve runs until ctx ends.
func (o *options) serve(ctx context.Context, log logr.Logger) error {
	if err := o.check(); err != nil {
		return err
	}
	log.Info("starting", "version", version.Version(), "commit", version.Commit())
	version.Register(metrics.Registry)
	guard := &guard{log: log}
	if o.iam == "aws" || o.fleet.enabled == "on" {
		if err := trustBundledRoots(); err != nil {
			return err
		}
	}
	if o.iam == "aws" {
		cfg, err := aws.LoadConfig(ctx)
		if err != nil {
			return fmt.Errorf("--iam aws: %w", err)
		}
		guard.directory = iam.New(cfg, policy.Default(), iam.Options{Log: log.WithName("iam"), Metrics: iam.NewMetrics(metrics.Registry)})
	}
	var err error
	if guard.fleet, err = o.fleet.connect(ctx, log.WithName("fleet"), guard.who); err != nil {
		return err
	}
	if guard.privileges, err = o.connectPrivileges(log); err != nil {
		return err
	}
	if o.standalone {
		return o.serveStandalone(ctx, guard)
	}
	return o.serveInCluster(ctx, guard)
}

func (o *options) check() error {
	if o.iam != "off" && o.iam != "aws" {
		return fmt.Errorf("--iam %q is not known, want off or aws", o.iam)
	}
	if err := o.fleet.check(o.standalone); err != nil {
		return err
	}
	if !slices.Contains([]string{tlsSelf, tlsCertManager, tlsExistingSecret}, o.tlsMode) {
		return fmt.Errorf("--tls-mode %q is not known, want %s, %s or %s", o.tlsMode, tlsSelf, tlsCertManager, tlsExistingSecret)
	}
	switch {
	case o.metricsAuthentication && o.standalone:
		return errors.New("--metrics-authentication needs a cluster to ask: leave out --standalone")
	case o.policyConfigMap != "" && (o.policy != "" || o.standalone):
		return errors.New("--policy-configmap goes neither with --policy nor with --standalone")
	case !o.standalone && o.namespace == "" && (o.policyConfigMap != "" || o.tlsMode == tlsSelf):
		return errors.New("--namespace is missing: say where the guard keeps its Secret and its policy")
	case !o.standalone && o.tlsMode == tlsSelf:
		return nil
	}
	for _, name := range []string{"tls.crt", "tls.key"} {
		if _, err := os.Stat(filepath.Join(o.certDir, name)); err != nil {
			return fmt.Errorf("--cert-dir: %w", err)
		}
	}
	return nil
}

// server is the webhook's own. Without a getCertificate it serves what is in --cert-dir.
func (o *options) server(handler http.Handler, getCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) (*server, error) {
	if _, _, err := splitAddress("bind-address", o.bindAddress); err != nil {
		return nil, err
	}
	s := &server{Server: webhook.NewServer(webhook.Options{}), address: o.bindAddress, certDir: o.certDir, getCertificate: getCertificate}
	s.Register(admission.Path, handler)
	return s, nil
}

// server is controller-runtime's, with its metrics, on a port of our own: its own takes any number of connections.
type server struct {
	webhook.Server
	address, certDir string
	getCertificate   func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	started          atomic.Bool
}

// Start serves until ctx ends.
func (s *server) Start(ctx context.Context) error {
	if s.getCertificate == nil {
		watcher, err := certwatcher.New(filepath.Join(s.certDir, "tls.crt"), filepath.Join(s.certDir, "tls.key"))
		if err != nil {
			return err
		}
		s.getCertificate = watcher.GetCertificate
		ctx, stop := context.WithCancel(ctx)
		var watching sync.WaitGroup
		defer watching.Wait()
		defer stop()
		watching.Go(func() {
			if err := watcher.Start(ctx); err != nil {
				ctrl.Log.Error(err, "the certificate's files are not watched: a new certificate needs a restart")
			}
		})
	}
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	s.started.Store(true)
	return listen.ServeTLS(ctx, l, &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: s.getCertificate}, s.WebhookMux())
}

// StartedChecker is for readiness. It asks nobody: who fills the port must not take the guard out of the Service.
func (s *server) StartedChecker() healthz.Checker {
	return func(*http.Request) error {
		if !s.started.Load() {
			return errors.New("it does not listen yet")
		}
		return nil
	}
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
	policy    atomic.Pointer[policy.Policy]
	directory *iam.Directory // nil: IAM is not asked
	fleet     *fleet.Fleet   // nil: nobody looks at the nodes
	// privileges knows what is as good as system:masters.
	privileges *privileges
	log        logr.Logger
	// events is nil without a cluster.
	events *events
}

// handler answers the API server.
func (g *guard) handler() *admission.Handler {
	h := &admission.Handler{Validator: g.validator.Load, Log: g.log, Metrics: admission.NewMetrics(metrics.Registry)}
	if g.events != nil {
		h.Excused = g.events.excused
	}
	return h
}

// open reads the policy and keeps the validator in step with it. A nil store: there is no file.
func (g *guard) open(path string) (*policy.Store, error) {
	if path == "" {
		return nil, g.apply(policy.Default())
	}
	return policy.Open(path, g.apply, g.reloaded)
}

// reloaded tells of a changed policy; err: why it is not in force.
func (g *guard) reloaded(err error) {
	if err != nil {
		g.log.Error(err, "the changed policy is no good: the last good one stays in force")
	} else {
		g.log.Info("the changed policy is in force")
	}
	if g.events != nil {
		g.events.policyChanged(err)
	}
}

func (g *guard) apply(p *policy.Policy) error {
	var ports validate.Ports
	g.privileges.connect(&ports, p)
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
	g.policy.Store(p)
	return nil
}

// background is what runs beside the server until ctx ends: the watch over RBAC, and finding out who the guard is at AWS.
// The latter is not waited for: a guard that AWS does not know is ready all the same.
func (g *guard) background() []func(context.Context) error {
	tasks := g.privileges.tasks(g.validator.Load)
	if g.directory != nil {
		tasks = append(tasks, g.directory.Run)
	}
	if g.fleet != nil {
		tasks = append(tasks, g.fleet.Run)
	}
	return tasks
}

// serveStandalone runs the webhook and its health endpoint, and nothing that needs a cluster.
func (o *options) serveStandalone(ctx context.Context, guard *guard) error {
	store, err := guard.open(o.policy)
	if err != nil {
		return err
	}
	server, err := o.server(admission.Webhook(guard.handler()), nil)
	if err != nil {
		return err
	}
	ready := append([]check{{name: "webhook", ask: server.StartedChecker()}}, guard.privileges.checks()...)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Start(ctx) })
	health, err := healthServer(ctx, o.healthAddress, ready)
	if err != nil {
		return err
	}
	group.Go(func() error { return health.Start(ctx) })
	if store != nil {
		group.Go(func() error { store.Watch(ctx); return nil })
	}
	if o.metricsAddress != "0" {
		served, err := o.metricsServer(ctx, metricsHandler())
		if err != nil {
			return err
		}
		group.Go(func() error { return served.Start(ctx) })
	}
	for _, task := range guard.background() {
		group.Go(func() error { return task(ctx) })
	}
	guard.log.Info("standalone: no cluster is asked", "address", o.bindAddress)
	return group.Wait()
}
