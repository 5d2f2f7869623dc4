// Package watch keeps the result of package rbac up to date with a cluster, and asks the cluster's authorizer.
//
// A Watcher watches the four kinds of RBAC objects, keeps of each only what can matter, and computes the result again
// some moments after a change. An admission reads a pointer, however many bindings there are.
package watch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
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

	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
)

// settle is how long changes are gathered before the result is computed again: long enough for the many objects of one
// helm install, short enough for somebody who binds a group and then maps it. In a cluster so large, and with so many changes,
// that this would cost more than a twentieth of a processor, it is longer.
const (
	settle = 100 * time.Millisecond
	share  = 20
)

// resources are what is watched, as the API calls them.
var resources = rbac.Resources

// Watcher implements the port to RBAC for a cluster.
type Watcher struct {
	log     logr.Logger
	client  rest.Interface
	stores  [4]*store
	dirty   chan struct{}
	answer  atomic.Pointer[privilege.Equivalents]
	started time.Time

	mu    sync.Mutex
	guard rbac.Guard
	// errs are why a resource cannot be read at the moment, since when, by the resource.
	errs map[string]failure

	readable, known, names, leftOut *prometheus.GaugeVec
	seconds                         prometheus.Gauge
}

// failure is why a resource cannot be read.
type failure struct {
	error
	since time.Time
}

var _ privilege.Source = (*Watcher)(nil)

// New makes a Watcher; Start sets it to work.
func New(config *rest.Config, guard rbac.Guard, log logr.Logger, metrics prometheus.Registerer) (*Watcher, error) {
	compact := rest.CopyConfig(config)
	compact.QPS = -1 // pages are small; the API server has its own fairness
	compact.ContentType, compact.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf+","+runtime.ContentTypeJSON
	client, err := rbacv1client.NewForConfig(compact)
	if err != nil {
		return nil, fmt.Errorf("RBAC: %w", err)
	}
	w := &Watcher{log: log, guard: guard, started: time.Now(), client: client.RESTClient(), dirty: make(chan struct{}, 1), errs: map[string]failure{},
		readable: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "aws_auth_guard_rbac_readable",
			Help: "1 while the guard can watch this kind of RBAC object; if 0, what it knows may be stale or missing."}, []string{"resource"}),
		known: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "aws_auth_guard_rbac_known",
			Help: "1 once this kind of RBAC object has been read; if 0, what only this kind proves is unknown."}, []string{"resource"}),
		names: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "aws_auth_guard_rbac_privileged",
			Help: "Names that RBAC makes equivalent to cluster-admin, by kind: group or username."}, []string{"kind"}),
		leftOut: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "aws_auth_guard_rbac_left_out",
			Help: "RBAC objects that are not kept, because their namespace has too many."}, []string{"resource"}),
		seconds: prometheus.NewGauge(prometheus.GaugeOpts{Name: "aws_auth_guard_rbac_resolve_seconds",
			Help: "Time to compute the last result from RBAC."}),
	}
	metrics.MustRegister(w.readable, w.known, w.names, w.leftOut, w.seconds)
	for i, resource := range resources {
		w.readable.WithLabelValues(resource).Set(0)
		w.known.WithLabelValues(resource).Set(0)
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
	before, failed := w.errs[resource]
	if err == nil {
		w.readable.WithLabelValues(resource).Set(1)
		delete(w.errs, resource)
		if failed {
			w.log.Info("RBAC can be read again", "resource", resource)
		}
		return
	}
	w.readable.WithLabelValues(resource).Set(0)
	now := failure{err, time.Now()}
	if failed {
		now.since = before.since
	}
	w.errs[resource] = now
	if !failed || before.Error() != err.Error() {
		w.log.Error(err, "cannot read RBAC", "resource", resource, "consequence", w.consequence(resource))
	}
	w.changed()
}

// consequence says what follows from not reading a resource.
func (w *Watcher) consequence(resource string) string {
	if w.stores[slices.Index(resources[:], resource)].read() {
		return "what was known still counts, later changes are not seen"
	}
	return rbac.Consequence([]string{resource})
}

// changed asks for a new answer.
func (w *Watcher) changed() {
	select {
	case w.dirty <- struct{}{}:
	default: // asked already
	}
}

// SetGroups sets the groups that the policy calls privileged.
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
	for {
		var took time.Duration
		unreadable, settled := w.state()
		if settled && len(unreadable) < len(resources) {
			took = w.resolve(unreadable)
		}
		var giveUp <-chan time.Time
		if !settled {
			giveUp = time.After(max(time.Until(w.deadline()), settle))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.dirty:
		case <-giveUp:
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

// startWithin is how long after the start RBAC is waited for: an API server that does not answer must not keep the guard from
// doing the rest.
const startWithin = 30 * time.Second

// deadline is when what has not been read until then counts as out of reach.
func (w *Watcher) deadline() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.started.Add(startWithin)
}

// state says which resources were never read, and why; settled, that those are known to be out of reach: the API server does not
// let us, or has not answered well in time. What was read once is known, however old.
func (w *Watcher) state() (unreadable map[string]error, settled bool) {
	late := !time.Now().Before(w.deadline())
	unreadable, settled = map[string]error{}, true
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, resource := range resources {
		if w.stores[i].read() {
			continue
		}
		err, failed := w.errs[resource]
		switch {
		case failed:
			unreadable[resource] = err.error
		case late:
			unreadable[resource] = fmt.Errorf("it could not be read within %s of the start", startWithin)
		}
		settled = settled && (late || failed && refused(err.error))
	}
	return unreadable, settled
}

// refused reports an error that a retry does not fix.
func refused(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err)
}

// resolve works the answer out, and says how long that took.
func (w *Watcher) resolve(unreadable map[string]error) time.Duration {
	started := time.Now()
	o := &rbac.Objects{ClusterRoles: stored[rbacv1.ClusterRole](w.stores[0]), ClusterRoleBindings: stored[rbacv1.ClusterRoleBinding](w.stores[1]),
		Roles: stored[rbacv1.Role](w.stores[2]), RoleBindings: stored[rbacv1.RoleBinding](w.stores[3]), Unread: w.stores[2].unread(), Unreadable: unreadable}
	for i, resource := range resources {
		w.leftOut.WithLabelValues(resource).Set(float64(w.stores[i].tellLeftOut(w.log, resource)))
		if unreadable[resource] == nil {
			w.known.WithLabelValues(resource).Set(1)
		}
	}
	w.mu.Lock()
	guard := w.guard
	w.mu.Unlock()
	answer := rbac.Resolve(o, guard)
	took := time.Since(started)
	w.seconds.Set(took.Seconds())
	w.names.WithLabelValues("group").Set(float64(len(answer.Groups)))
	w.names.WithLabelValues("username").Set(float64(len(answer.Usernames)))
	var missing, missingBefore []string
	before := w.answer.Swap(answer)
	if answer.Partial != nil {
		missing = answer.Partial.Kinds
	}
	if before != nil && before.Partial != nil {
		missingBefore = before.Partial.Kinds
	}
	if before == nil || !slices.Equal(missing, missingBefore) {
		w.log.Info("RBAC is read", "clusterRoleBindings", len(o.ClusterRoleBindings), "roleBindings", len(o.RoleBindings),
			"privilegedGroups", len(answer.Groups), "privilegedUsernames", len(answer.Usernames), "notRead", missing)
	}
	return took
}

// Equivalents is what was known last. An error says that nothing of RBAC could ever be read; privilege.ErrNotYet, that it may yet be.
func (w *Watcher) Equivalents() (*privilege.Equivalents, error) {
	if answer := w.answer.Load(); answer != nil {
		return answer, nil
	}
	unreadable, settled := w.state()
	if !settled || len(unreadable) < len(resources) { // or it is being worked out
		return nil, privilege.ErrNotYet
	}
	return nil, unreadable[resources[0]]
}

// Err says which resources cannot be read at the moment, why, and what follows; nil if all can.
func (w *Watcher) Err() error {
	unreadable, _ := w.state()
	w.mu.Lock()
	defer w.mu.Unlock()
	var never, old []string
	var why error
	var since time.Time
	for _, r := range resources {
		err, failed := w.errs[r]
		if !failed && unreadable[r] == nil {
			continue
		}
		reason := unreadable[r]
		if reason != nil {
			never = append(never, r)
		} else {
			reason = err.error
			if old = append(old, r); since.IsZero() || err.since.Before(since) {
				since = err.since
			}
		}
		if why == nil {
			why = reason
		}
	}
	var lines []string
	if len(never) > 0 {
		lines = append(lines, fmt.Sprintf("cannot read %s: %s", rbac.Enumerate(never), rbac.Consequence(never)))
	}
	if len(old) > 0 {
		lines = append(lines, fmt.Sprintf("cannot read %s since %s: what was known still counts, later changes are not seen", rbac.Enumerate(old), since.UTC().Format(time.RFC3339)))
	}
	if why == nil {
		return nil
	}
	return fmt.Errorf("%s (%w)", strings.Join(lines, "; "), why)
}

// Check is for readiness: not ready until RBAC is read, or known to be out of reach, or has taken too long. What cannot be had must not keep the
// guard from doing the rest.
func (w *Watcher) Check(*http.Request) error {
	if _, err := w.Equivalents(); errors.Is(err, privilege.ErrNotYet) {
		return fmt.Errorf("RBAC: %w", err)
	}
	return nil
}
