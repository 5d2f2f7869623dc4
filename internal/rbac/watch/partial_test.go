package watch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac/watch"
)

// The ways in which a kind cannot be read.
const (
	forbidden = "forbidden"
	failing   = "fails"
	hanging   = "hangs"
)

// rbacServer is an API server for RBAC alone: a group for each kind, which without that kind is not known to be privileged.
type rbacServer struct {
	mu      sync.Mutex
	faults  map[string]string
	changed chan struct{} // closed with every change of the faults
	done    context.Context
}

// The groups of the server's cluster, and which kinds have to be read to know that they are privileged.
var groupsOfServer = map[string][]string{
	"admins":   {rbac.ClusterRoleBindings},                    // bound to cluster-admin
	"platform": {rbac.ClusterRoles, rbac.ClusterRoleBindings}, // bound to a ClusterRole of the cluster's own
	"keepers":  {rbac.Roles, rbac.RoleBindings},               // bound to a Role in kube-system
	"editors":  {rbac.ClusterRoles, rbac.RoleBindings},        // bound to a ClusterRole in kube-system
}

func listOf(resource string) any {
	everything := []rbacv1.PolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}}
	secrets := []rbacv1.PolicyRule{{Verbs: []string{"list"}, APIGroups: []string{""}, Resources: []string{"secrets"}}}
	subject := func(group string) []rbacv1.Subject {
		return []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group}}
	}
	system := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceSystem}
	}
	kind := metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String()}
	version := metav1.ListMeta{ResourceVersion: "1"}
	switch resource {
	case rbac.ClusterRoles:
		kind.Kind = "ClusterRoleList"
		return &rbacv1.ClusterRoleList{TypeMeta: kind, ListMeta: version, Items: []rbacv1.ClusterRole{
			{ObjectMeta: metav1.ObjectMeta{Name: "cluster-admin"}, Rules: everything}, {ObjectMeta: metav1.ObjectMeta{Name: "own"}, Rules: everything}}}
	case rbac.ClusterRoleBindings:
		kind.Kind = "ClusterRoleBindingList"
		return &rbacv1.ClusterRoleBindingList{TypeMeta: kind, ListMeta: version, Items: []rbacv1.ClusterRoleBinding{
			{ObjectMeta: metav1.ObjectMeta{Name: "admins"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "cluster-admin"}, Subjects: subject("admins")},
			{ObjectMeta: metav1.ObjectMeta{Name: "platform"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "own"}, Subjects: subject("platform")}}}
	case rbac.Roles:
		kind.Kind = "RoleList"
		return &rbacv1.RoleList{TypeMeta: kind, ListMeta: version, Items: []rbacv1.Role{{ObjectMeta: system("keys"), Rules: secrets}}}
	default:
		kind.Kind = "RoleBindingList"
		return &rbacv1.RoleBindingList{TypeMeta: kind, ListMeta: version, Items: []rbacv1.RoleBinding{
			{ObjectMeta: system("keepers"), RoleRef: rbacv1.RoleRef{Kind: "Role", Name: "keys"}, Subjects: subject("keepers")},
			{ObjectMeta: system("editors"), RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "own"}, Subjects: subject("editors")}}}
	}
}

// set gives a kind a fault, or takes it away, and ends all watches.
func (s *rbacServer) set(fault string, kinds ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range kinds {
		s.faults[k] = fault
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *rbacServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resource := path.Base(r.URL.Path)
	s.mu.Lock()
	fault, changed := s.faults[resource], s.changed
	s.mu.Unlock()
	wait := func() {
		select {
		case <-changed:
		case <-r.Context().Done():
		case <-s.done.Done():
		}
	}
	answer := func(status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body) // who has gone reads nothing
	}
	deny := func(err *apierrors.StatusError) { answer(int(err.ErrStatus.Code), err.ErrStatus) }
	switch {
	case fault == forbidden:
		deny(apierrors.NewForbidden(schema.GroupResource{Group: rbacv1.GroupName, Resource: resource}, "", errors.New("no right")))
	case fault == failing:
		deny(apierrors.NewInternalError(errors.New("the list is too large")))
	case fault == hanging:
		wait()
	case r.URL.Query().Get("sendInitialEvents") == "true":
		deny(apierrors.NewInvalid(schema.GroupKind{Kind: "ListOptions"}, "", nil))
	case r.URL.Query().Get("watch") == "true":
		w.Header().Set("Content-Type", "application/json")
		w.(http.Flusher).Flush()
		wait()
	default:
		answer(http.StatusOK, listOf(resource))
	}
}

func newRBACServer(t *testing.T) (*rbacServer, *rest.Config) {
	t.Helper()
	s := &rbacServer{faults: map[string]string{}, changed: make(chan struct{}), done: t.Context()}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, &rest.Config{Host: server.URL}
}

// judged holds an answer against what can be known without some kinds.
func judged(known *privilege.Equivalents, missing []string) error {
	without := map[string]bool{}
	for _, k := range missing {
		without[k] = true
	}
	if got := known.Partial; (got != nil) != (len(missing) > 0) || got != nil && strings.Join(got.Kinds, " ") != strings.Join(missing, " ") {
		return fmt.Errorf("missing: %+v, want %v", got, missing)
	}
	if p := known.Partial; p != nil && p.Any != (without[rbac.ClusterRoleBindings] || without[rbac.RoleBindings]) {
		return fmt.Errorf("any name may be more: %v", p.Any)
	}
	for group, needs := range groupsOfServer {
		proven := true
		for _, k := range needs {
			proven = proven && !without[k]
		}
		if (known.Groups[group] != "") != proven {
			return fmt.Errorf("%s: %q, proven %v", group, known.Groups[group], proven)
		}
		if p := known.Partial; !proven && !p.Any && p.Groups[group] == "" {
			return fmt.Errorf("%s is not known to be unknown", group)
		}
	}
	return nil
}

// TestKindsUnreadable takes each kind away, in each way: at the start, so that it is never known, and while the watcher runs, so that
// what was known stays. The others count all the while, the readiness line and the metrics say which kind it is, and it is read
// when it comes back.
func TestKindsUnreadable(t *testing.T) {
	for _, fault := range []string{forbidden, failing, hanging} {
		for _, kind := range rbac.Resources {
			t.Run(kind+" "+fault, func(t *testing.T) {
				t.Parallel()
				server, config := newRBACServer(t)
				server.set(fault, kind)
				registry := prometheus.NewRegistry()
				w, err := watch.New(config, rbac.Guard{Namespace: "guard"}, logr.Discard(), registry)
				if err != nil {
					t.Fatal(err)
				}
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error)
				go func() { done <- w.Start(ctx) }()
				defer func() {
					stop()
					if err := <-done; err != nil {
						t.Error(err)
					}
				}()
				is := func(missing ...string) func() error {
					return func() error {
						known, err := w.Equivalents()
						if err != nil {
							return err
						}
						return judged(known, missing)
					}
				}
				gauges := func(readable, known int) func() error {
					return func() error {
						for name, want := range map[string]int{"aws_auth_guard_rbac_readable": readable, "aws_auth_guard_rbac_known": known} {
							for _, k := range rbac.Resources {
								value := want
								if k != kind {
									value = 1
								}
								text, err := gauge(registry, name, k)
								if err != nil {
									return err
								}
								if text != float64(value) {
									return fmt.Errorf("%s of %s is %v, want %d", name, k, text, value)
								}
							}
						}
						return nil
					}
				}
				if fault != forbidden {
					eventually(t, func() error { // the others are read, and this one may yet be
						for _, k := range rbac.Resources {
							if v, err := gauge(registry, "aws_auth_guard_rbac_readable", k); err != nil || k != kind && v != 1 {
								return fmt.Errorf("%s: %v, %w", k, v, err)
							}
						}
						return nil
					})
					if _, err := w.Equivalents(); !errors.Is(err, privilege.ErrNotYet) || w.Check(nil) == nil {
						t.Errorf("just started: %v, ready: %v", err, w.Check(nil))
					}
					w.Age(30 * time.Second)
				}
				eventually(t, is(kind))
				eventually(t, func() error { return w.Check(nil) })
				if err := w.Err(); err == nil || !strings.HasPrefix(err.Error(), "cannot read "+kind+": the guard cannot tell ") {
					t.Errorf("the readiness line: %v", err)
				}
				eventually(t, gauges(0, 0))

				server.set("", kind)
				eventually(t, is())
				eventually(t, gauges(1, 1))
				if err := w.Err(); err != nil {
					t.Errorf("the readiness line: %v", err)
				}

				if fault == hanging {
					return // a watch without events looks like one that fails silently
				}
				server.set(fault, kind)
				eventually(t, gauges(0, 1))
				if err := w.Err(); err == nil || !strings.HasPrefix(err.Error(), "cannot read "+kind+" since ") || !strings.Contains(err.Error(), "what was known still counts") {
					t.Errorf("the readiness line: %v", err)
				}
				if err := is()(); err != nil {
					t.Errorf("what was known: %v", err)
				}
			})
		}
	}
}

// gauge is the value of one resource.
func gauge(registry *prometheus.Registry, name, resource string) (float64, error) {
	families, err := registry.Gather()
	if err != nil {
		return 0, err
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == resource {
				return m.GetGauge().GetValue(), nil
			}
		}
	}
	return 0, fmt.Errorf("no %s of %s", name, resource)
}

// TestNoKindReadable: nothing can be proven, and the first kind that comes back counts at once.
func TestNoKindReadable(t *testing.T) {
	server, config := newRBACServer(t)
	server.set(forbidden, rbac.Resources[:]...)
	w, err := watch.New(config, rbac.Guard{Namespace: "guard"}, logr.Discard(), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Start(ctx) }()
	eventually(t, func() error { return w.Check(nil) })
	if known, err := w.Equivalents(); known != nil || !apierrors.IsForbidden(err) {
		t.Errorf("got %v, %v", known, err)
	}
	if err := w.Err(); err == nil || !strings.Contains(err.Error(), "cannot read clusterroles, clusterrolebindings, roles and rolebindings: the guard cannot tell whether a group or username") {
		t.Errorf("the readiness line: %v", err)
	}
	server.set("", rbac.ClusterRoleBindings)
	eventually(t, func() error {
		known, err := w.Equivalents()
		if err != nil {
			return err
		}
		return judged(known, []string{rbac.ClusterRoles, rbac.Roles, rbac.RoleBindings})
	})
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestReadWithout reads once, without each set of kinds.
func TestReadWithout(t *testing.T) {
	for bits := range 1 << len(rbac.Resources) {
		server, config := newRBACServer(t)
		var missing []string
		for i, k := range rbac.Resources {
			if bits&(1<<i) != 0 {
				missing = append(missing, k)
			}
		}
		server.set(forbidden, missing...)
		objects, err := watch.Read(t.Context(), config)
		if len(missing) == len(rbac.Resources) {
			if !apierrors.IsForbidden(err) {
				t.Errorf("without all: %v", err)
			}
			continue
		}
		if err != nil {
			t.Errorf("without %v: %v", missing, err)
			continue
		}
		if err := judged(rbac.Resolve(objects, rbac.Guard{Namespace: "guard"}), missing); err != nil {
			t.Errorf("without %v: %v", missing, err)
		}
	}
}
