package rbac

import (
	"errors"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestSubjects(t *testing.T) {
	o := &Objects{
		ClusterRoleBindings: []*rbacv1.ClusterRoleBinding{{Subjects: []rbacv1.Subject{{Kind: rbacv1.GroupKind, Name: "viewers"}, {Kind: rbacv1.ServiceAccountKind, Namespace: "ci", Name: "runner"}}}},
		RoleBindings:        []*rbacv1.RoleBinding{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: "alice"}, {Kind: rbacv1.ServiceAccountKind, Name: "web"}, {Kind: rbacv1.ServiceAccountKind, Namespace: "ci", Name: "web"}}}},
	}
	s := Know(o, Guard{}).Subjects()
	for name, unbound := range map[string]bool{"viewers": false, "alice": true, "Viewers": true, "system:masters": false, "system:nodes": false, "system:authenticated": false} {
		if s.UnboundGroup(name) != unbound {
			t.Errorf("group %s: unbound %t", name, !unbound)
		}
	}
	for name, unbound := range map[string]bool{"alice": false, "viewers": true, "system:serviceaccount:ci:runner": false, "system:serviceaccount:shop:web": false,
		"system:serviceaccount:ci:web": false, "system:serviceaccount:shop:runner": true} {
		if s.UnboundUsername(name) != unbound {
			t.Errorf("username %s: unbound %t", name, !unbound)
		}
	}
	for _, kind := range []string{ClusterRoleBindings, RoleBindings} {
		o.Unreadable = map[string]error{kind: errors.New("forbidden")}
		if s := Know(o, Guard{}).Subjects(); s.UnboundGroup("nobody") || s.UnboundUsername("nobody") {
			t.Errorf("%s cannot be read, and a name is called unbound", kind)
		}
	}
	if s := (Known{}).Subjects(); s.UnboundGroup("nobody") || s.UnboundUsername("nobody") {
		t.Error("nothing is known, and a name is called unbound")
	}
}
