package cli

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// What the chart calls the policy (deploy/helm/aws-auth-guard/templates/policy.yaml).
const (
	policyConfigMap = "aws-auth-guard-policy"
	policyKey       = "policy.yaml"
	policySuffix    = "-policy"
	guardLabel      = "app.kubernetes.io/name=aws-auth-guard"
)

// clusterPolicy is a policy, and where the guard's is in the cluster.
type clusterPolicy struct {
	namespace, name string
	policy          *policy.Policy
	// unasked says that it is the built-in one, for want of another; missing why the cluster's is not known.
	unasked bool
	missing string
}

// policy reads the policy of the guard in the cluster; nil if there is none. The namespace is the first that is looked
// into; the names may have been changed in the chart's values, so others are looked for by the chart's label.
func (o clusterOptions) policy(ctx context.Context, namespace string) (*clusterPolicy, error) {
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	client, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, o.explain(err)
	}
	cm, err := client.ConfigMaps(namespace).Get(ctx, policyConfigMap, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) && !fromAnyServer(err):
		cm, err = otherPolicy(ctx, client, namespace)
	case err != nil:
		err = fmt.Errorf("cannot read the policy, ConfigMap %s/%s: %w", namespace, policyConfigMap, o.explain(err))
	}
	if err != nil || cm == nil {
		return nil, err
	}
	where := "ConfigMap " + cm.Namespace + "/" + cm.Name
	text, ok := cm.Data[policyKey]
	if !ok {
		return nil, fmt.Errorf("%s has no key %s", where, policyKey)
	}
	p, err := policy.Parse([]byte(text))
	if err != nil {
		return nil, &clusterError{fmt.Sprintf("the cluster's policy, %s, is not valid: %s", where, err),
			[]string{"the guard keeps its previous policy, which only its pods have: fix the ConfigMap, or give a file with --policy"}, err}
	}
	return &clusterPolicy{namespace: cm.Namespace, name: cm.Name, policy: p}, nil
}

// otherPolicy is the policy under another name, or in another namespace; nil if there is none, or nobody may look for it.
func otherPolicy(ctx context.Context, client corev1client.ConfigMapsGetter, namespace string) (*corev1.ConfigMap, error) {
	for _, in := range []struct {
		namespace string
		options   metav1.ListOptions
	}{
		{namespace, metav1.ListOptions{}},
		{metav1.NamespaceAll, metav1.ListOptions{LabelSelector: guardLabel}},
	} {
		list, err := client.ConfigMaps(in.namespace).List(ctx, in.options)
		if err != nil {
			continue // often forbidden, and then there is nothing to find
		}
		var found []*corev1.ConfigMap
		for i := range list.Items {
			if cm := &list.Items[i]; strings.Contains(cm.Data[policyKey], "aws-auth-guard.io/") {
				found = append(found, cm)
			}
		}
		if len(found) > 1 {
			return nil, fmt.Errorf("the cluster has several policies, ConfigMaps %s/%s and %s/%s; name one namespace with --guard-namespace",
				found[0].Namespace, found[0].Name, found[1].Namespace, found[1].Name)
		}
		if len(found) == 1 {
			return found[0], nil
		}
	}
	return nil, nil
}
