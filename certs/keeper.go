package certs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
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
	// again is the shortest pause between two looks.
	again = 100 * time.Millisecond
	// askAgain is how often a clock that is wrong is compared: it may be right again.
	askAgain = 5 * time.Second
	// beforeWrite is how old the comparison may be when something is written.
	beforeWrite = time.Second
	// fieldOwner is who owns caBundle in the managed fields, whatever the program is called.
	fieldOwner = "aws-auth-guard"
)

// Keeper keeps the guard's own authority in a Secret, and the trust in it in the ValidatingWebhookConfiguration.
type Keeper struct {
	// Namespace and SecretName name the Secret with the authority, ConfigurationName the configuration that trusts it.
	Namespace, SecretName, ConfigurationName string
	Log                                      logr.Logger
	// Skew is measured by the answers that the manager gets.
	Skew *Skew
	// LookEvery is for tests; 0: every minute.
	LookEvery time.Duration

	*serving
	client client.Client
	pace   *pace
	writes *prometheus.CounterVec
}

// The objects that a Keeper writes, as metrics and messages name them.
const (
	theSecret = "Secret"
	theBundle = "caBundle"
)

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
	k.use(mgr.GetClient(), mgr.GetAPIReader())
	return watch(mgr, k, &admissionregistrationv1.ValidatingWebhookConfiguration{}, &corev1.Secret{})
}

// use sets what a Keeper works with.
func (k *Keeper) use(c client.Client, live client.Reader) {
	if k.LookEvery == 0 {
		k.LookEvery = lookEvery
	}
	k.serving = newServing(k.Skew, k.Log, live, k.ConfigurationName)
	k.client, k.pace = c, newPace(k.Skew.steady)
	k.writes = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aws_auth_guard_certificate_writes_total",
		Help: "Writes of the authority's Secret and of caBundle, by whether somebody else keeps writing the same object."}, []string{"object", "contested"})
}

// Describe makes it a prometheus.Collector.
func (k *Keeper) Describe(ch chan<- *prometheus.Desc) {
	k.serving.Describe(ch)
	k.writes.Describe(ch)
}

// Collect adds the writes to what every certificate has.
func (k *Keeper) Collect(ch chan<- prometheus.Metric) {
	k.serving.Collect(ch)
	k.writes.Collect(ch)
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
			RateLimiter:        workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](again, lookEvery),
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
	k.compareClocks(ctx, k.LookEvery)
	wait, held, err := k.putInOrder(ctx)
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		k.Log.V(1).Info("another replica was faster", "what", err.Error())
		return reconcile.Result{RequeueAfter: again}, nil // the pace keeps the writes apart
	}
	if err != nil {
		k.renewal(err)
		return reconcile.Result{}, err
	}
	wrong, clock := k.Skew.judge()
	k.renewal(cmp.Or(clock, held))
	if wrong != nobodys {
		wait = askAgain
	}
	return reconcile.Result{RequeueAfter: min(max(wait, again), k.LookEvery)}, nil
}

// putInOrder says when to look again, and why what is due is not done.
func (k *Keeper) putInOrder(ctx context.Context) (wait time.Duration, held, err error) {
	live := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	config, err := liveConfiguration(ctx, k.client, k.ConfigurationName, live)
	k.configured(config, err)
	if apierrors.IsNotFound(err) {
		return k.LookEvery, nil, nil // the watch reports when it is created
	}
	if err != nil {
		return 0, nil, err
	}
	a, version, first, err := k.authority(ctx, live, config)
	if err != nil {
		return 0, nil, err
	}
	if a.usable(k.Skew.Now(), config.host) != nil {
		return first.wait, first.why, nil // what is served is served on
	}
	var second hold
	if first.wait == 0 || config.trusts(a.leaf, k.Skew.Now()) != nil { // what is to go from the Secret need not be trusted first
		if second, err = k.inject(ctx, live, config, a, version); err != nil {
			return 0, nil, err
		}
	}
	wait, changed := k.offer(a.leaf)
	if changed {
		k.Log.Info("serving a certificate", "host", config.host, "until", a.leaf.Leaf.NotAfter)
	}
	if first.wait == 0 { // else the change is due and held
		first.wait = a.nextChange().Sub(k.Skew.Now())
	}
	for _, next := range []time.Duration{first.wait, second.wait} {
		if next != 0 && (wait == 0 || next < wait) {
			wait = next
		}
	}
	return wait, cmp.Or(first.why, second.why), nil
}

// authority reads the Secret, and makes it or what is due in it new. The version is the Secret's.
func (k *Keeper) authority(ctx context.Context, owner *admissionregistrationv1.ValidatingWebhookConfiguration, config configuration) (authority, string, hold, error) {
	secret := &corev1.Secret{}
	err := k.client.Get(ctx, k.secretKey(), secret)
	exists := !apierrors.IsNotFound(err)
	if err != nil && exists {
		return authority{}, "", hold{}, err
	}
	now := k.Skew.Now()
	stored, immutable := readAuthority(secret.Data), k.immutable(secret)
	a, done, err := stored.renewed(now, config.host, config.trusted())
	if err != nil || done == "" {
		return a, secret.ResourceVersion, hold{why: immutable}, err
	}
	if immutable != nil {
		return stored, secret.ResourceVersion, hold{k.LookEvery, immutable}, nil //nolint:nilerr // it is why the authority is held as it is
	}
	if h := k.hold(ctx, theSecret, secret, "", stored.usable(now, config.host) == nil); h.wait > 0 {
		return stored, secret.ResourceVersion, h, nil
	}
	if secret.Data, err = a.data(); err != nil {
		return a, "", hold{}, err
	}
	manager, _ := lastWrite(secret, "")
	if exists {
		err = k.client.Update(ctx, secret, client.FieldOwner(fieldOwner))
	} else {
		// It goes with the configuration that trusts it, so that nothing is left of an uninstalled guard.
		secret.Namespace, secret.Name, secret.Type = k.Namespace, k.SecretName, corev1.SecretTypeTLS
		secret.OwnerReferences = []metav1.OwnerReference{{APIVersion: admissionregistrationv1.SchemeGroupVersion.String(),
			Kind: "ValidatingWebhookConfiguration", Name: owner.Name, UID: owner.UID}}
		err = k.client.Create(ctx, secret, client.FieldOwner(fieldOwner))
	}
	k.wrote(theSecret, manager, err)
	if err != nil {
		return a, "", hold{}, err
	}
	k.Log.Info(done, "secret", k.SecretName, "until", a.leaf.Leaf.NotAfter, "authorityUntil", a.ca.NotAfter)
	return a, secret.ResourceVersion, hold{}, nil
}

func (k *Keeper) secretKey() client.ObjectKey {
	return client.ObjectKey{Namespace: k.Namespace, Name: k.SecretName}
}

// inject makes the live configuration trust the authority.
func (k *Keeper) inject(ctx context.Context, live *admissionregistrationv1.ValidatingWebhookConfiguration, config configuration, a authority, version string) (hold, error) {
	patch, err := config.injection(live.ResourceVersion, a.bundle())
	if err != nil || patch == nil {
		return hold{}, err
	}
	if h := k.hold(ctx, theBundle, live, `"f:caBundle"`, config.trusts(a.leaf, k.Skew.Now()) == nil); h.wait > 0 {
		return h, nil
	}
	// The cache may be behind what another replica has written to the Secret and, after it, to the configuration.
	secret := &corev1.Secret{}
	if err := k.live.Get(ctx, k.secretKey(), secret); err != nil {
		return hold{}, err
	}
	if secret.ResourceVersion != version {
		return hold{}, apierrors.NewConflict(corev1.Resource("secrets"), k.SecretName, fmt.Errorf("version %s is not the newest", version))
	}
	manager, _ := lastWrite(live, `"f:caBundle"`)
	err = k.client.Patch(ctx, live, client.RawPatch(types.JSONPatchType, patch), client.FieldOwner(fieldOwner))
	if k.wrote(theBundle, manager, err); err != nil {
		return hold{}, err
	}
	k.Log.Info("the configuration trusts this authority", "configuration", live.Name, "authorityUntil", a.ca.NotAfter)
	config, err = readConfiguration(live)
	k.configured(config, err)
	return hold{}, err
}

// hold is why a write has to wait, and how long. Without a reason it is a matter of moments.
type hold struct {
	wait time.Duration
	why  error
}

// hold says whether an object may be written now. usable: it can be served by as it is.
func (k *Keeper) hold(ctx context.Context, object string, o client.Object, field string, usable bool) hold {
	manager, at := lastWrite(o, field)
	if left := k.pace.left(object); left > 0 {
		if !k.pace.contested(object) {
			return hold{wait: left}
		}
		return hold{left, errors.New(k.rival(object, manager))}
	}
	k.compareClocks(ctx, beforeWrite)
	if wrong, err := k.Skew.judge(); wrong != nobodys {
		return hold{askAgain, err}
	}
	if age := k.Skew.serverNow().Sub(at); usable && age.Abs() < young {
		return hold{wait: young - age}
	}
	return hold{}
}

// wrote counts a write of an object that manager had written before. One that fails is no contest, unless somebody else was
// faster; the controller tries it again more and more slowly.
func (k *Keeper) wrote(object, manager string, err error) {
	if err != nil && !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
		return
	}
	contested := k.pace.wrote(object)
	if err == nil {
		k.writes.WithLabelValues(object, strconv.FormatBool(contested)).Inc()
	}
	if contested {
		k.Log.Info(k.rival(object, manager), "nextWriteIn", k.pace.left(object).String())
	}
}

// rival says who else writes an object. Another replica has the guard's own field manager.
func (k *Keeper) rival(object, manager string) string {
	if manager == "" {
		return "somebody else keeps deleting " + k.name(object)
	}
	return fmt.Sprintf("somebody else keeps writing %s: field manager %q", k.name(object), manager)
}

// name is an object as messages name it.
func (k *Keeper) name(object string) string {
	if object == theBundle {
		return "caBundle of ValidatingWebhookConfiguration " + k.ConfigurationName
	}
	return "Secret " + k.secretKey().String()
}

// immutable is the error for a Secret that cannot be changed. The guard has no right to delete it, and somebody made it
// immutable on purpose.
func (k *Keeper) immutable(secret *corev1.Secret) error {
	if !ptr.Deref(secret.Immutable, false) {
		return nil
	}
	return fmt.Errorf("%s is immutable, so the certificate cannot be renewed: delete it (kubectl -n %s delete secret %s), and the guard creates another one",
		k.name(theSecret), k.Namespace, k.SecretName)
}
