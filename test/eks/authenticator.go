package eks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
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

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// Authenticator is the unmodified aws-iam-authenticator between an API server and the fake AWS.
type Authenticator struct {
	// AWS is the fake IAM, STS, EC2 and EKS. A role that is made anew there has another unique id.
	AWS *fake.Server
	// AWSURL is where it answers.
	AWSURL string
	// Admin may do everything, by a certificate: access that aws-auth does not decide about.
	Admin kubernetes.Interface

	dir        string
	options    Options
	program    string
	kubeconfig string
	apiServer  string // its host
	aws        *httptest.Server
	proxy      *stsProxy
	process    *process
	// started is told each process id.
	started func(pid int) error
	// written counts the events of aws-auth that the authenticator should see, and version the files of access entries.
	written int64
	step    int
	version int
}

// NewAuthenticator starts the fake AWS, and writes webhook.kubeconfig into dir, by which an API server finds the authenticator.
// program is the file of aws-iam-authenticator.
func NewAuthenticator(dir, program string, o Options) (a *Authenticator, err error) {
	a = &Authenticator{AWS: o.AWS, dir: dir, options: o, program: program, started: func(int) error { return nil }}
	if a.options.Mode == "" {
		a.options.Mode = ConfigMap
	}
	if _, err := os.Stat(program); err != nil {
		return a, fmt.Errorf("%w: test/cluster/build.sh %s builds it beside etcd, kube-apiserver and kubectl", err, Program)
	}
	if a.AWS == nil {
		if a.AWS, err = fake.New(fake.Seed{}); err != nil {
			return a, err
		}
	}
	a.aws = httptest.NewServer(a.AWS)
	a.AWSURL = a.aws.URL
	if a.proxy, err = startSTSProxy(http.HandlerFunc(a.AWS.ServeHTTP)); err != nil {
		return a, err
	}
	return a, a.prepare()
}

// Start starts the authenticator, which watches the cluster of a kubeconfig, and waits until it answers.
func (a *Authenticator) Start(ctx context.Context, admin *rest.Config, kubeconfig string) (err error) {
	config := rest.CopyConfig(admin)
	config.QPS = -1 // the tests sign in hundreds of times a second
	if a.Admin, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	server, err := url.Parse(admin.Host)
	if err != nil {
		return err
	}
	a.kubeconfig, a.apiServer = kubeconfig, server.Hostname()
	return a.startAuthenticator(ctx)
}

// Stop ends the authenticator and the fake AWS.
func (a *Authenticator) Stop() error {
	var errs []error
	if a.process != nil {
		errs = append(errs, a.process.stop())
	}
	if a.proxy != nil {
		errs = append(errs, a.proxy.close())
	}
	if a.aws != nil {
		a.aws.Close()
	}
	return errors.Join(errs...)
}

func (a *Authenticator) file(name string) string { return filepath.Join(a.dir, name) }

// prepare writes what the authenticator and the API server need of each other before either runs: the authenticator's
// certificate, and the kubeconfig by which the API server finds it.
func (a *Authenticator) prepare() error {
	if err := os.WriteFile(a.file("sts-authority.pem"), a.proxy.authorityPEM(), 0o600); err != nil {
		return err
	}
	if a.options.Port != 0 {
		return nil // the API server runs already
	}
	a.options.StateDir = a.file("authenticator")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	a.options.Port = listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return err
	}
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		return err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["aws-iam-authenticator"] = &clientcmdapi.Cluster{
		Server: "https://127.0.0.1:" + strconv.Itoa(a.options.Port) + "/authenticate", CertificateAuthorityData: certificate}
	config.AuthInfos["apiserver"] = &clientcmdapi.AuthInfo{}
	config.Contexts["webhook"] = &clientcmdapi.Context{Cluster: "aws-iam-authenticator", AuthInfo: "apiserver"}
	config.CurrentContext = "webhook"
	return errors.Join(
		os.MkdirAll(a.options.StateDir, 0o700),
		os.WriteFile(filepath.Join(a.options.StateDir, "cert.pem"), certificate, 0o600),
		os.WriteFile(filepath.Join(a.options.StateDir, "key.pem"), key, 0o600),
		clientcmd.WriteToFile(*config, a.file("webhook.kubeconfig")),
	)
}

// environment leads a program of AWS's to the fake AWS.
func (a *Authenticator) environment(accessKeyID string) map[string]string {
	return map[string]string{
		"HTTPS_PROXY": a.proxy.url(), "NO_PROXY": "127.0.0.1,localhost," + a.apiServer, "SSL_CERT_FILE": a.file("sts-authority.pem"),
		"AWS_REGION": Region, "AWS_DEFAULT_REGION": Region, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": accessKeyID, "AWS_SECRET_ACCESS_KEY": "none", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_ENDPOINT_URL_EC2": a.AWSURL,
	}
}

// authenticatorKey is the access key by which the authenticator asks EC2.
const authenticatorKey = "authenticator"

// startAuthenticator starts it in the present mode, and waits until it answers.
func (a *Authenticator) startAuthenticator(ctx context.Context) error {
	err := a.AWS.AddCredential(fake.Credential{AccessKeyID: authenticatorKey, ARN: "arn:aws:sts::111122223333:assumed-role/" + Program + "/eks"})
	if err != nil {
		return err
	}
	server := map[string]any{"port": a.options.Port, "address": "127.0.0.1", "hostname": "127.0.0.1", "stateDir": a.options.StateDir,
		"kubeconfig": a.kubeconfig, "kubeconfigPregenerated": true, "backendMode": backends[a.options.Mode], "partition": "aws"}
	if a.options.Mode != ConfigMap {
		server["dynamicfilepath"], server["dynamicfileUserIDStrict"] = a.file(entriesFile), !a.options.ByARN
	}
	config, err := json.Marshal(map[string]any{"clusterID": Name, "server": server})
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(a.file("authenticator.json"), config, 0o600), a.writeEntries()); err != nil {
		return err
	}
	var env []string
	for name, value := range a.environment(authenticatorKey) {
		env = append(env, name+"="+value)
	}
	a.written = 0
	if _, err := a.Admin.CoreV1().ConfigMaps(namespace).Get(ctx, admission.Name, metav1.GetOptions{}); err == nil {
		a.written = 1 // what is there comes as the first event
	}
	if a.process, err = startProcess(a.program, a.dir, env, []string{"server", "--config", a.file("authenticator.json")}); err != nil {
		return err
	}
	if err := a.started(a.process.cmd.Process.Pid); err != nil {
		return err
	}
	return guarded.Poll(ctx, func(ctx context.Context) error {
		if err := a.process.alive(ctx); err != nil {
			return err
		}
		return a.settled(ctx)
	})
}

// settled reports that the authenticator has read everything that is to be read.
func (a *Authenticator) settled(ctx context.Context) error {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(a.options.Port)))
	if err != nil {
		return err
	}
	return errors.Join(conn.Close(), a.entriesRead(ctx), a.mapRead(ctx))
}

// SetMode switches the authentication mode, by starting the authenticator anew.
func (a *Authenticator) SetMode(ctx context.Context, mode Mode, byARN bool) error {
	if err := a.process.stop(); err != nil {
		return err
	}
	a.options.Mode, a.options.ByARN = mode, byARN
	return a.startAuthenticator(ctx)
}

// namespace is where aws-auth is.
const namespace = metav1.NamespaceSystem
