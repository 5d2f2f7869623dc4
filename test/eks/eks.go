package eks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
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
}

// EKS is a running control plane with the authenticator behind it.
type EKS struct {
	*guarded.Cluster
	// AWS is the fake IAM, STS, EC2 and EKS. A role that is made anew there has another unique id.
	AWS *fake.Server
	// AWSURL is where it answers.
	AWSURL string
	// Admin may do everything, by a certificate: access that aws-auth does not decide about.
	Admin kubernetes.Interface

	dir      string
	options  Options
	program  string
	port     int
	aws      *httptest.Server
	proxy    *stsProxy
	watchdog *watchdog
	process  *authenticator
	// written counts the events of aws-auth that the authenticator should see, and version the files of access entries.
	written int64
	step    int
	version int
}

// Start starts everything, with its files in dir, and waits until the authenticator answers. KUBEBUILDER_ASSETS names the
// directory with etcd, kube-apiserver, kubectl and aws-iam-authenticator. Stop it even when it failed.
func Start(ctx context.Context, dir string, o Options) (e *EKS, err error) {
	e = &EKS{AWS: o.AWS, dir: dir, options: o, program: filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), Program)}
	if e.options.Mode == "" {
		e.options.Mode = ConfigMap
	}
	if _, err := os.Stat(e.program); err != nil {
		return e, fmt.Errorf("%w: test/cluster/build.sh %s builds it beside etcd, kube-apiserver and kubectl", err, Program)
	}
	if e.AWS == nil {
		if e.AWS, err = fake.New(fake.Seed{}); err != nil {
			return e, err
		}
	}
	e.aws = httptest.NewServer(e.AWS)
	e.AWSURL = e.aws.URL
	if e.proxy, err = startSTSProxy(http.HandlerFunc(e.AWS.ServeHTTP)); err != nil {
		return e, err
	}
	if err := e.prepare(); err != nil {
		return e, err
	}
	if e.watchdog, err = startWatchdog(dir); err != nil {
		return e, err
	}
	e.Cluster, err = guarded.Start(ctx, dir, func(server *envtest.APIServer) {
		// A refused token is never cached, and an accepted one for 10 s all the same (k8s.io/apiserver, token cache): SignIn makes
		// a new token each time.
		server.Configure().Set("authentication-token-webhook-config-file", e.file("webhook.kubeconfig")).
			Set("authentication-token-webhook-cache-ttl", "1s").Set("authentication-token-webhook-version", "v1beta1")
	})
	if err != nil {
		return e, err
	}
	config := rest.CopyConfig(e.Config)
	config.QPS = -1 // the tests sign in hundreds of times a second
	if e.Admin, err = kubernetes.NewForConfig(config); err != nil {
		return e, err
	}
	return e, e.startAuthenticator(ctx)
}

func (e *EKS) file(name string) string { return filepath.Join(e.dir, name) }

// prepare writes what the authenticator and the API server need of each other before either runs: the authenticator's
// certificate, and the kubeconfig by which the API server finds it.
func (e *EKS) prepare() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	e.port = listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return err
	}
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		return err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["aws-iam-authenticator"] = &clientcmdapi.Cluster{
		Server: "https://127.0.0.1:" + strconv.Itoa(e.port) + "/authenticate", CertificateAuthorityData: certificate}
	config.AuthInfos["apiserver"] = &clientcmdapi.AuthInfo{}
	config.Contexts["webhook"] = &clientcmdapi.Context{Cluster: "aws-iam-authenticator", AuthInfo: "apiserver"}
	config.CurrentContext = "webhook"
	return errors.Join(
		os.MkdirAll(e.file("authenticator"), 0o700),
		os.WriteFile(e.file("authenticator/cert.pem"), certificate, 0o600),
		os.WriteFile(e.file("authenticator/key.pem"), key, 0o600),
		os.WriteFile(e.file("sts-authority.pem"), e.proxy.authorityPEM(), 0o600),
		clientcmd.WriteToFile(*config, e.file("webhook.kubeconfig")),
	)
}

// environment leads a program of AWS's to the fake AWS.
func (e *EKS) environment(accessKeyID string) map[string]string {
	return map[string]string{
		"HTTPS_PROXY": e.proxy.url(), "NO_PROXY": "127.0.0.1,localhost", "SSL_CERT_FILE": e.file("sts-authority.pem"),
		"AWS_REGION": Region, "AWS_DEFAULT_REGION": Region, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": accessKeyID, "AWS_SECRET_ACCESS_KEY": "none", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_ENDPOINT_URL_EC2": e.AWSURL,
	}
}

// authenticatorKey is the access key by which the authenticator asks EC2.
const authenticatorKey = "authenticator"

// startAuthenticator starts it in the present mode, and waits until it answers.
func (e *EKS) startAuthenticator(ctx context.Context) error {
	err := e.AWS.AddCredential(fake.Credential{AccessKeyID: authenticatorKey, ARN: "arn:aws:sts::111122223333:assumed-role/" + Program + "/eks"})
	if err != nil {
		return err
	}
	server := map[string]any{"port": e.port, "address": "127.0.0.1", "hostname": "127.0.0.1", "stateDir": e.file("authenticator"),
		"kubeconfig": e.Kubeconfig, "kubeconfigPregenerated": true, "backendMode": backends[e.options.Mode], "partition": "aws"}
	if e.options.Mode != ConfigMap {
		server["dynamicfilepath"], server["dynamicfileUserIDStrict"] = e.file(entriesFile), !e.options.ByARN
	}
	config, err := json.Marshal(map[string]any{"clusterID": Name, "server": server})
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(e.file("authenticator.json"), config, 0o600), e.writeEntries()); err != nil {
		return err
	}
	var env []string
	for name, value := range e.environment(authenticatorKey) {
		env = append(env, name+"="+value)
	}
	e.written = 0
	if _, err := e.Admin.CoreV1().ConfigMaps(namespace).Get(ctx, admission.Name, metav1.GetOptions{}); err == nil {
		e.written = 1 // what is there comes as the first event
	}
	if e.process, err = startAuthenticator(e.program, e.dir, env, []string{"server", "--config", e.file("authenticator.json")}); err != nil {
		return err
	}
	if err := e.watchdog.guard(Program, e.process.cmd.Process.Pid); err != nil {
		return err
	}
	return guarded.Poll(ctx, func(ctx context.Context) error {
		if err := e.process.alive(ctx); err != nil {
			return err
		}
		return e.settled(ctx)
	})
}

// settled reports that the authenticator has read everything that is to be read.
func (e *EKS) settled(ctx context.Context) error {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(e.port)))
	if err != nil {
		return err
	}
	return errors.Join(conn.Close(), e.entriesRead(ctx), e.mapRead(ctx))
}

// SetMode switches the authentication mode, by starting the authenticator anew.
func (e *EKS) SetMode(ctx context.Context, mode Mode, byARN bool) error {
	if err := e.process.stop(); err != nil {
		return err
	}
	e.options.Mode, e.options.ByARN = mode, byARN
	return e.startAuthenticator(ctx)
}

// Stop ends everything.
func (e *EKS) Stop() error {
	var errs []error
	if e.process != nil {
		errs = append(errs, e.process.stop())
	}
	if e.Cluster != nil {
		errs = append(errs, e.Cluster.Stop())
	}
	if e.watchdog != nil {
		errs = append(errs, e.watchdog.stop())
	}
	if e.proxy != nil {
		errs = append(errs, e.proxy.close())
	}
	if e.aws != nil {
		e.aws.Close()
	}
	return errors.Join(errs...)
}

// namespace is where aws-auth is.
const namespace = metav1.NamespaceSystem
