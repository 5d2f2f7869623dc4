package watch

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	rbacv1 "k8s.io/api/rbac/v1"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"

	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
)

var self = rbac.Guard{Namespace: "guard", PolicyName: "guard-policy", ConfigurationName: "aws-auth-guard"}

// role is one of a megabyte: rules are verb|group|resource, each with more names than an object has room for.
func role(namespace string, n int, rules ...string) *rbacv1.Role {
	r := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprint("role-", n), Annotations: map[string]string{"a": strings.Repeat("a", 200_000)}}}
	for _, rule := range rules {
		f := strings.Split(rule, "|")
		p := rbacv1.PolicyRule{Verbs: []string{f[0]}, APIGroups: []string{f[1]}, Resources: []string{f[2]}}
		for i := range 22_000 / len(rules) {
			p.ResourceNames = append(p.ResourceNames, fmt.Sprintf("%05d-%04d-%s", i, n, strings.Repeat("x", 30)))
		}
		r.Rules = append(r.Rules, p)
	}
	return r
}

// heap is what is in use, in bytes.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// Who may make as many Roles and RoleBindings as he likes in one namespace, of whatever kind, does not make the guard
// larger by more than the namespace's share.
func TestOneNamespaceIsBounded(t *testing.T) {
	for name, object := range map[string]func(n int) any{
		"of no power":         func(n int) any { return role("team", n, "get||configmaps") },
		"with too many names": func(n int) any { return role("team", n, "impersonate||serviceaccounts") },
		"with many rules": func(n int) any {
			return role("team", n, strings.Split(strings.Repeat("impersonate||serviceaccounts ", 30), " ")[:30]...)
		},
		"with many resources": func(n int) any {
			r := role("team", n, "get||x")
			r.Rules[0].Resources, r.Rules[0].ResourceNames = append(r.Rules[0].ResourceNames, "pods/exec"), nil
			return r
		},
		"with long names": func(n int) any {
			r := role("team", n, "update||pods")
			r.Name = fmt.Sprint(n, strings.Repeat("n", 1_000_000))
			r.Rules[0].ResourceNames = nil
			return r
		},
		"bindings of many":      func(n int) any { return binding(n, 10_000, 40) },
		"bindings of long ones": func(n int) any { return binding(n, 10, 90_000) },
	} {
		t.Run(name, func(t *testing.T) {
			objects := 40
			if name == "with too many names" { // as many as would take 300 MB
				objects = 200
			}
			s := newStore(self, func() {})
			before := heap()
			for n := range objects {
				if err := s.Add(object(n)); err != nil {
					t.Fatal(err)
				}
			}
			grown := heap() - before
			t.Logf("%d objects of a megabyte: %d kB", objects, grown>>10)
			if grown > 3*mostPerNamespace {
				t.Errorf("the store grew by %d bytes", grown)
			}
			runtime.KeepAlive(s)
		})
	}
}

func binding(n, subjects, length int) *rbacv1.RoleBinding {
	b := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: fmt.Sprint("binding-", n)}, RoleRef: rbacv1.RoleRef{Kind: "Role", Name: "r"}}
	for i := range subjects {
		b.Subjects = append(b.Subjects, rbacv1.Subject{Kind: rbacv1.UserKind, Name: fmt.Sprint(n, "-", i, strings.Repeat("u", length))})
	}
	return b
}

// What has no room is known to be missing until it is gone; nothing is left out of what a cluster admin alone can fill.
func TestStoreLeavesOut(t *testing.T) {
	changes := 0
	s := newStore(self, func() { changes++ })
	small := func(namespace string, n int) *rbacv1.Role {
		return &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprint("small-", n)}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"update"}, APIGroups: []string{""}, Resources: []string{"pods"}}}}
	}
	const many = mostPerNamespace / 512
	for _, namespace := range []string{"team", metav1.NamespaceSystem, self.Namespace} {
		for n := range many {
			if err := s.Add(small(namespace, n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	out := s.tellLeftOut(logr.Discard(), "roles")
	if unread := s.unread(); len(unread) != 1 || !unread["team"] || out == 0 || len(stored[rbacv1.Role](s))+out != 3*many {
		t.Fatalf("unread %v, %d left out, %d kept", unread, out, len(stored[rbacv1.Role](s)))
	}
	if s.used["team"] > mostPerNamespace {
		t.Errorf("%d bytes are used", s.used["team"])
	}
	for n := range many {
		if err := s.Delete(small("team", n)); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.unread()) != 0 || s.used["team"] != 0 || len(s.objects) != 2*many {
		t.Errorf("after all are deleted: %v, %d bytes, %d objects", s.unread(), s.used["team"], len(s.objects))
	}
	if err := s.Replace([]any{small("team", 1)}, ""); err != nil || len(s.objects) != 1 || changes != 4*many+1 {
		t.Errorf("%v, %d objects, %d changes", err, len(s.objects), changes)
	}
	if !s.read() {
		t.Error("a list has been complete, and does not count")
	}
}

// A list of many large objects is read in pages, and nothing is kept of a page but what can matter.
func TestListPages(t *testing.T) {
	const roles = 200
	most, asked := 0, 0
	before := heap()
	list := func(_ context.Context, o metav1.ListOptions) (apiruntime.Object, error) {
		if o.Limit != page || o.ResourceVersion != "" {
			t.Errorf("asked for %+v", o)
		}
		most = max(most, heap()-before)
		asked++
		from := 0
		if o.Continue != "" {
			if _, err := fmt.Sscan(o.Continue, &from); err != nil {
				t.Fatal(err)
			}
		}
		l := &rbacv1.RoleList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}}
		for n := from; n < min(from+page, roles); n++ {
			rule := "get||configmaps"
			if n%50 == 0 {
				rule = "update||pods"
			}
			l.Items = append(l.Items, *role("team", n, rule))
		}
		if from+page < roles {
			l.Continue = fmt.Sprint(from + page)
		}
		return l, nil
	}
	all, err := listPages(t.Context(), list, metav1.ListOptions{ResourceVersion: "0"}, self)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := all.(*metainternalversion.List)
	if !ok {
		t.Fatalf("a %T", all)
	}
	if len(got.Items) != roles/50 || got.ResourceVersion != "7" || asked != (roles+page-1)/page {
		t.Errorf("%d roles of version %q in %d pages", len(got.Items), got.ResourceVersion, asked)
	}
	t.Logf("between pages: %d kB", most>>10)
	if most > 4<<20 {
		t.Errorf("%d bytes are held between two pages", most)
	}
}
