package certs

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

const (
	// lookEvery bounds how long anything can stay unnoticed, whatever the watches miss.
	lookEvery = time.Minute
	// again is the pause after a write that somebody else was faster with.
	again = 100 * time.Millisecond
	// fieldOwner is who owns caBundle in the managed fields, whatever the program is called.
	fieldOwner = "aws-auth-guard"
)

// Keeper keeps the guard's own authority in a Secret, and the trust in it in the ValidatingWebhookConfiguration.
type Keeper struct {
	// Namespace and SecretName say where the authority is kept, ConfigurationName who is told to trust it.
	Namespace, SecretName, ConfigurationName string
	Log                                      logr.Logger
	// Clock is for tests; nil: the real one.
	Clock clock.PassiveClock
	// LookEvery is for tests; 0: every minute.
	LookEvery time.Duration

	*serving
	client client.Client
	// live reads past the cache.
	live client.Reader
}

// CacheOptions keeps of the cluster what this package watches: one ValidatingWebhookConfiguration and, where secret is
// not empty, one Secret.
func CacheOptions(configuration, namespace, secret string) map[client.Object]cache.ByObject {
	objects := map[client.Object]cache.ByObject{
		&admissionregistrationv1.ValidatingWebhookConfiguration{}: {Field: named(configuration)},
	}
	if secret != "" {
		objects[&corev1.Secret{}] = cache.ByObject{Namespaces: map[string]cache.Config{namespace: {FieldSelector: named(secret)}}}
	}
	return objects
}

func named(name string) fields.Selector { return fields.OneTermEqualSelector("metadata.name", name) }

// SetUp adds the Keeper to a manager whose cache has CacheOptions.
func (k *Keeper) SetUp(mgr manager.Manager) error {
	if k.Clock == nil {
		k.Clock = clock.RealClock{}
	}
	if k.LookEvery == 0 {
		k.LookEvery = lookEvery
	}
	k.serving = newServing(k.Clock)
	k.client, k.live = mgr.GetClient(), mgr.GetAPIReader()
	return watch(mgr, k, &admissionregistrationv1.ValidatingWebhookConfiguration{}, &corev1.Secret{})
}

// watch has r reconcile the one thing there is to look after: at the start, whether any of the objects exists or not, and
// whenever one changes.
func watch(mgr manager.Manager, r reconcile.Reconciler, objects ...client.Object) error {
	one := reconcile.Request{NamespacedName: types.NamespacedName{Name: "certificate"}}
	b := builder.ControllerManagedBy(mgr).Named(one.Name).
		WatchesRawSource(source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
			queue.Add(one)
			return nil
		})).
		WithOptions(controller.Options{
			NeedLeaderElection: ptr.To(false), // every replica serves the certificate, so every replica looks after it
			SkipNameValidation: ptr.To(true),  // tests run two in one process
		})
	for _, o := range objects {
		b = b.Watches(o, handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
			return []reconcile.Request{one}
		}))
	}
	return b.Complete(r)
}

// Reconcile puts the authority, the trust in it and the leaf being served in order, in this order.
func (k *Keeper) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	wait, err := k.putInOrder(ctx)
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		k.Log.V(1).Info("another replica was faster", "what", err.Error())
		return reconcile.Result{RequeueAfter: again}, nil
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: min(max(wait, again), k.LookEvery)}, nil
}

func (k *Keeper) putInOrder(ctx context.Context) (wait time.Duration, err error) {
	live := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	config, err := liveConfiguration(ctx, k.client, k.ConfigurationName, live)
	k.configured(config, err)
	if apierrors.IsNotFound(err) {
		return k.LookEvery, nil // the watch tells when it comes
	}
	if err != nil {
		return 0, err
	}
	a, version, err := k.authority(ctx, live, config)
	if err != nil {
		return 0, err
	}
	if err := k.inject(ctx, live, config, a, version); err != nil {
		return 0, err
	}
	wait, changed := k.offer(a.leaf)
	if changed {
		k.Log.Info("serving a certificate", "host", config.host, "until", a.leaf.Leaf.NotAfter)
	}
	if next := a.nextChange().Sub(k.Clock.Now()); wait == 0 || next < wait {
		wait = next
	}
	return wait, nil
}

// authority reads the Secret, and makes it or what is due in it new. The version is the Secret's.
func (k *Keeper) authority(ctx context.Context, owner *admissionregistrationv1.ValidatingWebhookConfiguration, config configuration) (authority, string, error) {
	secret := &corev1.Secret{}
	err := k.client.Get(ctx, k.secretKey(), secret)
	exists := !apierrors.IsNotFound(err)
	if err != nil && exists {
		return authority{}, "", err
	}
	a, done, err := readAuthority(secret.Data).renewed(k.Clock.Now(), config.host, config.trusted())
	if err != nil || done == "" {
		return a, secret.ResourceVersion, err
	}
	if secret.Data, err = a.data(); err != nil {
		return a, "", err
	}
	if exists {
		err = k.client.Update(ctx, secret)
	} else {
		// It goes with the configuration that trusts it, so that nothing is left of an uninstalled guard.
		secret.Namespace, secret.Name, secret.Type = k.Namespace, k.SecretName, corev1.SecretTypeTLS
		secret.OwnerReferences = []metav1.OwnerReference{{APIVersion: admissionregistrationv1.SchemeGroupVersion.String(),
			Kind: "ValidatingWebhookConfiguration", Name: owner.Name, UID: owner.UID}}
		err = k.client.Create(ctx, secret)
	}
	if err != nil {
		return a, "", err
	}
	k.Log.Info(done, "secret", k.SecretName, "until", a.leaf.Leaf.NotAfter, "authorityUntil", a.ca.NotAfter)
	return a, secret.ResourceVersion, nil
}

func (k *Keeper) secretKey() client.ObjectKey {
	return client.ObjectKey{Namespace: k.Namespace, Name: k.SecretName}
}

// inject makes the live configuration trust the authority.
func (k *Keeper) inject(ctx context.Context, live *admissionregistrationv1.ValidatingWebhookConfiguration, config configuration, a authority, version string) error {
	patch, err := config.injection(live.ResourceVersion, a.bundle())
	if err != nil || patch == nil {
		return err
	}
	// The cache may be behind what another replica has written to the Secret and, after it, to the configuration.
	secret := &corev1.Secret{}
	if err := k.live.Get(ctx, k.secretKey(), secret); err != nil {
		return err
	}
	if secret.ResourceVersion != version {
		return apierrors.NewConflict(corev1.Resource("secrets"), k.SecretName, fmt.Errorf("version %s is not the newest", version))
	}
	if err := k.client.Patch(ctx, live, client.RawPatch(types.JSONPatchType, patch), client.FieldOwner(fieldOwner)); err != nil {
		return err
	}
	k.Log.Info("the configuration trusts this authority", "configuration", live.Name, "authorityUntil", a.ca.NotAfter)
	config, err = readConfiguration(live)
	k.configured(config, err)
	return err
}
