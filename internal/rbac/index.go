package rbac

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

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
	// Groups and Usernames are privileged by the guard's policy, so to impersonate one is as good as to be in it.
	Groups, Usernames []string
}

// masters is the group that needs no RBAC (apiserver pkg/authentication/user, SystemPrivilegedGroup).
const masters = "system:masters"

// Groups that everybody, or every service account, is in by itself.
const (
	allAuthenticated   = "system:authenticated"
	allServiceAccounts = "system:serviceaccounts"
)

// Resolve finds what the objects make as good as system:masters.
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

// rule is a rule of a role, and the role it was aggregated from.
type rule struct {
	*rbacv1.PolicyRule
	from string
}

// role is a role taken apart, once for all places where it counts.
type role struct {
	everything *rule // one that leaves nothing out
	candidates []candidate
	// constrained are the ways of acting in another's place.
	constrained []constrained
}

// constrained is one mode of constrained impersonation: whose place can be taken, and what for.
type constrained struct{ whose, what []candidate }

// candidate is a rule that gives a power if it is in the right place and names the right things.
type candidate struct {
	rule
	*power
	verb string
}

func newRole(rules []rule) *role {
	r := &role{}
	for i := range rules {
		if everything(rules[i].PolicyRule) {
			r.everything = &rules[i]
			break
		}
	}
	r.candidates = candidates(rules, powers)
	for _, mode := range slices.Sorted(maps.Keys(modes)) {
		if whose := candidates(rules, modes[mode]); len(whose) > 0 {
			if what := candidates(actingOn(rules, mode), usable(mode)); len(what) > 0 {
				r.constrained = append(r.constrained, constrained{whose, what})
			}
		}
	}
	return r
}

// candidates are in the order of the powers.
func candidates(rules []rule, powers []power) (found []candidate) {
	for i := range powers {
		for _, rule := range rules {
			if j := slices.IndexFunc(powers[i].verbs, func(v string) bool { return allows(rule.PolicyRule, v, powers[i].group, powers[i].resource) }); j >= 0 {
				found = append(found, candidate{rule, &powers[i], powers[i].verbs[j]})
			}
		}
	}
	return found
}

// actingOn are the rules that say what may be done in another's place, as if they said it of their holder.
func actingOn(rules []rule, mode string) (acting []rule) {
	for _, r := range rules {
		var verbs []string
		for _, v := range r.Verbs {
			if verb, ok := strings.CutPrefix(v, "impersonate-on:"+mode+":"); ok {
				verbs = append(verbs, verb)
			}
		}
		if len(verbs) > 0 {
			as := *r.PolicyRule
			as.Verbs = verbs
			acting = append(acting, rule{&as, r.from})
		}
	}
	return acting
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
	// namespaces are those in which code can run as good as system:masters, with the reason, or nil for system's own.
	namespaces map[string]*evidence
	// accounts are the namespaces of which every service account is as good, with the evidence; "" stands for all.
	accounts map[string]*evidence
	// accountsNamed are the service accounts of that name that are as good, in their order.
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
		return // as long as there is no such role; then all begins anew
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

// told has those places looked at whose roles name something that has become as good as system:masters, where they
// count in one of the namespaces.
func (c *computation) told(resource, name string, namespaces ...string) {
	for _, of := range c.naming[thing{resource, name}] {
		for _, namespace := range namespaces {
			if p, ok := c.placesOf[of][namespace]; ok {
				c.want(p)
			}
		}
	}
}

// roleGrants tells those who may bind a role that it grants something.
func (c *computation) roleGrants(p place) {
	if p.kind == "Role" {
		c.told("roles", p.role, p.namespace, "")
	} else {
		c.told("clusterroles", p.role, p.namespace)
	}
}

// readRoles resolves aggregation: the union of the rules of all that are selected, whether or not the controller that
// copies them into the role has done so yet.
func (c *computation) readRoles(o *Objects) {
	sorted := slices.Clone(o.ClusterRoles)
	slices.SortFunc(sorted, func(a, b *rbacv1.ClusterRole) int { return cmp.Compare(a.Name, b.Name) })
	for _, r := range sorted {
		var rules []rule
		for _, other := range c.aggregated(r, sorted, map[string]bool{r.Name: true}) {
			for i := range other.Rules {
				rules = append(rules, rule{&other.Rules[i], other.Name})
			}
		}
		for i := range r.Rules {
			rules = append(rules, rule{&r.Rules[i], ""})
		}
		c.clusterRoles[r.Name] = newRole(rules)
		c.names(place{kind: "ClusterRole", role: r.Name}, c.clusterRoles[r.Name])
	}
	for _, r := range o.Roles {
		var rules []rule
		for i := range r.Rules {
			rules = append(rules, rule{&r.Rules[i], ""})
		}
		c.roles[r.Namespace+"/"+r.Name] = newRole(rules)
		c.names(place{kind: "Role", roleNamespace: r.Namespace, role: r.Name}, c.roles[r.Namespace+"/"+r.Name])
		c.rolesNamed[r.Name] = append(c.rolesNamed[r.Name], r.Namespace)
	}
	for _, namespaces := range c.rolesNamed {
		slices.Sort(namespaces)
	}
}

// names notes what a role names.
func (c *computation) names(of place, r *role) {
	note := func(candidates []candidate) {
		for _, candidate := range candidates {
			if candidate.limit != target {
				continue
			}
			resource := candidate.resource
			switch resource {
			case "clusterroles", "roles", "users", "groups":
			case "privilegedgroups":
				resource = "groups"
			case "privilegedusernames":
				resource = "users"
			default:
				resource = "serviceaccounts"
			}
			for _, n := range candidate.ResourceNames {
				to := thing{resource, n}
				if known := c.naming[to]; len(known) == 0 || known[len(known)-1] != of {
					c.naming[to] = append(known, of)
				}
			}
		}
	}
	note(r.candidates)
	for _, mode := range r.constrained {
		note(mode.whose)
		note(mode.what)
	}
}

// aggregated are the roles that r selects, and those that they select.
func (c *computation) aggregated(r *rbacv1.ClusterRole, all []*rbacv1.ClusterRole, seen map[string]bool) []*rbacv1.ClusterRole {
	if r.AggregationRule == nil {
		return nil
	}
	var found []*rbacv1.ClusterRole
	for i := range r.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&r.AggregationRule.ClusterRoleSelectors[i])
		if err != nil {
			continue // the API server takes none such
		}
		for _, other := range all {
			if !seen[other.Name] && selector.Matches(labels.Set(other.Labels)) {
				seen[other.Name] = true
				found = append(append(found, other), c.aggregated(other, all, seen)...)
			}
		}
	}
	return found
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

func closed(e *evidence) *evidence { return followed(e, words(")")) }

// isPowerful says whether, and why, code that runs in a namespace can be as good as system:masters.
func (c *computation) isPowerful(namespace string) (reason *evidence, ok bool) {
	reason, ok = c.namespaces[namespace]
	if all := c.allAccounts(namespace); !ok && all != nil {
		return &evidence{text: ", where every service account is as good as system:masters: ", to: all}, true
	}
	return reason, ok
}

// counts says that a candidate, in one namespace or ("") everywhere, gives its power; or nothing.
func (c *computation) counts(r candidate, namespace string) *evidence {
	w, verb := r.power, r.verb
	var where *evidence
	switch w.area {
	case cluster:
		if namespace != "" {
			return nil
		}
	case powerful:
		at := cmp.Or(namespace, kubeSystem)
		reason, ok := c.isPowerful(at)
		if !ok {
			return nil
		}
		where = &evidence{text: " in " + at, after: reason}
	case awsAuthPlace, policyPlace:
		at := kubeSystem
		if w.area == policyPlace {
			at = c.guard.Namespace
		}
		if at == "" || namespace != "" && namespace != at {
			return nil
		}
		where = words(" in " + at)
	case named:
		if namespace != "" {
			where = words(" in " + namespace)
		}
	}
	what := verb + " " + strings.TrimSuffix(w.resource, "/*")
	switch w.limit {
	case anyName:
	case noName:
		if len(r.ResourceNames) > 0 {
			return nil
		}
	case theName:
		if len(r.ResourceNames) > 0 && !slices.ContainsFunc(r.ResourceNames, func(n string) bool { return slices.Contains(w.names, n) }) {
			return nil
		}
		if w.area == awsAuthPlace {
			what = verb + " ConfigMap " + awsAuth
		}
	case guardName:
		name := c.guard.own(w)
		if len(r.ResourceNames) > 0 && name != "" && !slices.Contains(r.ResourceNames, name) {
			return nil
		}
		if len(r.ResourceNames) > 0 && w.resource == "secrets" {
			what = verb + " Secret " + shorten(cmp.Or(name, r.ResourceNames[0]))
		}
	case target:
		name, reason, ok := c.targets(r.rule, w, namespace)
		if !ok {
			return nil
		}
		if name != "" {
			what += " " + shorten(name)
		}
		if reason != nil && where != nil {
			where = followed(where, reason)
		} else if reason != nil {
			where = reason
		}
		if so := words(", so may add approved admins"); w.group == guardAPI && where != nil {
			where = followed(where, so)
		} else if w.group == guardAPI {
			where = so
		}
	}
	return &evidence{text: what, after: where}
}

// targets says whether what a rule names, or could name, is as good as system:masters: name is empty if the rule names
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

// allAccounts is why every service account of a namespace is as good as system:masters.
func (c *computation) allAccounts(namespace string) *evidence {
	return cmp.Or(c.accounts[namespace], c.accounts[""])
}

// account is why a service account is as good as system:masters; without a namespace, one of that name in any.
func (c *computation) account(namespace, name string) *evidence {
	if namespace != "" {
		return cmp.Or(c.users[serviceAccount(namespace, name)], c.allAccounts(namespace))
	}
	if all := slices.Sorted(maps.Keys(c.accounts)); len(all) > 0 {
		return c.accounts[all[0]] // where the name may be any
	}
	return c.accountsNamed[name]
}

const serviceAccountPrefix = "system:serviceaccount:"

func serviceAccount(namespace, name string) string {
	return serviceAccountPrefix + namespace + ":" + name
}

// grant notes that a subject is as good as system:masters, and has those looked at for whom that matters.
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
		c.told("groups", s.Name, "")
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
	c.told("users", name, "")
	account, ok := strings.CutPrefix(name, serviceAccountPrefix)
	if !ok {
		return
	}
	namespace, account, _ := strings.Cut(account, ":")
	if c.accountsNamed[account] == nil {
		c.accountsNamed[account] = e
	}
	c.told("serviceaccounts", account, namespace, "")
	if _, known := c.namespaces[namespace]; !known {
		c.namespaces[namespace] = &evidence{text: ", whose ", to: e}
		c.wantAll(c.placesIn[namespace])
	}
}

// grantAccounts notes that every service account of a namespace, or ("") every one, is as good as system:masters.
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
