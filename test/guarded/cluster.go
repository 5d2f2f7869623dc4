// Package guarded starts a real control plane (etcd and kube-apiserver, by controller-runtime's envtest) and, in front of
// it, the guard as its users run it: the real binary, a process of its own, called by the API server over TLS. The
// end-to-end tests and the demo stand on it.
//
// The API server reaches the guard by a URL on the loopback interface, never through a Service: there is no node and no
// proxy here, and a ClusterIP would be dialled out of the machine.
package guarded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// assets names the variable that envtest reads, too.
const assets = "KUBEBUILDER_ASSETS"

// pidFile is where the API server's process id is; etcd's is in etcd.pid.
const pidFile = "kube-apiserver.pid"

// auditPolicy logs who did what to ConfigMaps, with the annotations that webhooks leave.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  resources:
  - group: ""
    resources: [configmaps]
- level: None
`

// Cluster is a running control plane.
type Cluster struct {
	// Config is a cluster admin's, in the group system:masters.
	Config *rest.Config
	// Kubeconfig is the same in a file.
	Kubeconfig string
	// AuditLog is the API server's audit log: one event a line, as JSON.
	AuditLog string
	// Bin is the directory that kubectl is in.
	Bin string

	dir string
	env *envtest.Environment
	log *os.File
}

// Start starts a control plane that keeps its files in dir, and waits until it has its namespaces. KUBEBUILDER_ASSETS
// names the directory with etcd, kube-apiserver and kubectl. configure may change the API server's flags and address. Stop
// it even when it failed.
func Start(ctx context.Context, dir string, configure ...func(*envtest.APIServer)) (*Cluster, error) {
	log.SetLogger(logr.Discard()) // what goes wrong comes back as an error
	c := &Cluster{dir: dir, Bin: os.Getenv(assets), Kubeconfig: filepath.Join(dir, "kubeconfig"), AuditLog: filepath.Join(dir, "audit.log")}
	if err := checkAssets(c.Bin); err != nil {
		return c, err
	}
	policy := filepath.Join(dir, "audit-policy.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return c, err
	}
	logFile := filepath.Join(dir, "control-plane.log")
	var err error
	if c.log, err = os.Create(logFile); err != nil {
		return c, err
	}
	env := &envtest.Environment{ControlPlaneStartTimeout: time.Minute}
	server := env.ControlPlane.GetAPIServer()
	// envtest does not tell which process it is.
	etcd := &envtest.Etcd{Out: c.log, Err: c.log}
	if server.Path, err = c.traced("kube-apiserver"); err != nil {
		return c, err
	}
	if etcd.Path, err = c.traced("etcd"); err != nil {
		return c, err
	}
	server.Out, server.Err = c.log, c.log
	server.CertDir = filepath.Join(dir, "api-server") // one of its own would be gone with the first that stops
	if err := os.Mkdir(server.CertDir, 0o700); err != nil {
		return c, err
	}
	// Nodes are authorized as on every real cluster.
	server.Configure().Set("audit-policy-file", policy).Set("audit-log-path", c.AuditLog).
		Set("authorization-mode", "Node,RBAC").Append("enable-admission-plugins", "NodeRestriction")
	for _, f := range configure {
		f(server)
	}
	env.ControlPlane.Etcd = etcd
	c.env = env
	if c.Config, err = env.Start(); err != nil {
		return c, fmt.Errorf("%w\n%s", err, tail(logFile))
	}
	if err := os.WriteFile(c.Kubeconfig, env.KubeConfig, 0o600); err != nil {
		return c, err
	}
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return c, err
	}
	err = Poll(ctx, func(ctx context.Context) error {
		_, err := client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
		return err
	})
	if err != nil {
		return c, fmt.Errorf("the API server does not make its namespaces: %w", err)
	}
	return c, nil
}

// traced is a script that runs a program and leaves its process id in NAME.pid.
func (c *Cluster) traced(name string) (path string, err error) {
	path = filepath.Join(c.dir, name)
	script := fmt.Sprintf("#!/bin/sh\necho $$ >'%s.pid'\nexec '%s' \"$@\"\n", path, filepath.Join(c.Bin, name))
	return path, os.WriteFile(path, []byte(script), 0o700)
}

func checkAssets(dir string) error {
	const remedy = "`make test` and `make demo` get the programs and set it; by hand, KUBEBUILDER_ASSETS=$(test/cluster/programs.sh etcd kube-apiserver kubectl aws-iam-authenticator)"
	if dir == "" {
		return fmt.Errorf("%s is not set: %s", assets, remedy)
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kubectl"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("%s: %w: %s", assets, err, remedy)
		}
	}
	return nil
}

// Stop ends the control plane.
func (c *Cluster) Stop() error {
	var errs []error
	if c.env != nil {
		errs = append(errs, c.env.Stop())
	}
	if c.log != nil {
		errs = append(errs, c.log.Close())
	}
	return errors.Join(errs...)
}

// KillAPIServer ends the API server alone, as a crash does: its etcd runs on.
func (c *Cluster) KillAPIServer(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(c.dir, pidFile))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	return Poll(ctx, func(context.Context) error {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("process %d does not end: %w", pid, err)
		}
		return nil
	})
}

// StartAPIServer starts it again, at the same address and with the same certificates, and waits until it is healthy.
func (c *Cluster) StartAPIServer() error { return c.env.ControlPlane.GetAPIServer().Start() }

// Kubectl is the real kubectl in the hands of the cluster admin. It neither reads nor writes the home directory.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(c.Bin, "kubectl"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig, "KUBECACHEDIR="+filepath.Join(c.dir, "kubectl-cache"), "KUBERC=off")
	return cmd
}

// Install registers the guard's webhooks and waits until the API server calls them.
func (c *Cluster) Install(ctx context.Context, g *Guard) error {
	config, err := g.webhooks()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	if _, err := client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(ctx, config, metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := g.publish(ctx, client); err != nil {
		return err
	}
	return Poll(ctx, func(ctx context.Context) error { return guarding(ctx, client) })
}

// guarding asks the API server for something that the guard refuses, without doing it.
func guarding(ctx context.Context, client kubernetes.Interface) error {
	_, err := client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Create(ctx, empty(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	switch {
	case err == nil:
		return errors.New("an aws-auth without mappings is allowed: the guard is not asked")
	case !refused(err):
		return fmt.Errorf("an aws-auth without mappings: %w", err)
	}
	return nil
}

// Poll calls f until it succeeds; for a minute at most, and then f's error is returned.
func Poll(ctx context.Context, f func(context.Context) error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		last = f(ctx)
		return last == nil, nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}

// tail is the end of a log, to be shown with an error.
func tail(name string) string {
	const size = 4096
	f, err := os.Open(name)
	if err != nil {
		return err.Error()
	}
	defer f.Close() //nolint:errcheck // read only
	if info, err := f.Stat(); err == nil && info.Size() > size {
		if _, err := f.Seek(-size, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
