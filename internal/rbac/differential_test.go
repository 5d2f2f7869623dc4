package rbac

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// Worlds are resolved by us and, verb by verb, by a real API server. worldsVariable sets how many.
const (
	worldsVariable = "AWS_AUTH_GUARD_WORLDS"
	defaultWorlds  = 20
	worldsAtOnce   = 20 // in the API server: its authorizer looks at every binding for every question
)

// TestAgainstAPIServer makes random worlds of RBAC objects, puts them into a real API server, and asks it by
// SubjectAccessReview for every right of the table as each of the world's groups, users and service accounts. Whether any
// is granted must be our verdict.
//
// What follows from what (a name that may impersonate an admin is one) is closed over here once more, from the answers of the
// API server alone.
func TestAgainstAPIServer(t *testing.T) {
	worlds := defaultWorlds
	if s := os.Getenv(worldsVariable); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			t.Fatalf("%s=%q, want a number of worlds", worldsVariable, s)
		}
		worlds = n
	}
	ctx := t.Context()
	cluster := guarded.StartFor(t)
	config := rest.CopyConfig(cluster.Config)
	config.QPS = -1 // no limit of our own
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	d := &differential{T: t, client: client}
	d.namespace(ctx, testGuard.Namespace)
	started := time.Now()
	for first := 0; first < worlds; first += worldsAtOnce {
		var batch []*world
		for n := first; n < min(first+worldsAtOnce, worlds); n++ {
			batch = append(batch, newWorld(n))
		}
		d.compare(ctx, batch)
		if worlds > worldsAtOnce {
			t.Logf("%d of %d worlds, after %s", first+len(batch), worlds, time.Since(started).Round(time.Second))
		}
		if t.Failed() {
			break
		}
	}
	t.Logf("%d worlds, %d subjects, %d of them equivalent to cluster-admin; %d questions to the API server in %s",
		worlds, d.subjects.Load(), d.privileged.Load(), d.questions.Load(), time.Since(started).Round(time.Second))
	if share := float64(d.privileged.Load()) / float64(d.subjects.Load()); share < 0.15 || share > 0.85 {
		t.Errorf("%.0f%% of the subjects are privileged: the worlds do not try both answers", share*100)
	}
}

var testGuard = Guard{Namespace: "guard", PolicyName: "guard-policy", ConfigurationName: "aws-auth-guard", SecretName: "guard-tls",
	Groups: []string{"break-glass"}, Usernames: []string{"approver"}}

// world is a random set of RBAC objects, under names that no other world uses.
type world struct {
	n       int
	rng     *rand.Rand
	objects Objects
}

func (w *world) name(s string) string { return fmt.Sprintf("w%d-%s", w.n, s) }

func (w *world) namespaces() []string {
	return []string{kubeSystem, testGuard.Namespace, w.name("team"), w.name("ci")}
}

// pick chooses one, the first ones more often.
func pick[T any](w *world, all []T) T { return all[w.rng.IntN(len(all))] }

var roleNames = []string{"a", "b", "c", "d"}

func (w *world) subjectsPool() []rbacv1.Subject {
	group := func(n string) rbacv1.Subject {
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: n}
	}
	user := func(n string) rbacv1.Subject {
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: n}
	}
	account := func(namespace, n string) rbacv1.Subject {
		return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: n, Namespace: namespace}
	}
	return []rbacv1.Subject{group(w.name("g1")), group(w.name("g2")), group(w.name("g3")), group(w.name("g4")), user(w.name("u1")), user(w.name("u2")), user(w.name("u3")),
		account(w.name("ci"), "s1"), account(w.name("team"), "s2"), group(allServiceAccounts + ":" + w.name("ci")), user(serviceAccount(w.name("team"), "s3"))}
}

// names are those that resourceNames may hold: of things that matter and of things that do not.
func (w *world) names() []string {
	names := []string{awsAuth, "coredns", testGuard.PolicyName, testGuard.ConfigurationName, testGuard.SecretName, "break-glass", "approver", "system:node:n1", "s1", "s2", "kubernetes.io/kube-apiserver-client", "example.com/signer"}
	for _, n := range append([]string{"g1", "g2", "u1", "u2"}, roleNames...) {
		names = append(names, w.name(n))
	}
	return append(names, "system:masters")
}

// namesOf are those that a resource can have.
func (w *world) namesOf(resource string) []string {
	switch resource {
	case "users":
		return []string{w.name("u1"), w.name("u2"), w.name("u3"), "approver", "system:node:n1"}
	case "privilegedgroups":
		return []string{w.name("g1"), w.name("g2"), "break-glass", "system:masters"}
	case "privilegedusernames":
		return []string{w.name("u1"), w.name("u2"), "approver"}
	case "groups":
		return []string{w.name("g1"), w.name("g2"), w.name("g3"), w.name("g4")}
	case "serviceaccounts", "serviceaccounts/token":
		return []string{"s1", "s2", "s3"}
	case "roles", "clusterroles":
		return []string{w.name("a"), w.name("b"), w.name("c"), w.name("d")}
	}
	return w.names()
}

// chaining are the powers over something that is named.
var chaining = slices.DeleteFunc(slices.Clone(powers), func(p power) bool { return p.limit != target })

// otherRights are what nobody becomes admin by.
var otherRights = []power{
	{verbs: []string{"get", "list"}, resource: "pods"}, {verbs: []string{"get"}, resource: "configmaps"}, {verbs: []string{"update"}, group: "apps", resource: "deployments/scale"},
	{verbs: []string{"create"}, resource: "pods/portforward"}, {verbs: []string{"escalate", "bind"}, group: "example.com", resource: "roles"}, {verbs: []string{"delete"}, resource: "secrets"},
	{verbs: []string{"update"}, group: certificates, resource: "certificatesigningrequests/approval"}, {verbs: []string{"get", "list"}, group: rbacv1.GroupName, resource: "clusterroles"},
}

// leading are the powers that count because of what somebody else has.
var leading = slices.DeleteFunc(slices.Clone(powers), func(p power) bool { return p.limit != target && p.area != powerful || p.group == "apps" })

func (w *world) rules() []rbacv1.PolicyRule {
	rules := make([]rbacv1.PolicyRule, 1+w.rng.IntN(3))
	for i := range rules {
		p := pick(w, otherRights)
		switch w.rng.IntN(8) {
		case 0, 1:
			p = pick(w, powers)
		case 2, 3: // those on which others stand are worth more tries
			p = pick(w, leading)
		}
		resource := strings.TrimSuffix(p.resource, "/*")
		if resource != p.resource {
			resource += "/scopes"
		}
		r := rbacv1.PolicyRule{Verbs: []string{pick(w, p.verbs)}, APIGroups: []string{p.group}, Resources: []string{resource}}
		switch w.rng.IntN(16) {
		case 0:
			r.Verbs = []string{"*"}
		case 1:
			r.APIGroups = []string{"example.com", "*"}
		case 2:
			if _, sub, ok := strings.Cut(resource, "/"); ok {
				r.Resources = []string{"*/" + sub}
			}
		case 3:
			r.Resources = []string{strings.Split(resource, "/")[0] + "/*"}
		case 4:
			if w.rng.IntN(3) == 0 {
				r.Resources = []string{"*"}
			}
		case 5:
			r.APIGroups = []string{pick(w, []string{"", "apps", "example.com", rbacv1.GroupName})}
		case 6:
			r.Verbs = append(r.Verbs, pick(w, []string{"get", "list", "create", "update", "impersonate"}))
		}
		if w.rng.IntN(3) == 0 || p.limit == target && w.rng.IntN(3) > 0 {
			for range 1 + w.rng.IntN(2) {
				names := w.names()
				if w.rng.IntN(4) > 0 {
					names = w.namesOf(p.resource)
				}
				r.ResourceNames = append(r.ResourceNames, pick(w, names))
			}
		}
		rules[i] = r
	}
	return rules
}

func newWorld(n int) *world {
	w := &world{n: n, rng: rand.New(rand.NewPCG(1, uint64(n)))} //nolint:gosec // the same worlds every time
	label := map[string]string{"world": w.name("x")}
	meta := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: w.name(name), Namespace: namespace, Labels: label}
	}
	for _, name := range roleNames {
		r := &rbacv1.ClusterRole{ObjectMeta: meta("", name), Rules: w.rules()}
		r.Labels = map[string]string{"world": w.name("x"), "gather": w.name(pick(w, []string{"p", "q"}))}
		w.objects.ClusterRoles = append(w.objects.ClusterRoles, r)
	}
	if w.rng.IntN(3) == 0 {
		r := w.objects.ClusterRoles[3]
		r.Rules = nil
		r.Labels["gather"] = w.name("none")
		r.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{"gather": w.name("p")}}}}
	}
	for _, namespace := range w.namespaces() {
		if w.rng.IntN(2) == 0 {
			w.objects.Roles = append(w.objects.Roles, &rbacv1.Role{ObjectMeta: meta(namespace, pick(w, roleNames)), Rules: w.rules()})
		}
	}
	subjects := func() []rbacv1.Subject {
		pool := w.subjectsPool()
		w.rng.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
		return pool[:1+w.rng.IntN(2)]
	}
	for i := range 1 + w.rng.IntN(4) {
		w.objects.ClusterRoleBindings = append(w.objects.ClusterRoleBindings, &rbacv1.ClusterRoleBinding{ObjectMeta: meta("", fmt.Sprint("cb", i)),
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: w.name(pick(w, roleNames))}, Subjects: subjects()})
	}
	w.addChain(meta, subjects)
	for i := range 1 + w.rng.IntN(6) {
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: pick(w, []string{"ClusterRole", "Role"}), Name: w.name(pick(w, roleNames))}
		w.objects.RoleBindings = append(w.objects.RoleBindings, &rbacv1.RoleBinding{ObjectMeta: meta(pick(w, w.namespaces()), fmt.Sprint("b", i)), RoleRef: ref, Subjects: subjects()})
	}
	return w
}

// addChain gives somebody a right on somebody or something named, which is worth what the named one has: chance alone
// makes few of those.
func (w *world) addChain(meta func(namespace, name string) metav1.ObjectMeta, subjects func() []rbacv1.Subject) {
	p := pick(w, chaining)
	names := w.namesOf(p.resource)
	rule := rbacv1.PolicyRule{Verbs: []string{p.verbs[0]}, APIGroups: []string{p.group}, Resources: []string{p.resource}, ResourceNames: []string{pick(w, names), pick(w, names)}}
	w.objects.ClusterRoles = append(w.objects.ClusterRoles, &rbacv1.ClusterRole{ObjectMeta: meta("", "chain"), Rules: []rbacv1.PolicyRule{rule}})
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: w.name("chain")}
	if p.area == cluster || w.rng.IntN(2) == 0 {
		w.objects.ClusterRoleBindings = append(w.objects.ClusterRoleBindings, &rbacv1.ClusterRoleBinding{ObjectMeta: meta("", "chain"), RoleRef: ref, Subjects: subjects()})
		return
	}
	w.objects.RoleBindings = append(w.objects.RoleBindings, &rbacv1.RoleBinding{ObjectMeta: meta(pick(w, w.namespaces()), "chain"), RoleRef: ref, Subjects: subjects()})
}

// aggregatedAsByController is a copy of the ClusterRoles as the cluster's own controller leaves them: there is none in this
// control plane.
func (w *world) aggregatedAsByController() []*rbacv1.ClusterRole {
	var out []*rbacv1.ClusterRole
	for _, r := range w.objects.ClusterRoles {
		r = r.DeepCopy()
		if r.AggregationRule != nil {
			for _, other := range w.objects.ClusterRoles {
				if other.Labels["gather"] == r.AggregationRule.ClusterRoleSelectors[0].MatchLabels["gather"] {
					r.Rules = append(r.Rules, other.Rules...)
				}
			}
		}
		out = append(out, r)
	}
	return out
}

type differential struct {
	*testing.T
	client                          *kubernetes.Clientset
	subjects, privileged, questions atomic.Int64
	sentinels                       int
}

func (d *differential) namespace(ctx context.Context, name string) {
	_, err := d.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		d.Error(err)
	}
}

func (d *differential) must(err error) {
	if err != nil {
		d.Error(err)
	}
}

// load puts a world into the API server.
func (d *differential) load(ctx context.Context, w *world) {
	api := d.client.RbacV1()
	for _, n := range w.namespaces()[2:] {
		d.namespace(ctx, n)
	}
	for _, r := range w.aggregatedAsByController() {
		_, err := api.ClusterRoles().Create(ctx, r, metav1.CreateOptions{})
		d.must(err)
	}
	for _, r := range w.objects.Roles {
		_, err := api.Roles(r.Namespace).Create(ctx, r, metav1.CreateOptions{})
		d.must(err)
	}
	crbs, rbs := w.probes()
	for _, b := range append(crbs, w.objects.ClusterRoleBindings...) {
		_, err := api.ClusterRoleBindings().Create(ctx, b, metav1.CreateOptions{})
		d.must(err)
	}
	for _, b := range append(rbs, w.objects.RoleBindings...) {
		_, err := api.RoleBindings(b.Namespace).Create(ctx, b, metav1.CreateOptions{})
		d.must(err)
	}
}

// probe is the user as which the API server is asked what a role allows at a place.
func (w *world) probe(p place) string {
	return w.name(strings.Join([]string{"probe", p.kind, p.roleNamespace, p.role, p.namespace}, ":"))
}

// probed are the roles and places that a bind rule of the world may be about.
func (w *world) probed() []place {
	var named []string
	for _, r := range w.allRules() {
		if slices.Contains(r.Verbs, "bind") || slices.Contains(r.Verbs, "*") {
			named = append(named, r.ResourceNames...)
		}
	}
	var places []place
	for _, r := range w.objects.ClusterRoles {
		if slices.Contains(named, r.Name) {
			places = append(places, place{kind: "ClusterRole", role: r.Name})
			for _, n := range w.namespaces() {
				places = append(places, place{kind: "ClusterRole", role: r.Name, namespace: n})
			}
		}
	}
	for _, r := range w.objects.Roles {
		if slices.Contains(named, r.Name) {
			places = append(places, place{kind: "Role", roleNamespace: r.Namespace, role: r.Name, namespace: r.Namespace})
		}
	}
	return places
}

func (w *world) probes() (crbs []*rbacv1.ClusterRoleBinding, rbs []*rbacv1.RoleBinding) {
	for i, p := range w.probed() {
		meta := metav1.ObjectMeta{Name: w.name(fmt.Sprint("probe", i)), Namespace: p.namespace, Labels: map[string]string{"world": w.name("x")}}
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: p.kind, Name: p.role}
		subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.probe(p)}}
		if p.namespace == "" {
			crbs = append(crbs, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: subjects})
		} else {
			rbs = append(rbs, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: subjects})
		}
	}
	return crbs, rbs
}

// settled waits until the authorizer has seen all that was written before: it watches each kind in order.
func (d *differential) settled(ctx context.Context) {
	d.sentinels++
	name := fmt.Sprint("sentinel-", d.sentinels)
	rules := []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{"example.com"}, Resources: []string{"sentinels"}}}
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}}
	meta := metav1.ObjectMeta{Name: name}
	api := d.client.RbacV1()
	_, err := api.ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	d.must(err)
	_, err = api.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}, Subjects: subjects}, metav1.CreateOptions{})
	d.must(err)
	subjects = []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name + "-in"}}
	_, err = api.Roles(kubeSystem).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	d.must(err)
	_, err = api.RoleBindings(kubeSystem).Create(ctx, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}, Subjects: subjects}, metav1.CreateOptions{})
	d.must(err)
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		for user, namespace := range map[string]string{name: "", name + "-in": kubeSystem} {
			if !d.ask(ctx, authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: "get", Group: "example.com", Resource: "sentinels", Namespace: namespace}}) {
				return false, nil
			}
		}
		return true, nil
	})
	d.must(err)
}

func (d *differential) unload(ctx context.Context, batch []*world) {
	api, all := d.client.RbacV1(), metav1.ListOptions{LabelSelector: "world"}
	d.must(api.ClusterRoleBindings().DeleteCollection(ctx, metav1.DeleteOptions{}, all))
	d.must(api.ClusterRoles().DeleteCollection(ctx, metav1.DeleteOptions{}, all))
	namespaces := []string{kubeSystem, testGuard.Namespace}
	for _, w := range batch {
		namespaces = append(namespaces, w.namespaces()[2:]...)
	}
	each(namespaces, func(n string) {
		d.must(api.RoleBindings(n).DeleteCollection(ctx, metav1.DeleteOptions{}, all))
		d.must(api.Roles(n).DeleteCollection(ctx, metav1.DeleteOptions{}, all))
	})
}

// each runs f on all, some at a time.
func each[T any](all []T, f func(T)) {
	var group sync.WaitGroup
	tickets := make(chan struct{}, 8)
	for _, one := range all {
		tickets <- struct{}{}
		group.Go(func() {
			f(one)
			<-tickets
		})
	}
	group.Wait()
}

func (d *differential) compare(ctx context.Context, batch []*world) {
	each(batch, func(w *world) { d.load(ctx, w) })
	d.settled(ctx)
	each(batch, func(w *world) { d.world(ctx, w) })
	d.unload(ctx, batch)
}

func (d *differential) ask(ctx context.Context, spec authorizationv1.SubjectAccessReviewSpec) bool {
	d.questions.Add(1)
	review, err := d.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		d.Error(err)
		return false
	}
	return review.Status.Allowed
}

func (w *world) allRules() []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, r := range w.objects.ClusterRoles {
		rules = append(rules, r.Rules...)
	}
	for _, r := range w.objects.Roles {
		rules = append(rules, r.Rules...)
	}
	return rules
}

// asked is somebody the API server is asked about.
type asked struct {
	key    string // how it is called here
	user   string
	groups []string
}

// oracle closes over the API server's answers.
type oracle struct {
	*differential
	ctx   context.Context
	w     *world
	rules []rbacv1.PolicyRule
	known map[string]bool
	// admins are the keys of those who are equivalent to cluster-admin.
	admins map[string]bool
}

var accountNames = []string{"s1", "s2", "s3", "other"}

// world compares one.
func (d *differential) world(ctx context.Context, w *world) {
	o := &oracle{differential: d, ctx: ctx, w: w, rules: w.allRules(), known: map[string]bool{}, admins: map[string]bool{}}
	var all []asked
	for _, s := range w.subjectsPool() {
		switch s.Kind {
		case rbacv1.GroupKind:
			all = append(all, asked{key: "group " + s.Name, user: "nobody", groups: []string{s.Name}})
		case rbacv1.UserKind:
			all = append(all, asked{key: "user " + s.Name, user: s.Name})
		case rbacv1.ServiceAccountKind:
			all = append(all, asked{key: "user " + serviceAccount(s.Namespace, s.Name), user: serviceAccount(s.Namespace, s.Name)})
		}
	}
	ours := len(all)
	for _, p := range w.probed() {
		all = append(all, asked{key: "role " + w.probe(p), user: w.probe(p)})
	}
	// A pod has its service account's groups as well. The service account "other" stands for all that no binding names.
	for _, namespace := range w.namespaces()[2:] {
		for _, n := range accountNames {
			all = append(all, asked{key: "account " + namespace + "/" + n, user: serviceAccount(namespace, n), groups: []string{allServiceAccounts, allServiceAccounts + ":" + namespace}})
		}
	}
	for progress := true; progress; {
		progress = false
		for _, a := range all {
			if !o.admins[a.key] && w.bound(a) && o.admin(a) {
				o.admins[a.key] = true
				progress = true
			}
		}
	}
	got := Resolve(&w.objects, testGuard)
	for _, a := range all[:ours] {
		kind, name, _ := strings.Cut(a.key, " ")
		evidence := got.Usernames[name]
		if kind == "group" {
			evidence = got.Groups[name]
		}
		d.subjects.Add(1)
		if o.admins[a.key] {
			d.privileged.Add(1)
		}
		if (evidence != "") != o.admins[a.key] {
			text, _ := yaml.Marshal(w.objects)
			d.Errorf("world %d: %s: the API server says %v, we say %q\n%s", w.n, a.key, o.admins[a.key], evidence, text)
		}
	}
}

// bound says that somebody is named in a binding: the API server is not asked about all the others.
func (w *world) bound(a asked) bool {
	if strings.HasPrefix(a.key, "role ") {
		return true
	}
	named := func(subjects []rbacv1.Subject) bool {
		return slices.ContainsFunc(subjects, func(s rbacv1.Subject) bool {
			return s.Name == a.user || slices.Contains(a.groups, s.Name) || s.Kind == rbacv1.ServiceAccountKind && strings.HasSuffix(a.user, ":"+s.Name)
		})
	}
	return slices.ContainsFunc(w.objects.ClusterRoleBindings, func(b *rbacv1.ClusterRoleBinding) bool { return named(b.Subjects) }) ||
		slices.ContainsFunc(w.objects.RoleBindings, func(b *rbacv1.RoleBinding) bool { return named(b.Subjects) })
}

// powerfulNamespaces are kube-system, the guard's, and those with a service account that is an admin.
func (o *oracle) powerfulNamespaces() []string {
	namespaces := []string{kubeSystem, testGuard.Namespace}
	for _, n := range o.w.namespaces()[2:] {
		if slices.ContainsFunc(accountNames, func(a string) bool { return o.admins["account "+n+"/"+a] }) {
			namespaces = append(namespaces, n)
		}
	}
	return namespaces
}

// admin asks for every power.
func (o *oracle) admin(a asked) bool {
	namespaces := o.powerfulNamespaces()
	for i := range powers {
		p := &powers[i]
		for _, verb := range p.verbs {
			rules := o.mentioned(verb, p.group, p.resource)
			if len(rules) == 0 {
				continue
			}
			for _, resource := range resourcesOf(p) {
				for _, at := range o.places(p, namespaces, rules) {
					if o.allowed(a, verb, p.group, resource, at.namespace, at.name) {
						return true
					}
				}
			}
		}
	}
	return false
}

// mentioned lists the rules of the world that could mean a verb and a resource, by their texts alone, so that nothing is
// asked to which the answer can only be no.
func (o *oracle) mentioned(verb, group, resource string) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	for _, r := range o.rules {
		text := strings.Join(r.Resources, " ")
		base, _, _ := strings.Cut(resource, "/")
		if (strings.Contains(text, base) || strings.Contains(text, "*")) && (slices.Contains(r.Verbs, verb) || slices.Contains(r.Verbs, "*")) &&
			(slices.Contains(r.APIGroups, group) || slices.Contains(r.APIGroups, "*")) {
			rules = append(rules, r)
		}
	}
	return rules
}

func resourcesOf(p *power) []string {
	if base, ok := strings.CutSuffix(p.resource, "/*"); ok {
		return []string{base, base + "/scopes", base + "/exec", base + "/token", base + "/proxy", base + "/attach", base + "/ephemeralcontainers", base + "/scale", base + "/portforward", base + "/approval"}
	}
	return []string{p.resource}
}

type at struct{ namespace, name string }

// places are where and for which names a power counts.
func (o *oracle) places(p *power, powerfulNamespaces []string, rules []rbacv1.PolicyRule) []at {
	var places []at
	// The API server knows no name but those that a rule has.
	names := []string{""}
	for _, r := range rules {
		names = append(names, r.ResourceNames...)
	}
	add := func(namespaces []string, names ...string) {
		for _, n := range namespaces {
			for _, name := range names {
				places = append(places, at{n, name})
			}
		}
	}
	namespaces := map[area][]string{cluster: {""}, powerful: powerfulNamespaces, awsAuthPlace: {kubeSystem}, policyPlace: {testGuard.Namespace}}[p.area]
	switch p.limit {
	case anyName:
		add(namespaces, names...)
	case noName:
		add(namespaces, "")
	case theName:
		add(namespaces, p.names...)
	case guardName:
		name := testGuard.ConfigurationName
		if p.area == policyPlace {
			name = testGuard.PolicyName
		}
		if p.resource == "secrets" {
			name = testGuard.SecretName
		}
		add(namespaces, name)
	case target:
		switch p.resource {
		case "clusterroles":
			add(namespaces, "")
			for _, pl := range o.w.probed() {
				if pl.kind == "ClusterRole" && slices.Contains(namespaces, pl.namespace) && o.admins["role "+o.w.probe(pl)] {
					add([]string{pl.namespace}, pl.role)
				}
			}
		case "roles":
			add(namespaces, "")
			for _, pl := range o.w.probed() {
				if pl.kind == "Role" && o.admins["role "+o.w.probe(pl)] {
					add([]string{pl.namespace}, pl.role)
				}
			}
		case "groups", "users", "privilegedgroups", "privilegedusernames":
			add(namespaces, "")
			who := "user"
			if strings.HasSuffix(p.resource, "groups") {
				who = "group"
				add(namespaces, append([]string{"system:masters"}, testGuard.Groups...)...)
			} else {
				add(namespaces, testGuard.Usernames...)
			}
			if p.resource == "users" {
				add(namespaces, "system:node:n1")
			}
			for key := range o.admins {
				if kind, name, _ := strings.Cut(key, " "); kind == who {
					add(namespaces, name)
				}
			}
		default:
			add(powerfulNamespaces, "")
			for key := range o.admins {
				if account, ok := strings.CutPrefix(key, "account "); ok {
					namespace, name, _ := strings.Cut(account, "/")
					if name == "other" {
						add([]string{namespace}, names...)
					}
					add([]string{namespace}, name)
				}
			}
		}
	}
	return places
}

func (o *oracle) allowed(a asked, verb, group, resource, namespace, name string) bool {
	key := strings.Join([]string{a.key, verb, group, resource, namespace, name}, "\x00")
	if allowed, ok := o.known[key]; ok {
		return allowed
	}
	base, sub, _ := strings.Cut(resource, "/")
	allowed := o.ask(o.ctx, authorizationv1.SubjectAccessReviewSpec{User: a.user, Groups: a.groups, ResourceAttributes: &authorizationv1.ResourceAttributes{
		Verb: verb, Group: group, Resource: base, Subresource: sub, Namespace: namespace, Name: name}})
	o.known[key] = allowed
	return allowed
}
