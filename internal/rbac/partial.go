package rbac

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
)

// The kinds of RBAC objects, as the API calls them.
const (
	ClusterRoles        = "clusterroles"
	ClusterRoleBindings = "clusterrolebindings"
	Roles               = "roles"
	RoleBindings        = "rolebindings"
)

// Resources are all of them.
var Resources = [4]string{ClusterRoles, ClusterRoleBindings, Roles, RoleBindings}

var (
	// shippedAdmin is cluster-admin. The API server restores a rule of its default roles that is missing at every start (Kubernetes
	// documentation, "Using RBAC Authorization", auto-reconciliation), and this one has * on * in every version. Of the others that
	// it ships, such as admin and edit, the rules differ by version, and an additional rule is kept: they are not known.
	shippedAdmin = newRole([]rule{{&rbacv1.PolicyRule{Verbs: []string{rbacv1.VerbAll}, APIGroups: []string{rbacv1.APIGroupAll}, Resources: []string{rbacv1.ResourceAll}}, ""}})
	// anyRole is one that is not known.
	anyRole = &role{}
)

// shipped are the ClusterRoles that are taken for what Kubernetes ships while ClusterRoles cannot be read: cluster-admin, and those
// that it binds to groups that everybody or every service account is in. If the latter were not known, everybody would not be.
var shipped = map[string]*role{
	"cluster-admin":                           shippedAdmin,
	"system:basic-user":                       {},
	"system:cluster-trust-bundle-discovery":   {},
	"system:discovery":                        {},
	"system:public-info-viewer":               {},
	"system:service-account-issuer-discovery": {},
}

// partial says of which names the kinds that could not be read may have made more than is known: nil if all was read.
//
// RBAC only ever adds rights, so what the other kinds prove is so. Without a kind of bindings any name may be bound to anything. With
// all bindings, the names that can be more are those that are if every role that is not known gives everything.
func partial(o *Objects, guard Guard, known *privilege.Equivalents) *privilege.Partial {
	if len(o.Unreadable) == 0 {
		return nil
	}
	kinds := o.unreadable()
	p := &privilege.Partial{Kinds: kinds, Why: fmt.Errorf("cannot read %s: %w", Enumerate(kinds), o.Unreadable[kinds[0]])}
	if o.Unreadable[ClusterRoleBindings] != nil || o.Unreadable[RoleBindings] != nil {
		p.Any = true
		return p
	}
	c := newComputation(o, guard, true)
	c.close()
	p.Groups, p.Usernames = beside(c.groups, known.Groups), beside(c.users, known.Usernames)
	return p
}

// beside are the names that are not among the known ones.
func beside(names map[string]*evidence, known map[string]string) map[string]string {
	texts := map[string]string{}
	for name, e := range names {
		if _, ok := known[name]; !ok {
			texts[name] = e.String()
		}
	}
	return texts
}

// unreadable are the kinds that could not be read, in their order.
func (o *Objects) unreadable() (kinds []string) {
	for _, r := range Resources {
		if o.Unreadable[r] != nil {
			kinds = append(kinds, r)
		}
	}
	return kinds
}

// Enumerate writes kinds as a list: roles, clusterroles and rolebindings.
func Enumerate(kinds []string) string {
	if n := len(kinds) - 1; n > 0 {
		return strings.Join(kinds[:n], ", ") + " and " + kinds[n]
	}
	return strings.Join(kinds, "")
}

// Consequence says what follows if those kinds are not known.
func Consequence(kinds []string) string {
	if slices.Contains(kinds, ClusterRoleBindings) || slices.Contains(kinds, RoleBindings) {
		return "the guard cannot tell whether a group or username is equivalent to cluster-admin, unless the other kinds prove it"
	}
	return "the guard cannot tell whether a group or username that is bound to one of these roles is equivalent to cluster-admin"
}
