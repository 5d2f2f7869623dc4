package rbac

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// right is the first right of a role that counts at the place, with its role: ClusterRole edit (create pods in
// kube-system). It is nil if there is none.
func (c *computation) right(p place) *evidence {
	r := c.role(p)
	if r == nil {
		return nil
	}
	say := func(r rule, what *evidence) *evidence {
		head := shorten(p.String()) + " ("
		if r.from != "" {
			head = shorten(p.String()) + ", aggregated from ClusterRole " + shorten(r.from) + " ("
		}
		return &evidence{text: head, after: closed(what)}
	}
	if r == unreadRole {
		if reason, ok := c.isPowerful(p.namespace); ok {
			return say(rule{}, &evidence{text: "not read, there are too many Roles in " + p.namespace, after: reason})
		}
		return nil
	}
	if r == anyRole {
		if p.namespace == "" {
			return say(rule{}, words("not read"))
		}
		if reason, ok := c.isPowerful(p.namespace); ok {
			return say(rule{}, &evidence{text: "not read, in " + p.namespace, after: reason})
		}
		return nil
	}
	if r.everything != nil {
		all := "* on *"
		if r == shippedAdmin {
			all = "not read, Kubernetes ships it with * on *"
		}
		if p.namespace == "" {
			return say(*r.everything, words(all))
		}
		if reason, ok := c.isPowerful(p.namespace); ok {
			return say(*r.everything, &evidence{text: all + " in " + p.namespace, after: reason})
		}
	}
	for _, candidate := range r.candidates {
		if what := c.counts(candidate, p.namespace); what != nil {
			return say(candidate.rule, what)
		}
	}
	for _, mode := range r.constrained {
		for _, who := range mode.whose {
			whose := c.counts(who, p.namespace)
			if whose == nil {
				continue
			}
			for _, candidate := range mode.what {
				if what := c.counts(candidate, p.namespace); what != nil {
					return say(who.rule, followed(whose, &evidence{text: ", and there ", after: what}))
				}
			}
		}
	}
	return nil
}

// followed is one piece of evidence and then another. The first is its caller's own.
func followed(e, by *evidence) *evidence {
	whole := *e
	if whole.after != nil {
		whole.after = followed(whole.after, by)
	} else {
		whole.after = by
	}
	return &whole
}

// joined is followed for evidence of which either may be missing.
func joined(e, by *evidence) *evidence {
	if e == nil || by == nil {
		return cmp.Or(e, by)
	}
	return followed(e, by)
}

func closed(e *evidence) *evidence { return followed(e, words(")")) }

// isPowerful says whether, and why, code that runs in a namespace can be equivalent to cluster-admin.
func (c *computation) isPowerful(namespace string) (reason *evidence, ok bool) {
	reason, ok = c.namespaces[namespace]
	if all := c.allAccounts(namespace); !ok && all != nil {
		return &evidence{text: ", where every service account is equivalent to cluster-admin: ", to: all}, true
	}
	return reason, ok
}

// counts says that a candidate, in one namespace or ("") everywhere, gives its power; or nothing.
func (c *computation) counts(r candidate, namespace string) *evidence {
	where, ok := c.where(r.power, namespace)
	if !ok {
		return nil
	}
	what := r.verb + " " + strings.TrimSuffix(r.resource, "/*")
	names := r.ResourceNames
	switch r.limit {
	case anyName:
	case noName:
		if len(names) > 0 {
			return nil
		}
	case theName:
		if len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return slices.Contains(r.names, n) }) {
			return nil
		}
		if r.area == awsAuthPlace {
			what = r.verb + " ConfigMap " + awsAuth
		}
	case guardName:
		name := c.guard.own(r.power)
		if len(names) > 0 && name != "" && !slices.Contains(names, name) {
			return nil
		}
		if len(names) > 0 && r.resource == "secrets" {
			what = r.verb + " Secret " + shorten(cmp.Or(name, names[0]))
		}
	case target:
		name, reason, ok := c.targets(r.rule, r.power, namespace)
		if !ok {
			return nil
		}
		if name != "" {
			what += " " + shorten(name)
		}
		if where = joined(where, reason); r.group == guardAPI {
			where = joined(where, words(", so may add approved admins"))
		}
	}
	return &evidence{text: what, after: where}
}

// where says that a power counts in a namespace, or ("") everywhere, and where that is.
func (c *computation) where(w *power, namespace string) (where *evidence, ok bool) {
	switch w.area {
	case cluster:
		return nil, namespace == ""
	case powerful:
		at := cmp.Or(namespace, kubeSystem)
		reason, ok := c.isPowerful(at)
		return &evidence{text: " in " + at, after: reason}, ok
	case awsAuthPlace, policyPlace:
		at := kubeSystem
		if w.area == policyPlace {
			at = c.guard.Namespace
		}
		return words(" in " + at), at != "" && (namespace == "" || namespace == at)
	case named:
		if namespace != "" {
			return words(" in " + namespace), true
		}
	}
	return nil, true
}

// targets says whether what a rule names, or could name, is equivalent to cluster-admin: name is empty if the rule names
// nothing.
func (c *computation) targets(r rule, w *power, namespace string) (name string, reason *evidence, ok bool) {
	if len(r.ResourceNames) == 0 {
		if w.area != named || namespace == "" {
			return "", nil, true
		}
		reason, ok := c.isPowerful(namespace)
		return "", reason, ok
	}
	for _, n := range r.ResourceNames {
		var found *evidence
		switch w.resource {
		case "clusterroles":
			found = c.ask(place{kind: "ClusterRole", role: n, namespace: namespace})
		case "roles":
			found = c.namedRole(namespace, n)
		case "users":
			found = c.users[n]
			if w.group != authentication && strings.HasPrefix(n, "system:node:") {
				return n, words(", which gets tokens of the service accounts of the node's pods"), true
			}
		case "privilegedusernames":
			found = c.users[n]
		case "groups", "privilegedgroups":
			everyone := n == "*" && w.group == authentication // asked for instead of many groups
			itself := n == masters && w.group != authentication
			if everyone || itself || n != masters && slices.Contains(c.guard.Groups, n) {
				return n, nil, true
			}
			found = c.groups[n]
		default: // service accounts, by themselves or for their tokens
			found = c.account(namespace, n)
		}
		if found != nil {
			return n, &evidence{text: ": ", to: found}, true
		}
	}
	return "", nil, false
}

// ask is the right that a role gives at a place, as far as that is known in this round.
func (c *computation) ask(p place) *evidence {
	if c.role(p) == nil {
		return nil
	}
	c.visit(p) // for the next round
	return c.granted[p]
}

// namedRole is the right that a Role of that name gives where it counts; without a namespace, in any.
func (c *computation) namedRole(namespace, name string) *evidence {
	in := append(slices.Clip(c.rolesNamed[name]), slices.Sorted(maps.Keys(c.unread))...)
	if c.unreadable[Roles] != nil {
		in = append(in, kubeSystem) // where it would count
	}
	if namespace != "" {
		in = []string{namespace}
	}
	for _, n := range in {
		if found := c.ask(place{kind: "Role", roleNamespace: n, role: name, namespace: n}); found != nil {
			return found
		}
	}
	return nil
}

// allAccounts is why every service account of a namespace is equivalent to cluster-admin.
func (c *computation) allAccounts(namespace string) *evidence {
	return cmp.Or(c.accounts[namespace], c.accounts[""])
}

// account is why a service account is equivalent to cluster-admin; without a namespace, one of that name in any.
func (c *computation) account(namespace, name string) *evidence {
	if namespace != "" {
		return cmp.Or(c.users[serviceAccount(namespace, name)], c.allAccounts(namespace))
	}
	if all := slices.Sorted(maps.Keys(c.accounts)); len(all) > 0 {
		return c.accounts[all[0]] // where the name may be any
	}
	return c.accountsNamed[name]
}
