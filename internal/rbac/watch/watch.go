// Package watch keeps the answer of package rbac in step with a cluster, and asks the cluster's authorizer.
//
// A Watcher watches the four kinds of RBAC objects, keeps of each only what can matter, and works the answer out anew
// some moments after a change. An admission reads a pointer, however many bindings there are.
package watch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	rbacv1client "k8s.io/client-go/kubernetes/typed/rbac/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// settle is how long changes are gathered before the answer is worked out anew: long enough for the many objects of one
// helm install, short enough for whoever binds a group and then maps it. In a cluster so large, and with so many changes,
// that this would cost more than a twentieth of a processor, it is longer.
const (
	settle = 100 * time.Millisecond
	share  = 20
)

// resources are what is watched, as the API calls them.
var resources = [4]string{"clusterroles", "clusterrolebindings", "roles", "rolebindings"}

// Watcher is validate's port Privileges for a live cluster.
type Watcher struct {
	log     logr.Logger
	client  rest.Interface
	stores  [4]*store
	dirty   chan struct{}
	answer  atomic.Pointer[validate.Equivalents]
	started time.Time

	mu    sync.Mutex
	guard rbac.Guard
	// errs are why a resource cannot be read at the moment.
	errs map[string]error

	readable, names, leftOut *prometheus.GaugeVec
	seconds                  prometheus.Gauge
}

var _ validate.Privileges = (*Watcher)(nil)

// New makes a Watcher; Start sets it to work.
func New(config *rest.Config, guard rbac.Guard, log logr.Logger, metrics prometheus.Registerer) (*Watcher, error) {
	compact := rest.CopyConfig(config)
	compact.QPS = -1 // pages are small; the API server has its own fairness
	compact.ContentType, compact.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf+","+runtime.ContentTypeJSON
	client, err := rbacv1client.NewForConfig(compact)
	if err != nil {
		return nil, fmt.Errorf("RBAC: %w", err)
	}
	w := &Watcher{log: log, guard: guard, started: time.Now(), client: client.RESTClient(), dirty: make(chan struct{}, 1), errs: map[string]error{},
		readable: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "aws_auth_guard_rbac_readable",
			Help: "1 while the guard can watch a kind of RBAC object, else 0; what it knows of it may be old then, or nothing."}, []string{"resource"}),
		names: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "aws_auth_guard_rbac_privileged",
			Help: "Names that RBAC makes as good as system:masters, by kind: group or username."}, []string{"kind"}),
		leftOut: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "aws_auth_guard_rbac_left_out",
			Help: "RBAC objects that are not kept, since their namespace has too much of them."}, []string{"resource"}),
		seconds: prometheus.NewGauge(prometheus.GaugeOpts{Name: "aws_auth_guard_rbac_resolve_seconds",
			Help: "How long it took to work out the last answer from RBAC."}),
	}
	metrics.MustRegister(w.readable, w.names, w.leftOut, w.seconds)
	for i, resource := range resources {
		w.readable.WithLabelValues(resource).Set(0)
		w.stores[i] = newStore(guard, w.changed)
	}
	return w, nil
}

// listWatch reads one resource, and notes whether that works.
func (w *Watcher) listWatch(resource string, s *store) *cache.ListWatch {
	lw := cache.NewListWatchFromClient(w.client, resource, metav1.NamespaceAll, fields.Everything())
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			o, err := listPages(ctx, lw.ListWithContextFunc, options, s.guard)
			w.note(ctx, resource, err)
			return o, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (apiwatch.Interface, error) {
			i, err := lw.WatchFuncWithContext(ctx, options)
			w.note(ctx, resource, err)
			return i, err
		},
	}
}

// note keeps an error until the resource can be read again, and logs it when it changes.
func (w *Watcher) note(ctx context.Context, resource string, err error) {
	if ctx.Err() != nil || apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || apierrors.IsTooManyRequests(err) || apierrors.IsInvalid(err) {
		return // the informer starts afresh
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.errs[resource]
	if err == nil {
		w.readable.WithLabelValues(resource).Set(1)
		delete(w.errs, resource)
		if before != nil {
			w.log.Info("RBAC can be read again", "resource", resource)
		}
		return
	}
	w.readable.WithLabelValues(resource).Set(0)
	w.errs[resource] = err
	if before == nil || before.Error() != err.Error() {
		w.log.Error(err, "cannot read RBAC: what it grants is not seen, or not anew; only the groups that the policy names are sure to be guarded", "resource", resource)
	}
}

// changed asks for a new answer.
func (w *Watcher) changed() {
	select {
	case w.dirty <- struct{}{}:
	default: // asked already
	}
}

// SetGroups tells of the groups that the policy calls privileged.
func (w *Watcher) SetGroups(groups []string) {
	w.mu.Lock()
	w.guard.Groups = groups
	w.mu.Unlock()
	w.changed()
}

// SetUsernames sets the usernames that give power over the guard by the policy.
func (w *Watcher) SetUsernames(usernames []string) {
	w.mu.Lock()
	w.guard.Usernames = usernames
	w.mu.Unlock()
	w.changed()
}

// NeedLeaderElection is for controller-runtime: every replica answers admissions.
func (*Watcher) NeedLeaderElection() bool { return false }

// Start watches until ctx ends.
func (w *Watcher) Start(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	quiet := logr.NewContext(ctx, logr.Discard()) // note says what goes wrong, and says it once
	for i, example := range [4]runtime.Object{&rbacv1.ClusterRole{}, &rbacv1.ClusterRoleBinding{}, &rbacv1.Role{}, &rbacv1.RoleBinding{}} {
		reflector := cache.NewReflectorWithOptions(w.listWatch(resources[i], w.stores[i]), example, w.stores[i], cache.ReflectorOptions{Name: "rbac"})
		group.Go(func() { reflector.RunWithContext(quiet) })
	}
	for i := range w.stores {
		select {
		case <-ctx.Done():
			return nil
		case <-w.stores[i].synced:
		}
	}
	for {
		took := w.resolve()
		select {
		case <-ctx.Done():
			return nil
		case <-w.dirty:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(settle, share*took)):
		}
		select { // what came meanwhile is in the answer
		case <-w.dirty:
		default:
		}
	}
}

// resolve works the answer out, and says how long that took.
func (w *Watcher) resolve() time.Duration {
	started := time.Now()
	o := &rbac.Objects{ClusterRoles: stored[rbacv1.ClusterRole](w.stores[0]), ClusterRoleBindings: stored[rbacv1.ClusterRoleBinding](w.stores[1]),
		Roles: stored[rbacv1.Role](w.stores[2]), RoleBindings: stored[rbacv1.RoleBinding](w.stores[3]), Unread: w.stores[2].unread()}
	for i, resource := range resources {
		w.leftOut.WithLabelValues(resource).Set(float64(w.stores[i].tellLeftOut(w.log, resource)))
	}
	w.mu.Lock()
	guard := w.guard
	w.mu.Unlock()
	answer := rbac.Resolve(o, guard)
	took := time.Since(started)
	w.seconds.Set(took.Seconds())
	w.names.WithLabelValues("group").Set(float64(len(answer.Groups)))
	w.names.WithLabelValues("username").Set(float64(len(answer.Usernames)))
	if w.answer.Swap(answer) == nil {
		w.log.Info("RBAC is read", "clusterRoleBindings", len(o.ClusterRoleBindings), "roleBindings", len(o.RoleBindings),
			"privilegedGroups", len(answer.Groups), "privilegedUsernames", len(answer.Usernames))
	}
	return took
}

// startWithin is how long after the start RBAC is waited for: an API server that does not answer must not keep the guard from
// doing the rest.
const startWithin = 30 * time.Second

// Equivalents is what was known last. An error says that RBAC could never be read; validate.ErrNotYet, that it may yet be.
func (w *Watcher) Equivalents() (*validate.Equivalents, error) {
	if answer := w.answer.Load(); answer != nil {
		return answer, nil
	}
	if err := w.Err(); err != nil {
		return nil, err
	}
	if time.Since(w.started) >= startWithin {
		return nil, fmt.Errorf("it could not be read within %s of the start", startWithin)
	}
	return nil, validate.ErrNotYet
}

// Err is why RBAC cannot be read at the moment, or nil.
func (w *Watcher) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range resources {
		if err := w.errs[r]; err != nil {
			return err
		}
	}
	return nil
}

// Check is for readiness: not ready until RBAC is read, or known to be out of reach, or has taken too long. What cannot be had must not keep the
// guard from doing the rest.
func (w *Watcher) Check(*http.Request) error {
	if _, err := w.Equivalents(); errors.Is(err, validate.ErrNotYet) {
		return fmt.Errorf("RBAC: %w", err)
	}
	return nil
}
