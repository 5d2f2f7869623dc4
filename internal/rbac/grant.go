package rbac

import (
	"cmp"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

const serviceAccountPrefix = "system:serviceaccount:"

func serviceAccount(namespace, name string) string {
	return serviceAccountPrefix + namespace + ":" + name
}

// grant notes that a subject is equivalent to cluster-admin, and has those looked at for whom that matters.
func (c *computation) grant(s rbacv1.Subject, b binding, right *evidence) {
	chain := func(kind, name string) *evidence {
		return &evidence{text: kind + " " + shorten(name) + " -> " + shorten(b.name) + " -> ", after: right}
	}
	switch s.Kind {
	case rbacv1.UserKind:
		c.grantUser(s.Name, chain("user", s.Name))
	case rbacv1.GroupKind:
		if c.groups[s.Name] != nil {
			return
		}
		e := chain("group", s.Name)
		c.groups[s.Name] = e
		c.revisit("groups", s.Name, "")
		if s.Name == allAuthenticated || s.Name == allServiceAccounts {
			c.grantAccounts("", e)
		} else if namespace, ok := strings.CutPrefix(s.Name, allServiceAccounts+":"); ok {
			c.grantAccounts(namespace, e)
		}
	case rbacv1.ServiceAccountKind:
		// A RoleBinding may leave out the namespace of a service account of its own.
		if namespace := cmp.Or(s.Namespace, b.place.namespace); namespace != "" {
			c.grantUser(serviceAccount(namespace, s.Name), chain("service account", namespace+"/"+s.Name))
		}
	}
}

func (c *computation) grantUser(name string, e *evidence) {
	if c.users[name] != nil {
		return
	}
	c.users[name] = e
	c.revisit("users", name, "")
	account, ok := strings.CutPrefix(name, serviceAccountPrefix)
	if !ok {
		return
	}
	namespace, account, _ := strings.Cut(account, ":")
	if c.accountsNamed[account] == nil {
		c.accountsNamed[account] = e
	}
	c.revisit("serviceaccounts", account, namespace, "")
	if _, known := c.namespaces[namespace]; !known {
		c.namespaces[namespace] = &evidence{text: ", whose ", to: e}
		c.wantAll(c.placesIn[namespace])
	}
}

// grantAccounts notes that every service account of a namespace, or ("") every one, is equivalent to cluster-admin.
func (c *computation) grantAccounts(namespace string, e *evidence) {
	if c.accounts[namespace] != nil {
		return
	}
	first := len(c.accounts) == 0
	c.accounts[namespace] = e
	if namespace == "" {
		for _, places := range c.placesIn {
			c.wantAll(places)
		}
		return
	}
	c.wantAll(c.placesIn[namespace])
	if first { // a right over service accounts of that name anywhere is worth something from now on
		c.wantAll(c.placesIn[""])
	}
}

func (c *computation) wantAll(places []place) {
	for _, p := range places {
		c.want(p)
	}
}
