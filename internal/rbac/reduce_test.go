package rbac

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// reduced is what is kept of objects.
func reduced(o *Objects, guard Guard) *Objects {
	small := &Objects{}
	for _, r := range o.ClusterRoles {
		if kept, empty := ReduceClusterRole(r, guard); !empty {
			small.ClusterRoles = append(small.ClusterRoles, kept)
		}
	}
	for _, r := range o.Roles {
		if kept, empty := ReduceRole(r, guard); !empty {
			small.Roles = append(small.Roles, kept)
		}
	}
	for _, b := range o.ClusterRoleBindings {
		small.ClusterRoleBindings = append(small.ClusterRoleBindings, &rbacv1.ClusterRoleBinding{ObjectMeta: b.ObjectMeta, RoleRef: b.RoleRef, Subjects: ReduceSubjects(b.Subjects)})
	}
	for _, b := range o.RoleBindings {
		small.RoleBindings = append(small.RoleBindings, &rbacv1.RoleBinding{ObjectMeta: b.ObjectMeta, RoleRef: b.RoleRef, Subjects: ReduceSubjects(b.Subjects)})
	}
	return small
}

// What is left of random worlds makes the same names equivalent to cluster-admin, for the same reasons.
func TestReducedWorlds(t *testing.T) {
	privileged := 0
	for n := range 2000 {
		w := newWorld(n)
		for _, guard := range []Guard{testGuard, {}} {
			want, got := Resolve(&w.objects, guard), Resolve(reduced(&w.objects, guard), guard)
			if !maps.Equal(want.Groups, got.Groups) || !maps.Equal(want.Usernames, got.Usernames) {
				t.Fatalf("world %d:\nwhole   %v\nreduced %v", n, want, got)
			}
			privileged += len(want.Groups) + len(want.Usernames)
		}
	}
	if privileged < 2000 {
		t.Errorf("only %d names are privileged in all of them", privileged)
	}
}

// Every right of every table is kept, in every way to write it.
func TestReduceKeepsEveryPower(t *testing.T) {
	lists := map[string][]power{"": powers}
	for mode, whose := range modes {
		lists["mode "+mode] = whose
		lists["impersonate-on:"+mode+":"] = powers
	}
	for prefix, list := range lists {
		prefix, written := strings.CutPrefix(prefix, "impersonate-on")
		if written {
			prefix = "impersonate-on" + prefix
		} else {
			prefix = ""
		}
		for i := range list {
			p := &list[i]
			for _, verb := range append([]string{"*"}, p.verbs...) {
				for _, group := range []string{"*", p.group} {
					for _, resource := range []string{"*", p.resource} {
						names := append([]string{"some-name"}, p.names...)
						for _, rule := range []rbacv1.PolicyRule{{}, {ResourceNames: append(names, testGuard.PolicyName, testGuard.ConfigurationName, testGuard.SecretName)}} {
							if p.limit == noName && len(rule.ResourceNames) > 0 {
								continue
							}
							rule.Verbs, rule.APIGroups, rule.Resources = []string{"view", prefix + verb}, []string{"example.com", group}, []string{"widgets", resource}
							kept := Reduce([]rbacv1.PolicyRule{rule}, testGuard)
							if len(kept) != 1 || !slices.Contains(kept[0].Verbs, prefix+verb) || !slices.Contains(kept[0].APIGroups, group) || !slices.Contains(kept[0].Resources, resource) ||
								len(kept[0].ResourceNames) > 0 != (len(rule.ResourceNames) > 0) || slices.Contains(kept[0].Verbs, "view") || slices.Contains(kept[0].Resources, "widgets") || slices.Contains(kept[0].APIGroups, "example.com") {
								t.Errorf("of %+v for %+v this is kept: %+v", rule, *p, kept)
							}
						}
					}
				}
			}
		}
	}
}

func TestReduce(t *testing.T) {
	many := func(n int) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprint("name-", i))
		}
		return names
	}
	rule := func(verbs, groups, resources string, names ...string) rbacv1.PolicyRule {
		list := func(s string) []string { return strings.Split(s, ",") }
		return rbacv1.PolicyRule{Verbs: list(verbs), APIGroups: list(groups), Resources: list(resources), ResourceNames: names}
	}
	for name, tt := range map[string]struct {
		rule rbacv1.PolicyRule
		want []rbacv1.PolicyRule
	}{
		"no power at all":               {rule("get,list", "", "configmaps,services", many(22_000)...), nil},
		"a create with names":           {rule("create", "", "pods", many(22_000)...), nil},
		"another's ConfigMap":           {rule("update", "", "configmaps", many(22_000)...), nil},
		"a power for any name":          {rule("update", "", "pods", many(22_000)...), []rbacv1.PolicyRule{rule("update", "", "pods", "name-0")}},
		"aws-auth among many":           {rule("update", "", "configmaps", append(many(22_000), awsAuth)...), []rbacv1.PolicyRule{rule("update", "", "configmaps", awsAuth)}},
		"one account, twice":            {rule("impersonate", "", "serviceaccounts", "a", "a"), []rbacv1.PolicyRule{rule("impersonate", "", "serviceaccounts", "a")}},
		"more accounts than there are":  {rule("impersonate", "", "serviceaccounts", many(22_000)...), []rbacv1.PolicyRule{rule("impersonate", "", "serviceaccounts")}},
		"the same, and pods to create":  {rule("impersonate,create", "", "serviceaccounts,pods", many(22_000)...), []rbacv1.PolicyRule{rule("impersonate", "", "serviceaccounts")}},
		"the same, and pods to change":  {rule("impersonate,update", "", "serviceaccounts,pods", many(22_000)...), []rbacv1.PolicyRule{rule("impersonate,update", "", "serviceaccounts,pods", "name-0"), rule("impersonate", "", "serviceaccounts")}},
		"beside thousands of resources": {rule("get", ",example.com", "secrets,"+strings.Join(many(22_000), ",")), []rbacv1.PolicyRule{rule("get", "", "secrets")}},
		"many kinds of extra fields":    {rule("impersonate", authentication, "userextras/"+strings.Join(many(22_000), ",userextras/")), []rbacv1.PolicyRule{rule("impersonate", authentication, "userextras/*")}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Reduce([]rbacv1.PolicyRule{tt.rule}, testGuard)
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestReduceSubjects(t *testing.T) {
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "a"}, {Kind: "User", Name: "a"}, {Kind: "Robot", Name: "a"}, {Kind: "ServiceAccount", Namespace: "n", Name: "a"}}
	want := []rbacv1.Subject{{Kind: "User", Name: "a"}, {Kind: "ServiceAccount", Namespace: "n", Name: "a"}}
	if got := ReduceSubjects(subjects); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A namespace of which not all Roles are kept: a name that is bound to one that is missing may be bound to anything there.
func TestUnreadRoles(t *testing.T) {
	o := &Objects{Unread: map[string]bool{"team": true, "other": true},
		ClusterRoles:        []*rbacv1.ClusterRole{{ObjectMeta: metav1.ObjectMeta{Name: "admin"}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}}}},
		ClusterRoleBindings: []*rbacv1.ClusterRoleBinding{{RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "admin"}, Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "team", Name: "deployer"}}}},
	}
	for _, namespace := range []string{"team", "other", "third"} {
		o.RoleBindings = append(o.RoleBindings, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "b"}, RoleRef: rbacv1.RoleRef{Kind: "Role", Name: "r"},
			Subjects: []rbacv1.Subject{{Kind: "Group", Name: "devs-of-" + namespace}}})
	}
	e := Resolve(o, testGuard)
	if len(e.Groups) != 1 || !strings.Contains(e.Groups["devs-of-team"], "too many Roles") {
		t.Errorf("privileged are %v, want those of the namespace with a powerful service account", e.Groups)
	}
}
