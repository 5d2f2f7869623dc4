package main

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// policyKey is where the ConfigMap holds the policy file.
const policyKey = "policy.yaml"

// clusterPolicy puts the policy in force and sees to it that a change comes into force while the manager runs. A nil
// store: there is no policy.
//
// The ConfigMap is watched and not mounted: the kubelet takes up to two minutes to bring a change into a volume, and
// each replica at another time.
func (o *options) clusterPolicy(ctx context.Context, mgr manager.Manager, guard *guard) (*policy.Store, error) {
	if o.policyConfigMap == "" {
		store, err := guard.open(o.policy)
		if store == nil || err != nil {
			return nil, err
		}
		return store, mgr.Add(manager.RunnableFunc(func(ctx context.Context) error { store.Watch(ctx); return nil }))
	}
	var cm corev1.ConfigMap
	if err := mgr.GetAPIReader().Get(ctx, client.ObjectKey{Namespace: o.namespace, Name: o.policyConfigMap}, &cm); err != nil {
		return nil, fmt.Errorf("--policy-configmap: %w", err)
	}
	data, err := o.policyText(&cm)
	if err != nil {
		return nil, err
	}
	from := policy.Source{ConfigMap: o.namespace + "/" + o.policyConfigMap}
	store, err := policy.OpenText(from, data, guard.apply, guard.reloaded)
	if err != nil {
		return nil, err
	}
	informer, err := mgr.GetCache().GetInformer(ctx, &corev1.ConfigMap{})
	if err != nil {
		return nil, err
	}
	take := func(object any) {
		if cm, ok := object.(*corev1.ConfigMap); ok {
			store.Take(o.policyText(cm))
		}
	}
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    take,
		UpdateFunc: func(_, object any) { take(object) },
		DeleteFunc: func(any) { store.Take(nil, fmt.Errorf("the ConfigMap %q is gone", o.policyConfigMap)) },
	})
	return store, err
}

func (o *options) policyText(cm *corev1.ConfigMap) ([]byte, error) {
	text, ok := cm.Data[policyKey]
	if !ok {
		return nil, fmt.Errorf("the ConfigMap %q has no %s", o.policyConfigMap, policyKey)
	}
	return []byte(text), nil
}

func policyMetric(store *policy.Store) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "aws_auth_guard_policy_rejected",
		Help: "1 while the newest policy is invalid and the previous one is in force, else 0."}, func() float64 {
		if store.Err() != nil {
			return 1
		}
		return 0
	})
}
