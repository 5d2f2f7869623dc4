package rbac

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
)

// Guard is what of the guard itself a right may be about. Empty fields are not known: then every name counts as its.
type Guard struct {
	// Namespace is where the guard runs.
	Namespace string
	// PolicyName is the ConfigMap there that holds the policy.
	PolicyName string
	// ConfigurationName is that of its ValidatingWebhookConfiguration, and of its ValidatingAdmissionPolicy.
	ConfigurationName string
	// SecretName is the Secret there with its authority's key.
	SecretName string
	// Groups and Usernames are privileged by the guard's policy, so impersonating one is equivalent to being in it.
	Groups, Usernames []string
}

// masters is the group that needs no RBAC (apiserver pkg/authentication/user, SystemPrivilegedGroup).
const masters = "system:masters"

// Groups that everybody, or every service account, is in by itself.
const (
	allAuthenticated   = "system:authenticated"
	allServiceAccounts = "system:serviceaccounts"
)

// Resolve finds what the objects make equivalent to cluster-admin.
//
// Some rights lead to others: to impersonate alice is worth what alice may do; to create pods in a namespace, what the
// service accounts there may do; to bind a role, what the role allows. So the answer is the smallest set that is closed
// under the table of powers, built up round by round. A round looks only at the roles and places for which something has
// changed that they asked about, so the cost is one look at each binding, and one at each role and place for each of the
// names in it that turns out to be privileged.
//
// Where kinds could not be read, the answer is what the others prove, and says of which names there may be more.
func Resolve(o *Objects, guard Guard) *privilege.Equivalents {
	c := newComputation(o, guard, false)
	c.close()
	known := &privilege.Equivalents{Groups: inWords(c.groups), Usernames: inWords(c.users)}
	known.Partial = partial(o, guard, known)
	return known
}

// close adds what follows until nothing more does.
func (c *computation) close() {
	for len(c.due) > 0 {
		var bindings []binding
		for _, p := range c.round() {
			if right := c.right(p); right != nil {
				c.granted[p] = right
				bindings = append(bindings, c.bindings[p]...)
				c.roleGrants(p)
			}
		}
		slices.SortFunc(bindings, func(a, b binding) int { return cmp.Compare(a.name, b.name) })
		for _, b := range bindings {
			for _, s := range b.subjects {
				c.grant(s, b, c.granted[b.place])
			}
		}
	}
	for _, u := range c.guard.Usernames { // the policy itself says of them what they are
		delete(c.users, u)
	}
}

// named begins with the names of the guard's policy that are service accounts, or people to impersonate.
func (c *computation) named() {
	for _, u := range c.guard.Usernames {
		c.grantUser(u, words("user "+shorten(u)+", whom the guard's policy names"))
	}
	for _, g := range c.guard.Groups {
		if namespace, ok := strings.CutPrefix(g, allServiceAccounts+":"); ok {
			c.grantAccounts(namespace, words("group "+shorten(g)+", which the guard's policy names"))
		} else if g == allServiceAccounts || g == allAuthenticated {
			c.grantAccounts("", words("group "+g+", which the guard's policy names"))
		}
	}
}

func inWords(names map[string]*evidence) map[string]string {
	texts := make(map[string]string, len(names))
	for name, e := range names {
		texts[name] = e.String()
	}
	return texts
}

// place is a role as it counts somewhere: in one namespace, or in all and beyond ("").
type place struct {
	kind, roleNamespace, role string
	namespace                 string
}

func (p place) String() string {
	if p.kind == "Role" {
		return "Role " + p.roleNamespace + "/" + p.role
	}
	return p.kind + " " + p.role
}

type binding struct {
	name     string // ClusterRoleBinding ops-admin, RoleBinding kube-system/ops
	place    place
	subjects []rbacv1.Subject
}

// unreadRole is any Role of a namespace that has more than are kept.
var unreadRole = &role{}

type computation struct {
	guard      Guard
	unread     map[string]bool
	unreadable map[string]error
	// possible: a role of a kind that could not be read gives everything. Else there is none.
	possible     bool
	clusterRoles map[string]*role
	roles        map[string]*role // namespace/name
	rolesNamed   map[string][]string
	bindings     map[place][]binding

	// granted holds, for every role and place that anybody asked for, the right that counts there, or nil.
	granted map[place]*evidence
	// due are the places that the next round looks at.
	due map[place]bool
	// placesIn are the places of a namespace, placesOf those of a role (kind, namespace and name) by namespace.
	placesIn map[string][]place
	placesOf map[place]map[string]place
	// naming are the roles that name something in a right whose worth is that of what it names.
	naming map[thing][]place
	// groups and users are the answer so far, each with its evidence.
	groups, users map[string]*evidence
	// namespaces are those in which code can run equivalent to cluster-admin, with the reason, or nil for system's own.
	namespaces map[string]*evidence
	// accounts are the namespaces of which every service account is equivalent, with the evidence; "" means all.
	accounts map[string]*evidence
	// accountsNamed are the service accounts of that name that are equivalent, in their order.
	accountsNamed map[string]*evidence
}

// thing is something that a rule names: a user, a group, a service account, a role.
type thing struct{ resource, name string }

func newComputation(o *Objects, guard Guard, possible bool) *computation {
	c := &computation{guard: guard, unread: o.Unread, unreadable: o.Unreadable, possible: possible, clusterRoles: map[string]*role{}, roles: map[string]*role{}, rolesNamed: map[string][]string{}, bindings: map[place][]binding{},
		granted: map[place]*evidence{}, due: map[place]bool{}, placesIn: map[string][]place{}, placesOf: map[place]map[string]place{}, naming: map[thing][]place{},
		groups: map[string]*evidence{}, users: map[string]*evidence{}, namespaces: map[string]*evidence{kubeSystem: nil}, accounts: map[string]*evidence{}, accountsNamed: map[string]*evidence{}}
	if guard.Namespace != "" {
		c.namespaces[guard.Namespace] = nil
	}
	c.readRoles(o)
	c.readBindings(o)
	c.named()
	return c
}

// round takes what is due, in an order that never changes.
func (c *computation) round() []place {
	places := slices.SortedFunc(maps.Keys(c.due), comparePlaces)
	clear(c.due)
	return places
}

// want has a place looked at, unless it grants something already.
func (c *computation) want(p place) {
	if c.granted[p] == nil {
		c.due[p] = true
	}
}

// visit notes a place, the first time that anybody asks for it.
func (c *computation) visit(p place) {
	if _, known := c.granted[p]; known {
		return
	}
	c.granted[p] = nil
	if c.role(p) == nil {
		return // until there is such a role; then everything is computed again
	}
	c.due[p] = true
	c.placesIn[p.namespace] = append(c.placesIn[p.namespace], p)
	of := p
	of.namespace = ""
	if c.placesOf[of] == nil {
		c.placesOf[of] = map[string]place{}
	}
	c.placesOf[of][p.namespace] = p
}

// revisit has those places looked at again whose roles name something that has become equivalent to cluster-admin, where
// they count in one of the namespaces.
func (c *computation) revisit(resource, name string, namespaces ...string) {
	for _, of := range c.naming[thing{resource, name}] {
		for _, namespace := range namespaces {
			if p, ok := c.placesOf[of][namespace]; ok {
				c.want(p)
			}
		}
	}
}

// roleGrants revisits those who may bind a role, since it grants something.
func (c *computation) roleGrants(p place) {
	if p.kind == "Role" {
		c.revisit("roles", p.role, p.namespace, "")
	} else {
		c.revisit("clusterroles", p.role, p.namespace)
	}
}

// readBindings asks for the places of all bindings.
func (c *computation) readBindings(o *Objects) {
	add := func(b binding) {
		c.bindings[b.place] = append(c.bindings[b.place], b)
		c.visit(b.place)
	}
	for _, b := range o.ClusterRoleBindings {
		if b.RoleRef.Kind == "ClusterRole" {
			add(binding{"ClusterRoleBinding " + b.Name, place{kind: "ClusterRole", role: b.RoleRef.Name}, b.Subjects})
		}
	}
	for _, b := range o.RoleBindings {
		p := place{kind: b.RoleRef.Kind, role: b.RoleRef.Name, namespace: b.Namespace}
		if p.kind == "Role" {
			p.roleNamespace = b.Namespace
		}
		add(binding{"RoleBinding " + b.Namespace + "/" + b.Name, p, b.Subjects})
	}
}

func comparePlaces(a, b place) int {
	return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.kind, b.kind), cmp.Compare(a.roleNamespace, b.roleNamespace), cmp.Compare(a.role, b.role))
}

// role is nil if there is none of that name.
func (c *computation) role(p place) *role {
	roles, name, kind := c.clusterRoles, p.role, ClusterRoles
	if p.kind == "Role" {
		roles, name, kind = c.roles, p.roleNamespace+"/"+p.role, Roles
	}
	if r := roles[name]; r != nil {
		return r
	}
	unreadable := c.unreadable[kind] != nil
	switch {
	case kind == Roles && c.unread[p.roleNamespace]:
		return unreadRole
	case kind == ClusterRoles && unreadable && shipped[name] != nil:
		return shipped[name]
	case unreadable && c.possible:
		return anyRole
	}
	return nil
}
