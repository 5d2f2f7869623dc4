// Package signin runs aws-iam-authenticator itself, its server and its mapper of aws-auth, between stubs of the API server, of
// STS and of EC2, all in this process and on loopback: the oracle for who can authenticate as what.
package signin

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	authenticationv1beta1 "k8s.io/api/authentication/v1beta1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/aws-iam-authenticator/pkg/config"
	"sigs.k8s.io/aws-iam-authenticator/pkg/mapper"
	"sigs.k8s.io/aws-iam-authenticator/pkg/metrics"
	"sigs.k8s.io/aws-iam-authenticator/pkg/server"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// markerRole is the name of roles by which Put knows which version of aws-auth is in force.
const markerRole = "arn:aws:iam::444455556666:role/version-"

// Authenticator is a running aws-iam-authenticator.
type Authenticator struct {
	t        testing.TB
	endpoint string
	client   *http.Client

	versions chan map[string]string
	version  int
	tokens   atomic.Int64
	callers  sync.Map // access key id -> stsIdentity
	dns      sync.Map // instance id -> private DNS name
}

// stsIdentity is STS's answer to GetCallerIdentity.
type stsIdentity struct {
	Account string
	ARN     string `json:"Arn"`
	UserID  string `json:"UserId"`
}

// Start runs one until the test ends. Only one test of a process may have one: it answers for STS in all of the process.
func Start(t testing.TB) *Authenticator {
	t.Helper()
	a := &Authenticator{t: t, versions: make(chan map[string]string)}
	for name, value := range map[string]string{"AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "us-west-2", "AWS_ACCESS_KEY_ID": "authenticator", "AWS_SECRET_ACCESS_KEY": "none",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_MAX_ATTEMPTS": "1", "AWS_ENDPOINT_URL_EC2": fake.Serve(t, http.HandlerFunc(a.ec2))} {
		t.Setenv(name, value)
	}
	if !metrics.Initialized() { // the mapper counts before the server makes them
		metrics.InitMetrics(prometheus.NewRegistry())
	}
	real := http.DefaultTransport
	http.DefaultTransport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Host, "127.0.0.1:") {
			return real.RoundTrip(r)
		}
		return a.sts(r)
	})
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); http.DefaultTransport = real })

	listening := make(chan string, 1)
	logrus.SetOutput(io.Discard)
	hooks := logrus.StandardLogger().ReplaceHooks(logrus.LevelHooks{logrus.InfoLevel: {addressHook(listening)}})
	t.Cleanup(func() { logrus.StandardLogger().ReplaceHooks(hooks) })
	s := server.New(ctx, config.Config{PartitionID: "aws", ClusterID: "test", Hostname: "127.0.0.1", Address: "127.0.0.1", StateDir: t.TempDir(), KubeconfigPregenerated: true,
		HealthPort:  -1, // no port: the server only logs that it has none
		BackendMode: []string{mapper.ModeEKSConfigMap}, Master: fake.Serve(t, http.HandlerFunc(a.watch))})
	a.endpoint = "https://" + <-listening + "/authenticate"
	a.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 4}}
	go s.Run(make(chan struct{}))
	t.Cleanup(s.Close)
	return a
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// addressHook finds the server's address in its log.
type addressHook chan string

func (addressHook) Levels() []logrus.Level { return []logrus.Level{logrus.InfoLevel} }

func (h addressHook) Fire(e *logrus.Entry) error {
	if address, ok := strings.CutPrefix(e.Message, "listening on "); ok {
		h <- address
	}
	return nil
}

// sts says whose access key made a token.
func (a *Authenticator) sts(r *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(r.URL.Host, "sts.") {
		return nil, fmt.Errorf("%s is not STS", r.URL.Host)
	}
	key, _, _ := strings.Cut(r.URL.Query().Get("X-Amz-Credential"), "/")
	who, ok := a.callers.Load(key)
	if !ok {
		return nil, fmt.Errorf("nobody has the access key %s", key)
	}
	body, err := json.Marshal(map[string]any{"GetCallerIdentityResponse": map[string]any{"GetCallerIdentityResult": who}})
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, err
}

// ec2 answers DescribeInstances.
func (a *Authenticator) ec2(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // the authenticator's own requests are sound
	id := r.Form.Get("InstanceId.1")
	name, ok := a.dns.Load(id)
	w.Header().Set("Content-Type", "text/xml")
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, "<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code></Error></Errors></Response>")
		return
	}
	fmt.Fprintf(w, `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item><instancesSet><item><instanceId>%s</instanceId><privateDnsName>`, id)
	_ = xml.EscapeText(w, []byte(name.(string)))
	fmt.Fprint(w, `</privateDnsName></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`)
}

// watch is the API server, which knows one ConfigMap and sends every version of it.
func (a *Authenticator) watch(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case data := <-a.versions:
			cm := corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: metav1.ObjectMeta{Name: "aws-auth", Namespace: "kube-system"}, Data: data}
			if err := json.NewEncoder(w).Encode(map[string]any{"type": "MODIFIED", "object": cm}); err != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
	}
}

// Put writes aws-auth, and waits until the authenticator has read it. mapRoles gets one more entry.
func (a *Authenticator) Put(data map[string]string) {
	a.t.Helper()
	a.version++
	marker := fmt.Sprint(markerRole, a.version)
	data = maps.Clone(data)
	data[awsauth.MapRoles] += "\n- {rolearn: '" + marker + "', username: version, groups: []}\n"
	a.versions <- data
	for deadline := time.Now().Add(30 * time.Second); ; {
		if _, ok := a.SignIn(Session(marker, "any"), awsauth.Caller{Account: "444455556666", Session: "any"}); ok {
			return
		}
		if time.Now().After(deadline) {
			a.t.Fatalf("the authenticator does not read %q", data)
		}
	}
}

// Session is the ARN under which STS knows a session of a role, or another principal, whose canonical ARN is given.
func Session(canonical, session string) string {
	arn, err := awsauth.ParseARN(canonical)
	if err != nil || arn.Kind != awsauth.KindRole {
		return canonical
	}
	return "arn:" + arn.Partition + ":sts::" + arn.Account + ":assumed-role/" + arn.Name + "/" + session
}

// Identity is what a caller becomes.
type Identity struct {
	Username string
	Groups   []string
}

// Instance makes an instance known to EC2, by its private DNS name.
func (a *Authenticator) Instance(id, dns string) { a.dns.Store(id, dns) }

// Key is the access key id of the next caller.
func (a *Authenticator) Key() string { return fmt.Sprintf("ASIA%016d", a.tokens.Load()+1) }

// SignIn asks for a token review of a caller that STS knows as arn. ok is false if the authenticator refuses it.
func (a *Authenticator) SignIn(arn string, c awsauth.Caller) (id Identity, ok bool) {
	a.t.Helper()
	key := a.Key()
	a.tokens.Add(1)
	who := stsIdentity{Account: c.Account, ARN: arn, UserID: "AIDA"}
	if c.Session != "" {
		who.UserID = "AROA:" + c.Session
	}
	a.callers.Store(key, who)
	defer a.callers.Delete(key)
	token := "https://sts.us-west-2.amazonaws.com/?" + url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}, "X-Amz-Algorithm": {"AWS4-HMAC-SHA256"},
		"X-Amz-Credential": {key + "/20261124/us-west-2/sts/aws4_request"}, "X-Amz-Date": {time.Now().UTC().Format("20060102T150405Z")}, "X-Amz-Expires": {"60"},
		"X-Amz-SignedHeaders": {"host;x-k8s-aws-id"}, "X-Amz-Signature": {"none"}}.Encode()
	body, err := json.Marshal(authenticationv1beta1.TokenReview{Spec: authenticationv1beta1.TokenReviewSpec{Token: "k8s-aws-v1." + base64.RawURLEncoding.EncodeToString([]byte(token))}})
	if err != nil {
		a.t.Fatal(err)
	}
	resp, err := a.client.Post(a.endpoint, "application/json", bytes.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	var review authenticationv1beta1.TokenReview
	if err := json.NewDecoder(resp.Body).Decode(&review); err != nil {
		a.t.Fatal(err)
	}
	return Identity{review.Status.User.Username, review.Status.User.Groups}, review.Status.Authenticated
}
