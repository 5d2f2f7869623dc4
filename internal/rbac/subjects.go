package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
)

// Subjects are the names that bindings are made for. What is not among them has no rights by RBAC but those of
// everybody.
type Subjects struct {
	groups, usernames map[string]bool
	// all says that every binding was read.
	all bool
}

// Subjects are those of all bindings, of whatever role: also of one that does not exist.
func (k Known) Subjects() Subjects {
	s := Subjects{groups: map[string]bool{}, usernames: map[string]bool{}}
	if k.objects == nil {
		return s
	}
	s.all = k.objects.Unreadable[ClusterRoleBindings] == nil && k.objects.Unreadable[RoleBindings] == nil
	for _, b := range k.objects.ClusterRoleBindings {
		s.add(b.Subjects, "")
	}
	for _, b := range k.objects.RoleBindings {
		s.add(b.Subjects, b.Namespace)
	}
	return s
}

func (s Subjects) add(subjects []rbacv1.Subject, namespace string) {
	for _, subject := range subjects {
		switch subject.Kind {
		case rbacv1.GroupKind:
			s.groups[subject.Name] = true
		case rbacv1.UserKind:
			s.usernames[subject.Name] = true
		case rbacv1.ServiceAccountKind: // a ClusterRoleBinding names the namespace
			if subject.Namespace != "" {
				namespace = subject.Namespace
			}
			s.usernames["system:serviceaccount:"+namespace+":"+subject.Name] = true
		}
	}
}

// UnboundGroup reports that no binding is made for a group. system:masters needs none, and system:nodes has its rights
// from the node authorizer; those two and what everybody is in are never unbound.
func (s Subjects) UnboundGroup(name string) bool {
	switch name {
	case masters, "system:nodes", allAuthenticated, "system:unauthenticated":
		return false
	}
	return s.all && !s.groups[name]
}

// UnboundUsername reports that no binding is made for a username.
func (s Subjects) UnboundUsername(name string) bool { return s.all && !s.usernames[name] }
