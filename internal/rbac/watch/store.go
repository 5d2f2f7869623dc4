package watch

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"sync"

	"github.com/go-logr/logr"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"

	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
)

// mostPerNamespace is how much of one namespace's Roles is kept, and of its RoleBindings. A thousand of each, as
// people write them, are a third of it. The admin of a namespace can create as many as they like; kube-system and the guard's own
// namespace, which belong to cluster admins, have no bound.
const mostPerNamespace = 1 << 20

// store keeps what package rbac looks at of one kind of object. It is what a reflector writes to, so that no copy of the
// whole objects is kept anywhere.
type store struct {
	guard   rbac.Guard
	changed func()

	mu      sync.Mutex
	objects map[string]any             // by namespace/name
	used    map[string]int             // bytes, about, by namespace
	left    map[string]map[uint64]bool // what is not kept, by namespace and a hash of the name, which may be as long as an object
	seed    maphash.Seed
	logged  bool
	synced  bool // the first list is complete
}

func newStore(guard rbac.Guard, changed func()) *store {
	s := &store{guard: guard, changed: changed, seed: maphash.MakeSeed()}
	s.clear()
	return s
}

func (s *store) clear() {
	s.objects, s.used, s.left = map[string]any{}, map[string]int{}, map[string]map[uint64]bool{}
}

// shrink is what is kept of an object; empty says that this is nothing but its name.
func shrink(object any, guard rbac.Guard) (kept any, empty bool) {
	switch o := object.(type) {
	case *rbacv1.ClusterRole:
		return rbac.ReduceClusterRole(o, guard)
	case *rbacv1.Role:
		return rbac.ReduceRole(o, guard)
	case *rbacv1.ClusterRoleBinding:
		return &rbacv1.ClusterRoleBinding{ObjectMeta: short(o.ObjectMeta), RoleRef: o.RoleRef, Subjects: rbac.ReduceSubjects(o.Subjects)}, len(o.Subjects) == 0
	case *rbacv1.RoleBinding:
		return &rbacv1.RoleBinding{ObjectMeta: short(o.ObjectMeta), RoleRef: o.RoleRef, Subjects: rbac.ReduceSubjects(o.Subjects)}, len(o.Subjects) == 0
	}
	return object, false
}

func short(m metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: m.Name, Namespace: m.Namespace, ResourceVersion: m.ResourceVersion}
}

// size is about the memory of an object.
func size(object any) int {
	n := 512
	if o, ok := object.(metav1.Object); ok {
		n += 2 * (len(o.GetNamespace()) + len(o.GetName()))
	}
	rules := func(rules []rbacv1.PolicyRule) {
		for _, r := range rules {
			n += 120
			for _, list := range [][]string{r.Verbs, r.APIGroups, r.Resources, r.ResourceNames} {
				for _, s := range list {
					n += 16 + len(s)
				}
			}
		}
	}
	subjects := func(subjects []rbacv1.Subject) {
		for _, s := range subjects {
			n += 64 + len(s.Name) + len(s.Namespace)
		}
	}
	switch o := object.(type) {
	case *rbacv1.ClusterRole:
		rules(o.Rules)
	case *rbacv1.Role:
		rules(o.Rules)
	case *rbacv1.ClusterRoleBinding:
		subjects(o.Subjects)
	case *rbacv1.RoleBinding:
		subjects(o.Subjects)
	}
	return n
}

func (s *store) hash(name string) uint64 { return maphash.String(s.seed, name) }

// remove takes an object out. The caller holds s.mu.
func (s *store) remove(namespace, name string) {
	key := namespace + "/" + name
	if old, ok := s.objects[key]; ok {
		s.used[namespace] -= size(old)
		delete(s.objects, key)
	}
	if delete(s.left[namespace], s.hash(name)); len(s.left[namespace]) == 0 {
		delete(s.left, namespace)
	}
	if s.used[namespace] == 0 {
		delete(s.used, namespace)
	}
}

// put stores an object. The caller holds s.mu.
func (s *store) put(object any) error {
	o, ok := object.(metav1.Object)
	if !ok {
		return fmt.Errorf("%T is no object", object)
	}
	namespace, name := o.GetNamespace(), o.GetName()
	s.remove(namespace, name)
	kept, empty := shrink(object, s.guard)
	if empty {
		return nil
	}
	n := size(kept)
	if s.bounded(namespace) && s.used[namespace]+n > mostPerNamespace {
		if s.left[namespace] == nil {
			s.left[namespace] = map[uint64]bool{}
		}
		s.left[namespace][s.hash(name)] = true
		return nil
	}
	s.objects[namespace+"/"+name] = kept
	s.used[namespace] += n
	return nil
}

func (s *store) bounded(namespace string) bool {
	return namespace != "" && namespace != metav1.NamespaceSystem && namespace != s.guard.Namespace
}

// Add implements cache.ReflectorStore.
func (s *store) Add(object any) error { return s.Update(object) }

// Update implements cache.ReflectorStore.
func (s *store) Update(object any) error {
	s.mu.Lock()
	err := s.put(object)
	s.mu.Unlock()
	s.changed()
	return err
}

// Delete implements cache.ReflectorStore.
func (s *store) Delete(object any) error {
	o, ok := object.(metav1.Object)
	if !ok {
		return fmt.Errorf("%T is no object", object)
	}
	s.mu.Lock()
	s.remove(o.GetNamespace(), o.GetName())
	s.mu.Unlock()
	s.changed()
	return nil
}

// Replace implements cache.ReflectorStore.
func (s *store) Replace(objects []any, _ string) error {
	s.mu.Lock()
	s.clear()
	var err error
	for _, o := range objects {
		if e := s.put(o); err == nil {
			err = e
		}
	}
	s.synced = true
	s.mu.Unlock()
	s.changed()
	return err
}

// read says that a list has been complete once.
func (s *store) read() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.synced
}

// Resync implements cache.ReflectorStore.
func (s *store) Resync() error { return nil }

// Transformer implements cache.TransformingStore: what is not kept does not pile up while a long list comes in.
func (s *store) Transformer() cache.TransformFunc {
	return func(object any) (any, error) {
		kept, _ := shrink(object, s.guard)
		return kept, nil
	}
}

// unread are the namespaces of which not all is kept.
func (s *store) unread() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	namespaces := make(map[string]bool, len(s.left))
	for n := range s.left {
		namespaces[n] = true
	}
	return namespaces
}

// tellLeftOut counts what is not kept, and logs the first time that there is something.
func (s *store) tellLeftOut(log logr.Logger, resource string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, names := range s.left {
		n += len(names)
	}
	if n > 0 && !s.logged {
		some := slices.Sorted(maps.Keys(s.left))
		log.Info("some namespaces have too much RBAC to keep it all", "resource", resource, "objects left out", n, "namespaces", some[:min(len(some), 5)])
	}
	s.logged = n > 0
	return n
}

func stored[T any](s *store) []*T {
	s.mu.Lock()
	defer s.mu.Unlock()
	objects := make([]*T, 0, len(s.objects))
	for _, item := range s.objects {
		if o, ok := item.(*T); ok {
			objects = append(objects, o)
		}
	}
	return objects
}

// page is how many objects are read at once where the API server has no streaming lists: an object has up to 1.5 MB.
const page = 16

// listPages reads all objects of one kind, and keeps of each page what can matter before it asks for the next.
func listPages(ctx context.Context, list func(context.Context, metav1.ListOptions) (runtime.Object, error), options metav1.ListOptions, guard rbac.Guard) (runtime.Object, error) {
	// A list of an older version would come in one piece, whatever its limit (apiserver pkg/storage/cacher).
	options = metav1.ListOptions{FieldSelector: options.FieldSelector, LabelSelector: options.LabelSelector, Limit: page}
	all := &metainternalversion.List{} // client-go's own form of a list in pages (tools/pager)
	for {
		o, err := list(ctx, options)
		if err != nil {
			return nil, err
		}
		at, err := meta.ListAccessor(o)
		if err != nil {
			return nil, err
		}
		err = meta.EachListItem(o, func(item runtime.Object) error {
			if kept, empty := shrink(item, guard); !empty {
				all.Items = append(all.Items, kept.(runtime.Object)) // all that can be in a list are
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if options.Continue = at.GetContinue(); options.Continue == "" {
			all.ResourceVersion = at.GetResourceVersion()
			return all, nil
		}
	}
}
