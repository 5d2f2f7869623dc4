package certs

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Mounted serves tls.crt and tls.key from a directory and takes them in anew when they change. Who writes them also sees
// to caBundle.
type Mounted struct {
	Dir, ConfigurationName string

	*serving
	client client.Client
}

// SetUp adds it to a manager whose cache has CacheOptions without a Secret. The files have to be there.
func (m *Mounted) SetUp(mgr manager.Manager) error {
	m.serving = newServing(clock.RealClock{})
	m.client = mgr.GetClient()
	watcher, err := certwatcher.New(filepath.Join(m.Dir, tlsCert), filepath.Join(m.Dir, tlsKey))
	if err != nil {
		return err
	}
	watcher.RegisterCallback(func(leaf tls.Certificate) { m.serve(&leaf) })
	if err := mgr.Add(watcher); err != nil {
		return err
	}
	return watch(mgr, m, &admissionregistrationv1.ValidatingWebhookConfiguration{})
}

// Reconcile takes in the live configuration.
func (m *Mounted) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	m.configured(liveConfiguration(ctx, m.client, m.ConfigurationName, &admissionregistrationv1.ValidatingWebhookConfiguration{}))
	return reconcile.Result{}, nil
}

// liveConfiguration reads the ValidatingWebhookConfiguration.
func liveConfiguration(ctx context.Context, from client.Reader, name string, into *admissionregistrationv1.ValidatingWebhookConfiguration) (configuration, error) {
	if err := from.Get(ctx, client.ObjectKey{Name: name}, into); err != nil {
		return configuration{}, fmt.Errorf("ValidatingWebhookConfiguration: %w", err)
	}
	return readConfiguration(into)
}
