package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// liveTimeout bounds every read unless --request-timeout does, so that a cluster that is gone is an error, and not
// waited for.
const liveTimeout = 15 * time.Second

// awsAuthNamespace is the only one in which EKS reads aws-auth.
const awsAuthNamespace = "kube-system"

// clusterOptions are kubectl's own flags that say which cluster is asked, and as whom.
type clusterOptions struct {
	kubeconfig string
	overrides  clientcmd.ConfigOverrides
	flagSet    *pflag.FlagSet
}

// clusterFlag marks these flags, for the help.
const clusterFlag = "cluster"

// clusterFlags are their names, in the order of the help.
var clusterFlags = []string{"kubeconfig", clientcmd.FlagContext, clientcmd.FlagClusterName, clientcmd.FlagAuthInfoName,
	clientcmd.FlagNamespace, clientcmd.FlagImpersonate, clientcmd.FlagImpersonateGroup, clientcmd.FlagImpersonateUID,
	clientcmd.FlagTimeout}

func (o *clusterOptions) flags(f *pflag.FlagSet) {
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	own.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig `FILE` of the cluster")
	flag := func(name, usage string) clientcmd.FlagInfo {
		return clientcmd.FlagInfo{LongName: name, Description: usage}
	}
	namespace := flag(clientcmd.FlagNamespace, "`NAMESPACE` of aws-auth: always kube-system")
	namespace.ShortName = "n"
	clientcmd.BindOverrideFlags(&o.overrides, own, clientcmd.ConfigOverrideFlags{
		CurrentContext: flag(clientcmd.FlagContext, "kubeconfig `CONTEXT` of the cluster"),
		ContextOverrideFlags: clientcmd.ContextOverrideFlags{
			ClusterName:  flag(clientcmd.FlagClusterName, "kubeconfig `CLUSTER` to ask"),
			AuthInfoName: flag(clientcmd.FlagAuthInfoName, "kubeconfig `USER` to ask as"),
			Namespace:    namespace,
		},
		AuthOverrideFlags: clientcmd.AuthOverrideFlags{
			Impersonate:       flag(clientcmd.FlagImpersonate, "impersonate `USERNAME`"),
			ImpersonateGroups: flag(clientcmd.FlagImpersonateGroup, "impersonate a member of `GROUP`; may be repeated"),
			ImpersonateUID:    flag(clientcmd.FlagImpersonateUID, "impersonate a user with this `UID`"),
		},
		Timeout: flag(clientcmd.FlagTimeout,
			fmt.Sprintf("`TIME` limit of one request, such as 30s; 0 is none; if empty, %s", liveTimeout)),
	})
	for _, name := range clusterFlags {
		flag := own.Lookup(name)
		flag.Annotations = map[string][]string{clusterFlag: {}}
		f.AddFlag(flag)
	}
	o.flagSet = f
}

// ofCluster reports that a flag is one of them.
func ofCluster(flag *pflag.Flag) bool { _, ok := flag.Annotations[clusterFlag]; return ok }

// given reports that the command line says which cluster is meant, or as whom it is asked.
func (o clusterOptions) given() bool {
	return o.flagSet != nil && slices.ContainsFunc(clusterFlags, func(name string) bool {
		return o.flagSet.Changed(name) && name != clientcmd.FlagNamespace && name != clientcmd.FlagTimeout
	})
}

// checkClusterFlags is an error for values that cannot be meant.
func checkClusterFlags(cmd *cobra.Command) error {
	given := func(name string) (value string, ok bool) {
		f := cmd.Flag(name)
		if f == nil || !f.Changed || !ofCluster(f) {
			return "", false
		}
		return f.Value.String(), true
	}
	if timeout, ok := given(clientcmd.FlagTimeout); ok {
		if _, err := clientcmd.ParseTimeout(timeout); err != nil {
			return usagef("--request-timeout %q is not a time, want one such as 30s", timeout)
		}
	}
	_, as := given(clientcmd.FlagImpersonate)
	for _, name := range []string{clientcmd.FlagImpersonateGroup, clientcmd.FlagImpersonateUID} {
		if _, ok := given(name); ok && !as {
			return usagef("--%s has no meaning without --as USERNAME", name)
		}
	}
	if namespace, ok := given(clientcmd.FlagNamespace); ok {
		return checkNamespace(namespace, cmd.Flag("guard-namespace"))
	}
	return nil
}

// checkNamespace is an error for a namespace that has no aws-auth. That of the guard is no mistake: RBAC is resolved for
// it.
func checkNamespace(n string, guard *pflag.Flag) error {
	if n == awsAuthNamespace || guard != nil && n == guard.Value.String() {
		return nil
	}
	fix := "leave --namespace out"
	if guard != nil {
		fix += ", or name the guard's namespace with --guard-namespace " + shell(n)
	}
	return usagef("--namespace %q: EKS reads aws-auth in kube-system alone; %s", n, fix)
}

// clientConfig is what the kubeconfig and the flags say together.
func (o clusterOptions) clientConfig() clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &o.overrides)
}

// config says how to reach the cluster.
func (o clusterOptions) config() (*rest.Config, error) {
	config, err := o.clientConfig().ClientConfig()
	if err != nil {
		return nil, o.explain(err)
	}
	if o.overrides.Timeout == "" {
		config.Timeout = liveTimeout
	}
	config.WarningHandler = rest.NoWarnings{} // the default one writes what the server says to stderr as it is
	return config, nil
}

// timeout is the limit of one request in words.
func (o clusterOptions) timeout() string { return cmp.Or(o.overrides.Timeout, liveTimeout.String()) }

// live reads aws-auth from the cluster; nil if the cluster has none.
func (o clusterOptions) live(ctx context.Context) (*corev1.ConfigMap, error) {
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	client, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, o.explain(err)
	}
	cm, err := client.ConfigMaps(awsAuthNamespace).Get(ctx, "aws-auth", metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) && !fromAnyServer(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("cannot read configmap kube-system/aws-auth: %w", o.explain(err))
	}
	return cm, nil
}

// fromAnyServer reports that an answer is not an API server's: any web server says 404 of what it does not have.
func fromAnyServer(err error) bool {
	return apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// existing is aws-auth from the cluster, which must have one.
func (o clusterOptions) existing(ctx context.Context) (*corev1.ConfigMap, error) {
	cm, err := o.live(ctx)
	if err == nil && cm == nil {
		err = errors.New("it has none")
	}
	if err != nil {
		return nil, &clusterError{fmt.Sprintf("no aws-auth from the cluster: %s", err),
			[]string{"use a manifest instead of the object in the cluster: -f FILE"}, err}
	}
	return cm, nil
}
