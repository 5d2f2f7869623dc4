package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/aws-auth-guard/aws-auth-guard/internal/version"
)

// The values of --tls-mode, as the chart's tls.mode.
const (
	tlsSelf           = "self"
	tlsCertManager    = "certManager"
	tlsExistingSecret = "existingSecret"
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
				return nil // it was stopped while it started
			}
			return err
		},
	}
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.AddCommand(tryEdits())
	f := cmd.Flags()
	f.BoolVar(&o.standalone, "standalone", false, "run without a cluster, for tests and benchmarks")
	f.StringVar(&o.tlsMode, "tls-mode", tlsSelf, "where the certificate comes from in a cluster: self, the guard's own authority; certManager or existingSecret, --cert-dir")
	f.StringVar(&o.tlsSecret, "tls-secret", "aws-auth-guard-tls", "Secret with the guard's own certificate authority")
	f.StringVar(&o.configuration, "webhook-configuration", "aws-auth-guard", "ValidatingWebhookConfiguration that names this webhook")
	f.StringVar(&o.policyConfigMap, "policy-configmap", "", "ConfigMap in the guard's namespace with the policy in the key "+policyKey+"; reloaded when it changes; instead of --policy")
	f.StringVar(&o.namespace, "namespace", os.Getenv("POD_NAMESPACE"), "namespace of the guard itself")
	f.DurationVar(&o.shutdownDelay, "shutdown-delay", 5*time.Second, "how long to keep serving after SIGTERM in a cluster, so that API servers stop sending requests first")
	f.StringVar(&o.certDir, "cert-dir", "/etc/aws-auth-guard/certs", "directory with tls.crt and tls.key")
	f.StringVar(&o.policy, "policy", "", "path of the policy file; if empty, the built-in policy, which has no approvals")
	f.StringVar(&o.iam, "iam", askOff, "ask IAM whether principals exist: aws, off, or auto, which is aws with AWS credentials of the guard's own")
	f.StringVar(&o.fleet.enabled, "fleet", askOff, "read which IAM roles the running nodes use: on, off, or auto, as for --iam")
	f.StringVar(&o.fleet.clusterName, "fleet-cluster-name", "", "name of the EKS cluster, for --fleet on; if empty, detected from nodes and instance tags")
	f.StringVar(&o.fleet.region, "fleet-region", "", "AWS region of the cluster, for --fleet on; if empty, detected from the environment or the nodes")
	f.StringVar(&o.rbac, "rbac", "", "source of the RBAC objects that show what is equivalent to cluster-admin: cluster, off, or a file; default: cluster, and off with --standalone")
	f.StringVar(&o.bindAddress, "bind-address", ":9443", "address of the webhook (TLS)")
	f.StringVar(&o.healthAddress, "health-address", ":8081", "address of /healthz and /readyz")
	f.StringVar(&o.metricsAddress, "metrics-address", "0", "address of /metrics; 0 switches it off")
	f.BoolVar(&o.metricsAuthentication, "metrics-authentication", false, "serve /metrics over TLS, for bearer tokens whose owner may get /metrics in the cluster")
	f.AddGoFlag(flag.CommandLine.Lookup(config.KubeconfigFlagName)) // controller-runtime's own
	return cmd
}

// check is an error for flags that contradict each other, or name what is not there.
func (o *options) check() error {
	if !slices.Contains([]string{askAuto, iamOn, askOff}, o.iam) {
		return fmt.Errorf("--iam %q is not known, want %s, %s or %s", o.iam, askAuto, iamOn, askOff)
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

func splitAddress(flag, address string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(p)
	}
	if err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("--%s %q is not an address, want HOST:PORT such as 127.0.0.1:9443", flag, address)
	}
	return host, port, nil
}
