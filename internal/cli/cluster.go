package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// liveTimeout bounds every read, so that a cluster that is gone is told, not waited for.
const liveTimeout = 15 * time.Second

type clusterOptions struct{ kubeconfig, context string }

func (o *clusterOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig `FILE` of the cluster")
	f.StringVar(&o.context, "context", "", "kubeconfig `CONTEXT` of the cluster")
}

// given reports that the command line says which cluster is meant.
func (o clusterOptions) given() bool { return o != clusterOptions{} }

// config says how to reach the cluster.
func (o clusterOptions) config() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.context}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		return nil, o.explain(err)
	}
	config.Timeout = liveTimeout
	config.WarningHandler = rest.NoWarnings{} // the default one writes what the server says to stderr as it is
	return config, nil
}

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
	cm, err := client.ConfigMaps("kube-system").Get(ctx, "aws-auth", metav1.GetOptions{})
	anyServer := apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse) // which may say 404 as well
	switch {
	case apierrors.IsNotFound(err) && !anyServer:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("cannot read configmap kube-system/aws-auth: %w", o.explain(err))
	}
	return cm, nil
}

// existing is aws-auth from the cluster, which must have one.
func (o clusterOptions) existing(ctx context.Context) (*corev1.ConfigMap, error) {
	cm, err := o.live(ctx)
	if err == nil && cm == nil {
		err = errors.New("it has none")
	}
	if err != nil {
		return nil, &clusterError{fmt.Sprintf("no aws-auth from the cluster: %s", err),
			[]string{"or give a manifest instead of the cluster's object"}, err}
	}
	return cm, nil
}
