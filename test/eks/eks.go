package eks

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

const (
	// Name is the cluster's.
	Name = "demo"
	// Region is where the cluster is.
	Region = "us-west-2"
	// Program is what test/cluster/build.sh builds beside the control plane.
	Program = "aws-iam-authenticator"
)

// Mode is EKS's authentication mode.
type Mode string

// The modes (EKS user guide, "Set up access entries").
const (
	ConfigMap       Mode = "CONFIG_MAP"
	APIAndConfigMap Mode = "API_AND_CONFIG_MAP"
	API             Mode = "API"
)

// backends are the authenticator's for each mode, in EKS's order: access entries come first.
var backends = map[Mode][]string{
	ConfigMap: {"EKSConfigMap"}, APIAndConfigMap: {"DynamicFile", "EKSConfigMap"}, API: {"DynamicFile"},
}

// Options say what is started.
type Options struct {
	// Mode is CONFIG_MAP if empty.
	Mode Mode
	// ByARN finds access entries by the principal's ARN; otherwise by its unique id, as EKS documents it.
	ByARN bool
	// AWS is what there is in AWS; nil: an empty account.
	AWS *fake.Server
	// Port is where the authenticator listens, with the certificate cert.pem and key.pem in the directory StateDir; 0: a free
	// one, with a certificate of its own.
	Port     int
	StateDir string
}

// EKS is a running control plane with the authenticator behind it.
type EKS struct {
	*guarded.Cluster
	*Authenticator

	watchdog *watchdog
}

// Start starts everything, with its files in dir, and waits until the authenticator answers. KUBEBUILDER_ASSETS names the
// directory with etcd, kube-apiserver, kubectl and aws-iam-authenticator. Stop it even when it failed.
func Start(ctx context.Context, dir string, o Options) (e *EKS, err error) {
	e = &EKS{}
	if e.Authenticator, err = NewAuthenticator(dir, filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), Program), o); err != nil {
		return e, err
	}
	if e.watchdog, err = startWatchdog(dir); err != nil {
		return e, err
	}
	e.Authenticator.started = func(pid int) error { return e.watchdog.guard(Program, pid) }
	e.Cluster, err = guarded.Start(ctx, dir, func(server *envtest.APIServer) {
		// A refused token is never cached, and an accepted one for 10 s all the same (k8s.io/apiserver, token cache): SignIn makes
		// a new token each time.
		server.Configure().Set("authentication-token-webhook-config-file", e.file("webhook.kubeconfig")).
			Set("authentication-token-webhook-cache-ttl", "1s").Set("authentication-token-webhook-version", "v1beta1")
	})
	if err != nil {
		return e, err
	}
	return e, e.Authenticator.Start(ctx, e.Config, e.Kubeconfig)
}

// Stop ends everything.
func (e *EKS) Stop() error {
	var errs []error
	if e.Authenticator != nil {
		errs = append(errs, e.Authenticator.Stop())
	}
	if e.Cluster != nil {
		errs = append(errs, e.Cluster.Stop())
	}
	if e.watchdog != nil {
		errs = append(errs, e.watchdog.stop())
	}
	return errors.Join(errs...)
}
