package rbac

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
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
// under the table of powers, built up round by round. The cost of a round is one look at each binding that has not
// counted yet, and one evaluation of each role and place.
func Resolve(o *Objects, guard Guard) *validate.Equivalents {
	c := &computation{guard: guard, clusterRoles: map[string]*role{}, roles: map[string]*role{}, granted: map[place]string{},
		groups: map[string]string{}, users: map[string]string{}, namespaces: map[string]string{kubeSystem: ""}, accounts: map[string]string{}}
	if guard.Namespace != "" {
		c.namespaces[guard.Namespace] = ""
	}
	c.named()
	c.readRoles(o)
	bindings := c.readBindings(o)
	for progress := true; progress; {
		progress = c.evaluate()
		bindings = slices.DeleteFunc(bindings, func(b binding) bool {
			right := c.granted[b.place]
			if right == "" {
				return false
			}
			for _, s := range b.subjects {
				progress = c.grant(s, b, right) || progress
			}
			return true
		})
	}
	for _, u := range guard.Usernames { // the policy itself says of them what they are
		delete(c.users, u)
	}
	return &validate.Equivalents{Groups: c.groups, Usernames: c.users}
}

// named begins with the names of the guard's policy that are service accounts, or people to impersonate.
func (c *computation) named() {
	const why = ", whom the guard's policy names"
	for _, u := range c.guard.Usernames {
		c.users[u] = "user " + u + why
		if account, ok := strings.CutPrefix(u, serviceAccountPrefix); ok {
			c.powerful(account, ", whose service account "+u+" the guard's policy names")
		}
	}
	for _, g := range c.guard.Groups {
		if namespace, ok := strings.CutPrefix(g, allServiceAccounts+":"); ok {
			c.accounts[namespace] = "group " + g + ", which the guard's policy names"
		} else if g == allServiceAccounts || g == allAuthenticated {
			c.accounts[""] = "group " + g + ", which the guard's policy names"
		}
	}
}

// powerful notes the namespace of a service account (namespace:name) that is as good as system:masters.
func (c *computation) powerful(account, reason string) {
	namespace, _, _ := strings.Cut(account, ":")
	if _, known := c.namespaces[namespace]; !known {
		c.namespaces[namespace] = reason
	}
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

type computation struct {
	guard        Guard
	clusterRoles map[string]*role
	roles        map[string]*role // namespace/name

	// granted holds, for every role and place that anybody asked for, the right that counts there, or "".
	granted map[place]string
	// groups and users are the answer so far, each with its evidence.
	groups, users map[string]string
	// namespaces are those in which code can run as good as system:masters, with the reason, or "" for kube-system and the guard's.
	namespaces map[string]string
	// accounts are the namespaces of which every service account is as good, with the evidence; "" stands for all.
	accounts map[string]string
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
	}
	for _, r := range o.Roles {
		var rules []rule
		for i := range r.Rules {
			rules = append(rules, rule{&r.Rules[i], ""})
		}
		c.roles[r.Namespace+"/"+r.Name] = newRole(rules)
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

// readBindings lists the bindings in an order that never changes, and asks for the places of all.
func (c *computation) readBindings(o *Objects) []binding {
	bindings := make([]binding, 0, len(o.ClusterRoleBindings)+len(o.RoleBindings))
	for _, b := range o.ClusterRoleBindings {
		if b.RoleRef.Kind == "ClusterRole" {
			bindings = append(bindings, binding{"ClusterRoleBinding " + b.Name, place{kind: "ClusterRole", role: b.RoleRef.Name}, b.Subjects})
		}
	}
	for _, b := range o.RoleBindings {
		p := place{kind: b.RoleRef.Kind, role: b.RoleRef.Name, namespace: b.Namespace}
		if p.kind == "Role" {
			p.roleNamespace = b.Namespace
		}
		bindings = append(bindings, binding{"RoleBinding " + b.Namespace + "/" + b.Name, p, b.Subjects})
	}
	slices.SortFunc(bindings, func(a, b binding) int { return cmp.Compare(a.name, b.name) })
	for _, b := range bindings {
		c.granted[b.place] = ""
	}
	return bindings
}

// evaluate looks once at every place that grants nothing yet.
func (c *computation) evaluate() (progress bool) {
	before := len(c.granted)
	for _, p := range slices.SortedFunc(maps.Keys(c.granted), comparePlaces) {
		if c.granted[p] == "" {
			if right := c.right(p); right != "" {
				c.granted[p] = right
				progress = true
			}
		}
	}
	return progress || len(c.granted) > before
}

func comparePlaces(a, b place) int {
	return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.kind, b.kind), cmp.Compare(a.roleNamespace, b.roleNamespace), cmp.Compare(a.role, b.role))
}

// role is nil if there is none of that name.
func (c *computation) role(p place) *role {
	if p.kind == "Role" {
		return c.roles[p.roleNamespace+"/"+p.role]
	}
	return c.clusterRoles[p.role]
}

// right is the first right of a role that counts at the place, in words with its role: ClusterRole edit (create pods in
// kube-system).
func (c *computation) right(p place) string {
	r := c.role(p)
	if r == nil {
		return ""
	}
	say := func(r rule, what string) string {
		if r.from != "" {
			return fmt.Sprintf("%s, aggregated from ClusterRole %s (%s)", p, r.from, what)
		}
		return fmt.Sprintf("%s (%s)", p, what)
	}
	if r.everything != nil {
		if p.namespace == "" {
			return say(*r.everything, "* on *")
		}
		if reason, ok := c.isPowerful(p.namespace); ok {
			return say(*r.everything, "* on * in "+p.namespace+reason)
		}
	}
	for _, candidate := range r.candidates {
		if what := c.counts(candidate, p.namespace); what != "" {
			return say(candidate.rule, what)
		}
	}
	for _, mode := range r.constrained {
		for _, who := range mode.whose {
			whose := c.counts(who, p.namespace)
			if whose == "" {
				continue
			}
			for _, candidate := range mode.what {
				if what := c.counts(candidate, p.namespace); what != "" {
					return say(who.rule, whose+", and there "+what)
				}
			}
		}
	}
	return ""
}

// isPowerful says whether, and why, code that runs in a namespace can be as good as system:masters.
func (c *computation) isPowerful(namespace string) (reason string, ok bool) {
	reason, ok = c.namespaces[namespace]
	if all := c.allAccounts(namespace); !ok && all != "" {
		return ", where every service account is as good as system:masters: " + all, true
	}
	return reason, ok
}

// counts says in words that a candidate, in one namespace or ("") everywhere, gives its power; or nothing.
func (c *computation) counts(r candidate, namespace string) string {
	w, verb := r.power, r.verb
	where := ""
	switch w.area {
	case cluster:
		if namespace != "" {
			return ""
		}
	case powerful:
		at := cmp.Or(namespace, kubeSystem)
		reason, ok := c.isPowerful(at)
		if !ok {
			return ""
		}
		where = " in " + at + reason
	case awsAuthPlace, policyPlace:
		at := kubeSystem
		if w.area == policyPlace {
			at = c.guard.Namespace
		}
		if at == "" || namespace != "" && namespace != at {
			return ""
		}
		where = " in " + at
	case named:
		if namespace != "" {
			where = " in " + namespace
		}
	}
	what := verb + " " + strings.TrimSuffix(w.resource, "/*")
	switch w.limit {
	case anyName:
	case noName:
		if len(r.ResourceNames) > 0 {
			return ""
		}
	case theName:
		if len(r.ResourceNames) > 0 && !slices.ContainsFunc(r.ResourceNames, func(n string) bool { return slices.Contains(w.names, n) }) {
			return ""
		}
		if w.area == awsAuthPlace {
			what = verb + " ConfigMap " + awsAuth
		}
	case guardName:
		name := c.guard.own(w)
		if len(r.ResourceNames) > 0 && name != "" && !slices.Contains(r.ResourceNames, name) {
			return ""
		}
		if len(r.ResourceNames) > 0 && w.resource == "secrets" {
			what = verb + " Secret " + cmp.Or(name, r.ResourceNames[0])
		}
	case target:
		name, reason, ok := c.targets(r.rule, w, namespace)
		if !ok {
			return ""
		}
		if name != "" {
			what += " " + name
		}
		where += reason
		if w.group == guardAPI {
			where += ", so may approve grants"
		}
	}
	return what + where
}

// targets says whether what a rule names, or could name, is as good as system:masters: name is empty if the rule names
// nothing.
func (c *computation) targets(r rule, w *power, namespace string) (name, reason string, ok bool) {
	if len(r.ResourceNames) == 0 {
		if w.area != named || namespace == "" {
			return "", "", true
		}
		reason, ok := c.isPowerful(namespace)
		return "", reason, ok
	}
	for _, n := range r.ResourceNames {
		var evidence string
		switch w.resource {
		case "clusterroles":
			evidence = c.ask(place{kind: "ClusterRole", role: n, namespace: namespace})
		case "roles":
			evidence = c.namedRole(namespace, n)
		case "users":
			evidence = c.users[n]
			if w.group != authentication && strings.HasPrefix(n, "system:node:") {
				return n, ", which gets tokens of the service accounts of the node's pods", true
			}
		case "privilegedusernames":
			evidence = c.users[n]
		case "groups", "privilegedgroups":
			everyone := n == "*" && w.group == authentication // asked for instead of many groups
			itself := n == masters && w.group != authentication
			if everyone || itself || n != masters && slices.Contains(c.guard.Groups, n) {
				return n, "", true
			}
			evidence = c.groups[n]
		default: // service accounts, by themselves or for their tokens
			evidence = c.account(namespace, n)
		}
		if evidence != "" {
			return n, ": " + evidence, true
		}
	}
	return "", "", false
}

// ask is the right that a role gives at a place, as far as that is known in this round.
func (c *computation) ask(p place) string {
	right, asked := c.granted[p]
	if !asked && c.role(p) != nil {
		c.granted[p] = "" // evaluated in the next round
	}
	return right
}

// namedRole is the right that a Role of that name gives where it counts; without a namespace, in any.
func (c *computation) namedRole(namespace, name string) string {
	if namespace != "" {
		return c.ask(place{kind: "Role", roleNamespace: namespace, role: name, namespace: namespace})
	}
	for _, key := range slices.Sorted(maps.Keys(c.roles)) {
		if in, n, _ := strings.Cut(key, "/"); n == name {
			if evidence := c.namedRole(in, n); evidence != "" {
				return evidence
			}
		}
	}
	return ""
}

// allAccounts is why every service account of a namespace is as good as system:masters.
func (c *computation) allAccounts(namespace string) string {
	return cmp.Or(c.accounts[namespace], c.accounts[""])
}

// account is why a service account is as good as system:masters; without a namespace, one of that name in any.
func (c *computation) account(namespace, name string) string {
	if namespace != "" {
		return cmp.Or(c.users[serviceAccount(namespace, name)], c.allAccounts(namespace))
	}
	if all := slices.Sorted(maps.Keys(c.accounts)); len(all) > 0 {
		return c.accounts[all[0]] // where the name may be any
	}
	suffix := ":" + name
	for _, u := range slices.Sorted(maps.Keys(c.users)) {
		if strings.HasPrefix(u, serviceAccountPrefix) && strings.HasSuffix(u, suffix) {
			return c.users[u]
		}
	}
	return ""
}

const serviceAccountPrefix = "system:serviceaccount:"

func serviceAccount(namespace, name string) string {
	return serviceAccountPrefix + namespace + ":" + name
}

// grant notes that a subject is as good as system:masters, and what follows from it; progress is false if it was known.
func (c *computation) grant(s rbacv1.Subject, b binding, right string) (progress bool) {
	tail := " -> " + b.name + " -> " + right
	add := func(to map[string]string, key, chain string) bool {
		if _, known := to[key]; known {
			return false
		}
		to[key] = chain
		return true
	}
	switch s.Kind {
	case rbacv1.UserKind:
		chain := "user " + s.Name + tail
		if account, ok := strings.CutPrefix(s.Name, serviceAccountPrefix); ok {
			namespace, _, _ := strings.Cut(account, ":")
			add(c.namespaces, namespace, ", whose "+chain)
		}
		return add(c.users, s.Name, chain)
	case rbacv1.GroupKind:
		chain := "group " + s.Name + tail
		progress = add(c.groups, s.Name, chain)
		if s.Name == allAuthenticated || s.Name == allServiceAccounts {
			add(c.accounts, "", chain)
		} else if namespace, ok := strings.CutPrefix(s.Name, allServiceAccounts+":"); ok {
			add(c.accounts, namespace, chain)
		}
		return progress
	case rbacv1.ServiceAccountKind:
		// A RoleBinding may leave out the namespace of a service account of its own.
		namespace := cmp.Or(s.Namespace, b.place.namespace)
		if namespace == "" {
			return false
		}
		chain := "service account " + namespace + "/" + s.Name + tail
		progress = add(c.users, serviceAccount(namespace, s.Name), chain)
		add(c.namespaces, namespace, ", whose "+chain)
		return progress
	}
	return false
}
