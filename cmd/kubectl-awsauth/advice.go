package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// clusterError says why a cluster cannot be read, and what to type.
type clusterError struct {
	what  string
	fixes []string
	err   error
}

func (e *clusterError) Error() string    { return e.what }
func (e *clusterError) Unwrap() error    { return e.err }
func (e *clusterError) toType() []string { return e.fixes }

// orElse is an error with another way round it.
type orElse struct {
	error
	fix string
}

func (e orElse) Unwrap() error    { return e.error }
func (e orElse) toType() []string { return []string{e.fix} }

// fixesOf are the lines that follow an error: those of its cause first.
func fixesOf(err error) (fixes []string) {
	var e interface {
		error
		toType() []string
	}
	for errors.As(err, &e) {
		fixes = slices.Concat(e.toType(), fixes)
		err = errors.Unwrap(e)
	}
	return fixes
}

// explain makes a clusterError of what went wrong between here and an answer of the cluster. Other errors stay as they are.
func (o clusterOptions) explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var known *clusterError
	if errors.As(err, &known) {
		return err
	}
	k := o.entry()
	for _, because := range []func(error) *clusterError{k.noKubeconfig, k.noPlugin, k.refused, k.untrusted, k.unreachable, k.notKubernetes} {
		if e := because(err); e != nil {
			e.err = err
			return e
		}
	}
	return err
}

// kubeconfigEntry is what a kubeconfig says of a cluster and of who asks it.
type kubeconfigEntry struct {
	kubeconfig string
	contexts   []string
	context    string
	cluster    string
	user       string
	server     string
	info       *clientcmdapi.AuthInfo
}

// entry never fails: it is asked where something went wrong already.
func (o clusterOptions) entry() kubeconfigEntry {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	k := kubeconfigEntry{kubeconfig: o.kubeconfig, info: clientcmdapi.NewAuthInfo()}
	if k.kubeconfig == "" {
		k.kubeconfig = strings.Join(rules.GetLoadingPrecedence(), string(os.PathListSeparator))
	}
	config, err := rules.Load()
	if err != nil {
		return k
	}
	k.contexts, k.context = slices.Sorted(maps.Keys(config.Contexts)), config.CurrentContext
	if o.context != "" {
		k.context = o.context
	}
	if c := config.Contexts[k.context]; c != nil {
		k.cluster, k.user = c.Cluster, c.AuthInfo
		if known := config.Clusters[c.Cluster]; known != nil {
			k.server = known.Server
		}
		if known := config.AuthInfos[c.AuthInfo]; known != nil {
			k.info = known
		}
	}
	return k
}

// noKubeconfig is for what client-go says of the file itself.
func (k kubeconfigEntry) noKubeconfig(err error) *clusterError {
	switch path := (*os.PathError)(nil); {
	case errors.As(err, &path) && slices.Contains(filepath.SplitList(k.kubeconfig), path.Path):
		return &clusterError{what: fmt.Sprintf("cannot read kubeconfig %s: %s", path.Path, path.Err),
			fixes: []string{fmt.Sprintf("name another with --kubeconfig, or write it: `%s --kubeconfig %s`", k.updateKubeconfig(), shell(path.Path))}}
	case clientcmd.IsEmptyConfig(err):
		return &clusterError{what: fmt.Sprintf("kubeconfig %s names no cluster", k.kubeconfig),
			fixes: []string{fmt.Sprintf("write an entry for the cluster: `%s`", k.updateKubeconfig())}}
	case k.contexts != nil && k.context != "" && !slices.Contains(k.contexts, k.context):
		return &clusterError{what: fmt.Sprintf("context %q is not in kubeconfig %s", k.context, k.kubeconfig),
			fixes: []string{"want one of its contexts: " + atMostFive(k.contexts)}}
	}
	return nil
}

// What client-go says where an exec plugin gives no credentials. It has no types for that (plugin/pkg/client/auth/exec).
const (
	noCredentials = "getting credentials: "
	oldPlugin     = "exec plugin: invalid apiVersion "
	notFound      = "executable %s not found"
	ended         = "executable %s failed with "
)

// noPlugin is for an exec plugin that gives no credentials.
func (k kubeconfigEntry) noPlugin(err error) *clusterError {
	text := err.Error()
	if _, version, ok := strings.Cut(text, oldPlugin); ok && k.info.Exec != nil {
		return &clusterError{what: fmt.Sprintf("no credentials: the exec plugin %q of user %q in the kubeconfig has apiVersion %s, which is no longer supported", k.info.Exec.Command, k.user, version),
			fixes: []string{fmt.Sprintf("write the entry again with a current AWS CLI: `%s`", k.updateKubeconfig())}}
	}
	_, why, ok := strings.Cut(text, noCredentials)
	if !ok || k.info.Exec == nil {
		return nil
	}
	why = strings.TrimPrefix(why, "exec: ")
	command := k.info.Exec.Command
	if strings.HasPrefix(why, fmt.Sprintf(notFound, filepath.Clean(command))) || strings.Contains(why, syscall.ENOENT.Error()) {
		e := &clusterError{what: fmt.Sprintf("no credentials: the exec plugin %q of user %q in the kubeconfig is not found", command, k.user),
			fixes: []string{"install it, or put its directory into PATH"}}
		if hint := strings.Join(strings.Fields(k.info.Exec.InstallHint), " "); hint != "" {
			e.fixes = append(e.fixes, "the kubeconfig says: "+hint)
		}
		return e
	}
	if code, ok := strings.CutPrefix(why, fmt.Sprintf(ended, filepath.Clean(command))); ok {
		why = "failed with " + code
	} else {
		why = "gives none: " + why
	}
	return &clusterError{what: fmt.Sprintf("no credentials: the exec plugin %q of user %q in the kubeconfig %s", command, k.user, why), fixes: k.pluginAlone()}
}

// refused is for an API server that answers, and not with the object.
func (k kubeconfigEntry) refused(err error) *clusterError {
	switch {
	case apierrors.IsUnauthorized(err):
		e := &clusterError{what: fmt.Sprintf("the API server does not accept the credentials of user %q (Unauthorized): they have expired, or the cluster does not know whose they are", k.user)}
		if k.user == "" {
			e.what = "the API server does not accept the credentials (Unauthorized): they have expired, or the cluster does not know whose they are"
		}
		switch expired := k.certificateExpired(); {
		case !expired.IsZero():
			e.what = fmt.Sprintf("the client certificate of user %q expired on %s", k.user, expired.UTC().Format(time.DateOnly))
			e.fixes = []string{"ask whoever issued it for another", fmt.Sprintf("on EKS, authenticate with IAM instead: `%s`", k.updateKubeconfig())}
		case k.anonymous():
			e.what = fmt.Sprintf("the API server wants credentials, and user %q of the kubeconfig has none (Unauthorized)", k.user)
			e.fixes = []string{fmt.Sprintf("write the entry again: `%s`", k.updateKubeconfig())}
		case k.info.Exec == nil:
			e.fixes = []string{"put a new token into the kubeconfig", fmt.Sprintf("on EKS, authenticate with IAM instead: `%s`", k.updateKubeconfig())}
		default:
			e.fixes = k.signIn()
		}
		return e
	case apierrors.IsForbidden(err):
		return &clusterError{what: message(err), fixes: []string{"ask a cluster admin for this right, or name another context with --context",
			"`kubectl auth whoami` says who the cluster takes you for"}}
	}
	return nil
}

// untrusted is for TLS that fails: what is there is not the API server that the kubeconfig means, or it does not trust us.
func (k kubeconfigEntry) untrusted(err error) *clusterError {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert *net.OpError
	again := fmt.Sprintf("fetch the cluster's address and authority again: `%s`", k.updateKubeconfig())
	const proxy = "if that does not help, a proxy may intercept TLS: ask whoever runs your network"
	switch {
	case errors.As(err, &authority):
		return &clusterError{what: fmt.Sprintf("%s shows a certificate of an authority that the kubeconfig does not trust: %s", k.at(err), authority), fixes: []string{again, proxy}}
	case errors.As(err, &name):
		return &clusterError{what: fmt.Sprintf("%s shows a certificate for another name: %s", k.at(err), name), fixes: []string{again, proxy}}
	case errors.As(err, &invalid):
		return &clusterError{what: fmt.Sprintf("%s shows a certificate that is not valid: %s", k.at(err), invalid), fixes: []string{"look at this machine's clock: `date`", again}}
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"): // net/http has no type for it
		return &clusterError{what: fmt.Sprintf("%s does not speak TLS, so it is not the API server", k.at(err)), fixes: []string{again}}
	case errors.As(err, &alert) && alert.Op == "remote error": // crypto/tls keeps the alert's own type to itself
		return &clusterError{what: fmt.Sprintf("%s ends the TLS handshake: %s", k.at(err), alert.Err), fixes: []string{again}}
	}
	return nil
}

// unreachable is for a server that does not answer.
func (k kubeconfigEntry) unreachable(err error) *clusterError {
	var request *url.Error
	if !errors.As(err, &request) && !errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	detail := err
	if request != nil {
		detail = request.Err
	}
	e := &clusterError{what: fmt.Sprintf("%s does not answer: %s", k.at(err), detail)}
	var lookup *net.DNSError
	var dial *net.OpError
	there := fmt.Sprintf("check that the cluster exists: `aws eks describe-cluster --name %s%s --query 'cluster.[status,endpoint]'`", k.clusterName(), k.where())
	again := fmt.Sprintf("if the kubeconfig has another endpoint: `%s`", k.updateKubeconfig())
	const private = "a cluster with a private endpoint is reached from its VPC: connect your VPN"
	switch {
	case errors.As(err, &dial) && dial.Op == "proxyconnect":
		e.what = fmt.Sprintf("the proxy to %s does not answer: %s", k.at(err), detail)
		e.fixes = []string{"look at the environment variables HTTPS_PROXY and NO_PROXY, and at proxy-url in the kubeconfig"}
	case errors.As(err, &lookup):
		e.what = fmt.Sprintf("%s does not exist, or its name cannot be looked up: %s", k.at(err), lookup)
		e.fixes = []string{there, again, private}
	default:
		e.fixes = []string{private, there, again}
		if k.info.Exec != nil && timedOut(err) {
			e.fixes = append([]string{fmt.Sprintf("if you had to sign in first, try again: signing in counts toward the time limit of %s", liveTimeout)}, e.fixes...)
		}
	}
	return e
}

func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// notKubernetes is for answers that no API server gives, and for one that is in trouble.
func (k kubeconfigEntry) notKubernetes(err error) *clusterError {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return nil
	}
	code := status.Status().Code
	switch {
	case code >= 500 || code == 429:
		return &clusterError{what: fmt.Sprintf("the API server answers with an error (%d): %s", code, message(err)), fixes: []string{"try again in a minute"}}
	case apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse):
		return &clusterError{what: fmt.Sprintf("%s does not answer like an API server (%d): %s", k.at(err), code, message(err)),
			fixes: []string{fmt.Sprintf("fetch the cluster's address again: `%s`", k.updateKubeconfig())}}
	}
	return nil
}

// message is what the API server itself says.
func message(err error) string {
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Message != "" {
		return status.Status().Message
	}
	return err.Error()
}

// at is the address that was asked.
func (k kubeconfigEntry) at(err error) string {
	if k.server != "" {
		return k.server
	}
	var request *url.Error
	if errors.As(err, &request) {
		if u, err := url.Parse(request.URL); err == nil {
			return u.Scheme + "://" + u.Host
		}
	}
	return "the API server"
}

// signIn says how to get credentials that the API server accepts. On EKS, 401 has two reasons that look alike from here.
func (k kubeconfigEntry) signIn() []string {
	if !k.forEKS() {
		return k.pluginAlone()
	}
	return []string{
		fmt.Sprintf("check that your AWS credentials work, and whose they are: `aws sts get-caller-identity%s`", k.withProfile()),
		fmt.Sprintf("if that fails, sign in again: `aws sso login%s`, or renew them where they come from", k.withProfile()),
		"if it answers, that ARN needs an access entry or a mapping in aws-auth",
		fmt.Sprintf("if the kubeconfig is old: `%s`", k.updateKubeconfig()),
	}
}

// pluginAlone says how to get an exec plugin to give credentials at all.
func (k kubeconfigEntry) pluginAlone() []string {
	alone := fmt.Sprintf("run the exec plugin by itself to see what it says: %s", k.plugin())
	if !k.forEKS() {
		return []string{"sign in again with the tool that the exec plugin belongs to", alone}
	}
	return []string{fmt.Sprintf("sign in again: `aws sso login%s`, or renew your AWS credentials where they come from", k.withProfile()), alone,
		fmt.Sprintf("if the kubeconfig is old: `%s`", k.updateKubeconfig())}
}

// withProfile is the flag that says whose credentials the exec plugin uses, if the kubeconfig does.
func (k kubeconfigEntry) withProfile() string {
	p := k.flag("--profile")
	if p == "" && k.info.Exec != nil {
		for _, e := range k.info.Exec.Env {
			if e.Name == "AWS_PROFILE" {
				p = e.Value
			}
		}
	}
	if p == "" {
		return ""
	}
	return " --profile " + shell(p)
}

// anonymous reports that the kubeconfig has no credentials at all.
func (k kubeconfigEntry) anonymous() bool {
	i := k.info
	return k.user != "" && i.Exec == nil && i.AuthProvider == nil && i.Token == "" && i.TokenFile == "" && i.Username == "" && i.ClientCertificate == "" && len(i.ClientCertificateData) == 0
}

// certificateExpired is when a client certificate did; zero if there is none, or it is still good.
func (k kubeconfigEntry) certificateExpired() time.Time {
	data := k.info.ClientCertificateData
	if len(data) == 0 && k.info.ClientCertificate != "" {
		data, _ = os.ReadFile(k.info.ClientCertificate) // client-go has read it
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return time.Time{}
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil || time.Now().Before(c.NotAfter) {
		return time.Time{}
	}
	return c.NotAfter
}

// plugin is the exec plugin as it would be typed.
func (k kubeconfigEntry) plugin() string {
	const limit = 300
	if k.info.Exec == nil {
		return "no exec plugin"
	}
	words := []string{shell(k.info.Exec.Command)}
	for _, arg := range k.info.Exec.Args {
		words = append(words, shell(arg))
	}
	text := strings.Join(words, " ")
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "..."
	}
	return "`" + text + "`"
}

// forEKS reports that the exec plugin signs in with IAM: the AWS CLI, whatever runs it, or the authenticator.
func (k kubeconfigEntry) forEKS() bool {
	if k.info.Exec == nil {
		return false
	}
	return strings.HasPrefix(filepath.Base(k.info.Exec.Command), "aws-iam-authenticator") ||
		slices.Contains(k.info.Exec.Args, "get-token") && slices.Contains(k.info.Exec.Args, "eks")
}

// flag is the value of one of the plugin's flags.
func (k kubeconfigEntry) flag(names ...string) string {
	if k.info.Exec == nil {
		return ""
	}
	for i, arg := range k.info.Exec.Args {
		for _, name := range names {
			if value, ok := strings.CutPrefix(arg, name+"="); ok {
				return value
			}
			if arg == name && i+1 < len(k.info.Exec.Args) {
				return k.info.Exec.Args[i+1]
			}
		}
	}
	return ""
}

// eksARN is how `aws eks update-kubeconfig` names clusters.
var eksARN = regexp.MustCompile(`^arn:[a-z-]+:eks:([a-z0-9-]+):[0-9]{12}:cluster/(.+)$`)

// clusterName is the name that AWS knows, or NAME.
func (k kubeconfigEntry) clusterName() string {
	if name := k.flag("--cluster-name", "--cluster-id", "-i"); name != "" && k.forEKS() {
		return shell(name)
	}
	if m := eksARN.FindStringSubmatch(k.cluster); m != nil {
		return shell(m[2])
	}
	return "NAME"
}

// where are the flags for the AWS CLI that say which region and whose credentials, as far as the kubeconfig says it.
func (k kubeconfigEntry) where() string {
	region := k.flag("--region")
	if m := eksARN.FindStringSubmatch(k.cluster); region == "" && m != nil {
		region = m[1]
	}
	if region == "" {
		return k.withProfile()
	}
	return " --region " + shell(region) + k.withProfile()
}

func (k kubeconfigEntry) updateKubeconfig() string {
	return "aws eks update-kubeconfig --name " + k.clusterName() + k.where()
}

var plain = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// shell is a word as a shell takes it.
func shell(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func atMostFive(names []string) string {
	const most = 5
	if len(names) == 0 {
		return "(it has none)"
	}
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
