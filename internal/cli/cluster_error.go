package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/clientcmd"
)

// clusterError says why a cluster cannot be read, and what to type.
type clusterError struct {
	what  string
	fixes []string
	err   error
}

func because(what string, fixes ...string) *clusterError {
	return &clusterError{what: what, fixes: fixes}
}

func (e *clusterError) Error() string { return e.what }
func (e *clusterError) Unwrap() error { return e.err }

// fixesOf are the lines that follow an error: those of its cause first.
func fixesOf(err error) (fixes []string) {
	var e *clusterError
	for errors.As(err, &e) {
		fixes = slices.Concat(e.fixes, fixes)
		err = e.err
	}
	return fixes
}

// explain makes a clusterError of what went wrong between here and an answer of the cluster. Other errors stay as they
// are.
func (o clusterOptions) explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var known *clusterError
	if errors.As(err, &known) {
		return err
	}
	k := o.entry()
	for _, cause := range []func(error) *clusterError{
		k.noKubeconfig, k.noPlugin, k.refused, k.untrusted, k.unreachable, k.notKubernetes,
	} {
		if e := cause(err); e != nil {
			e.err = err
			return e
		}
	}
	return err
}

// noKubeconfig is for what client-go says of the file itself.
func (k kubeconfigEntry) noKubeconfig(err error) *clusterError {
	switch path := (*os.PathError)(nil); {
	case errors.As(err, &path) && slices.Contains(filepath.SplitList(k.kubeconfig), path.Path):
		return because(fmt.Sprintf("cannot read kubeconfig %s: %s", path.Path, path.Err),
			fmt.Sprintf("name another with --kubeconfig, or write it: `%s --kubeconfig %s`",
				k.updateKubeconfig(), shell(path.Path)))
	case clientcmd.IsEmptyConfig(err):
		return because(fmt.Sprintf("kubeconfig %s names no cluster", k.kubeconfig),
			k.update("write an entry for the cluster"))
	}
	for _, named := range []struct {
		what, name string
		of         []string
	}{{"context", k.context, k.contexts}, {"cluster", k.cluster, k.clusters}, {"user", k.user, k.users}} {
		if named.of != nil && named.name != "" && !slices.Contains(named.of, named.name) {
			return because(fmt.Sprintf("%s %q is not in kubeconfig %s", named.what, named.name, k.kubeconfig),
				fmt.Sprintf("want one of its %ss: %s", named.what, atMostFive(named.of)))
		}
	}
	return nil
}

// What client-go says where an exec plugin gives no credentials. It has no types for that
// (plugin/pkg/client/auth/exec).
const (
	noCredentials = "getting credentials: "
	oldPlugin     = "exec plugin: invalid apiVersion "
	notFound      = "executable %s not found"
	ended         = "executable %s failed with "
)

// noPlugin is for an exec plugin that gives no credentials.
func (k kubeconfigEntry) noPlugin(err error) *clusterError {
	if k.info.Exec == nil {
		return nil
	}
	command := k.info.Exec.Command
	who := fmt.Sprintf("no credentials: the exec plugin %q of user %q in the kubeconfig ", command, k.user)
	text := err.Error()
	if _, version, ok := strings.Cut(text, oldPlugin); ok {
		return because(who+fmt.Sprintf("has apiVersion %s, which is no longer supported", version),
			k.update("write the entry again with a current AWS CLI"))
	}
	_, why, ok := strings.Cut(text, noCredentials)
	if !ok {
		return nil
	}
	why = strings.TrimPrefix(why, "exec: ")
	missing := strings.HasPrefix(why, fmt.Sprintf(notFound, filepath.Clean(command)))
	if missing || strings.Contains(why, syscall.ENOENT.Error()) {
		fixes := []string{"install it, or put its directory into PATH"}
		if hint := strings.Join(strings.Fields(k.info.Exec.InstallHint), " "); hint != "" {
			fixes = append(fixes, "the kubeconfig says: "+hint)
		}
		return because(who+"is not found", fixes...)
	}
	if code, ok := strings.CutPrefix(why, fmt.Sprintf(ended, filepath.Clean(command))); ok {
		return because(who+"failed with "+code, k.pluginAlone()...)
	}
	return because(who+"gives none: "+why, k.pluginAlone()...)
}

// refused is for an API server that answers, and not with the object.
func (k kubeconfigEntry) refused(err error) *clusterError {
	switch {
	case apierrors.IsUnauthorized(err):
		return k.unauthorized()
	case apierrors.IsForbidden(err):
		return because(message(err), "ask a cluster admin for this right, or name another context with --context",
			"`kubectl auth whoami` says who the cluster takes you for")
	}
	return nil
}

// unauthorized says why an API server may not accept the credentials of the kubeconfig.
func (k kubeconfigEntry) unauthorized() *clusterError {
	const unknown = "(Unauthorized): they have expired, or the cluster does not know whose they are"
	withIAM := k.update("on EKS, authenticate with IAM instead")
	if expired := k.certificateExpired(); !expired.IsZero() {
		return because(fmt.Sprintf("the client certificate of user %q expired on %s",
			k.user, expired.UTC().Format(time.DateOnly)), "ask its issuer for another", withIAM)
	}
	if k.anonymous() {
		return because(fmt.Sprintf("the API server wants credentials, and user %q of the kubeconfig has none (Unauthorized)",
			k.user), k.update("write the entry again"))
	}
	what := fmt.Sprintf("the API server does not accept the credentials of user %q ", k.user) + unknown
	if k.user == "" {
		what = "the API server does not accept the credentials " + unknown
	}
	if k.info.Exec == nil {
		return because(what, "put a new token into the kubeconfig", withIAM)
	}
	return because(what, k.signIn()...)
}

// untrusted is for TLS that fails: what is there is not the API server that the kubeconfig means, or it does not trust
// us.
func (k kubeconfigEntry) untrusted(err error) *clusterError {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert *net.OpError
	at := k.at(err)
	again := k.update("fetch the cluster's address and authority again")
	const proxy = "if that does not help, a proxy may intercept TLS: ask your network's administrators"
	const notTLS = "server gave HTTP response to HTTPS client" // net/http has no type for it
	switch {
	case errors.As(err, &authority):
		return because(fmt.Sprintf("%s shows a certificate of an authority that the kubeconfig does not trust: %s",
			at, authority), again, proxy)
	case errors.As(err, &name):
		return because(fmt.Sprintf("%s shows a certificate for another name: %s", at, name), again, proxy)
	case errors.As(err, &invalid):
		return because(fmt.Sprintf("%s shows a certificate that is not valid: %s", at, invalid),
			"look at this machine's clock: `date`", again)
	case errors.As(err, &record), strings.Contains(err.Error(), notTLS):
		return because(at+" does not speak TLS, so it is not the API server", again)
	case errors.As(err, &alert) && alert.Op == "remote error": // crypto/tls keeps the alert's own type to itself
		return because(fmt.Sprintf("%s ends the TLS handshake: %s", at, alert.Err), again)
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
	var lookup *net.DNSError
	var dial *net.OpError
	there := fmt.Sprintf("check that the cluster exists: `aws eks describe-cluster --name %s%s "+
		"--query 'cluster.[status,endpoint]'`", k.clusterName(), k.where())
	again := k.update("if the kubeconfig has another endpoint")
	const private = "a cluster with a private endpoint is reached from its VPC: connect your VPN"
	switch {
	case errors.As(err, &dial) && dial.Op == "proxyconnect":
		return because(fmt.Sprintf("the proxy to %s does not answer: %s", k.at(err), detail),
			"look at the environment variables HTTPS_PROXY and NO_PROXY, and at proxy-url in the kubeconfig")
	case errors.As(err, &lookup):
		return because(fmt.Sprintf("%s does not exist, or its name cannot be looked up: %s", k.at(err), lookup),
			there, again, private)
	}
	e := because(fmt.Sprintf("%s does not answer: %s", k.at(err), detail), private, there, again)
	if k.info.Exec != nil && timedOut(err) {
		first := fmt.Sprintf("if you had to sign in first, try again: signing in counts toward the time limit of %s",
			k.timeout)
		e.fixes = append([]string{first}, e.fixes...)
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
		return because(fmt.Sprintf("the API server answers with an error (%d): %s", code, message(err)),
			"try again in a minute")
	case fromAnyServer(err):
		return because(fmt.Sprintf("%s does not answer like an API server (%d): %s", k.at(err), code, message(err)),
			k.update("fetch the cluster's address again"))
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

// signIn says how to get credentials that the API server accepts. On EKS, 401 has two reasons that look alike from
// here.
func (k kubeconfigEntry) signIn() []string {
	if !k.forEKS() {
		return k.pluginAlone()
	}
	return []string{
		fmt.Sprintf("check that your AWS credentials work, and whose they are: `aws sts get-caller-identity%s`",
			k.withProfile()),
		fmt.Sprintf("if that fails, sign in again: `aws sso login%s`, or renew them where they come from", k.withProfile()),
		"if it answers, that ARN needs an access entry or a mapping in aws-auth",
		k.update("if the kubeconfig is old"),
	}
}

// pluginAlone says how to get an exec plugin to give credentials at all.
func (k kubeconfigEntry) pluginAlone() []string {
	alone := fmt.Sprintf("run the exec plugin by itself to see what it says: %s", k.plugin())
	if !k.forEKS() {
		return []string{"sign in again with the tool that the exec plugin belongs to", alone}
	}
	return []string{
		fmt.Sprintf("sign in again: `aws sso login%s`, or renew your AWS credentials where they come from", k.withProfile()),
		alone,
		k.update("if the kubeconfig is old"),
	}
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
