package rbac

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

var errForbidden = errors.New("forbidden")

// subsets are all sets of kinds that may be unreadable, the empty one first.
func subsets() (all []map[string]error) {
	for bits := range 1 << len(Resources) {
		unreadable := map[string]error{}
		for i, r := range Resources {
			if bits&(1<<i) != 0 {
				unreadable[r] = errForbidden
			}
		}
		all = append(all, unreadable)
	}
	return all
}

// without is what a guard has of the objects that cannot read those kinds.
func without(o *Objects, unreadable map[string]error) *Objects {
	seen := *o
	seen.Unreadable = unreadable
	if unreadable[ClusterRoles] != nil {
		seen.ClusterRoles = nil
	}
	if unreadable[ClusterRoleBindings] != nil {
		seen.ClusterRoleBindings = nil
	}
	if unreadable[Roles] != nil {
		seen.Roles = nil
	}
	if unreadable[RoleBindings] != nil {
		seen.RoleBindings = nil
	}
	return &seen
}

// partialWorld is a world with roles that every cluster has, and bindings of them.
func partialWorld(n int) *world {
	w := newWorld(n)
	bind := func(name, role, namespace string, subjects ...rbacv1.Subject) {
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}
		meta := metav1.ObjectMeta{Name: w.name(name), Namespace: namespace}
		if namespace == "" {
			w.objects.ClusterRoleBindings = append(w.objects.ClusterRoleBindings, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: subjects})
		} else {
			w.objects.RoleBindings = append(w.objects.RoleBindings, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: subjects})
		}
	}
	w.objects.ClusterRoles = append(w.objects.ClusterRoles,
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "cluster-admin"}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}}},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "system:discovery"}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"get"}, NonResourceURLs: []string{"/api", "/version"}}}})
	for _, everyone := range []string{allAuthenticated, allServiceAccounts} {
		bind(everyone, "system:discovery", "", rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: everyone})
	}
	if w.rng.IntN(2) == 0 {
		bind("admin", "cluster-admin", pick(w, []string{"", kubeSystem, w.name("team")}), pick(w, w.subjectsPool()))
	}
	// A role that is in another kind than those of the world, or in none.
	bind("dangling", w.name(pick(w, []string{"none", "a"})), pick(w, []string{"", w.name("ci")}), pick(w, w.subjectsPool()))
	return w
}

// completed is a world in which every role that could not be read gives everything: each that is bound or named somewhere.
func completed(w *world, seen *Objects) *Objects {
	full := *seen
	full.Unreadable = nil
	everything := []rbacv1.PolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}}
	names := map[string]bool{}
	for _, b := range seen.ClusterRoleBindings {
		names[b.RoleRef.Name] = true
	}
	for _, b := range seen.RoleBindings {
		names[b.RoleRef.Name] = true
	}
	for _, r := range w.allRules() {
		for _, n := range r.ResourceNames {
			names[n] = true
		}
	}
	for n := range names {
		if seen.Unreadable[ClusterRoles] != nil && (shipped[n] == nil || n == "cluster-admin") {
			full.ClusterRoles = append(full.ClusterRoles, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: n}, Rules: everything})
		}
		for _, namespace := range w.namespaces() {
			if seen.Unreadable[Roles] != nil {
				full.Roles = append(full.Roles, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: n, Namespace: namespace}, Rules: everything})
			}
		}
	}
	return &full
}

// TestPartialKnowledge resolves random worlds with every subset of the kinds unreadable, and holds the answer against that from the
// whole. What is proven must be so; what is so must be proven or unknown; and unknown must be only what the kinds that are missing
// could make so.
func TestPartialKnowledge(t *testing.T) {
	const worlds = 400
	count := map[string]int{}
	for n := range worlds {
		w := partialWorld(n)
		full := Resolve(&w.objects, testGuard)
		if full.Partial != nil {
			t.Fatalf("all is read, and %v is said to be missing", full.Partial.Kinds)
		}
		for _, unreadable := range subsets() {
			seen := without(&w.objects, unreadable)
			got := Resolve(seen, testGuard)
			fail := func(format string, args ...any) {
				text, _ := yaml.Marshal(w.objects)
				t.Errorf("world %d without %v: %s\n%s", n, slices.Sorted(maps.Keys(unreadable)), fmt.Sprintf(format, args...), text)
			}
			if (got.Partial != nil) != (len(unreadable) > 0) {
				fail("partial: %v", got.Partial)
				continue
			}
			partial := got.Partial
			if partial == nil {
				partial = &privilege.Partial{}
			}
			bindings := unreadable[ClusterRoleBindings] != nil || unreadable[RoleBindings] != nil
			if partial.Any != bindings {
				fail("any name may be more: %v", partial.Any)
			}
			var possible *privilege.Equivalents
			if len(unreadable) > 0 && !bindings {
				possible = Resolve(completed(w, seen), testGuard)
			}
			for _, kind := range []struct {
				what                     string
				known, is, maybe, atMost map[string]string
			}{
				{"group", got.Groups, full.Groups, partial.Groups, orEmpty(possible).Groups},
				{"user", got.Usernames, full.Usernames, partial.Usernames, orEmpty(possible).Usernames},
			} {
				for name, evidence := range kind.known {
					if count["proven"]++; kind.is[name] == "" {
						fail("%s %s is said to be privileged and is not: %s", kind.what, name, evidence)
					}
					if kind.maybe[name] != "" {
						fail("%s %s is both proven and unknown", kind.what, name)
					}
				}
				for name, evidence := range kind.is {
					if kind.known[name] == "" && !partial.Any && kind.maybe[name] == "" {
						fail("%s %s is privileged, and neither proven nor unknown: %s", kind.what, name, evidence)
					}
					if kind.known[name] == "" {
						count["not seen"]++
					}
				}
				for name, evidence := range kind.maybe {
					if count["unknown"]++; possible == nil || kind.atMost[name] == "" {
						fail("%s %s is said to be unknown, and cannot be privileged: %s", kind.what, name, evidence)
					}
					if !strings.Contains(evidence, "not read") {
						fail("%s %s: %q does not say what was not read", kind.what, name, evidence)
					}
				}
			}
			if partial.Any || len(unreadable) == 0 {
				continue
			}
			for _, s := range w.subjectsPool() {
				if s.Kind == rbacv1.GroupKind && got.Groups[s.Name] == "" && partial.Groups[s.Name] == "" {
					count["harmless for sure"]++
				}
			}
		}
		if t.Failed() {
			break
		}
	}
	t.Log(count)
	for _, what := range []string{"proven", "not seen", "unknown", "harmless for sure"} {
		if count[what] < worlds/2 {
			t.Errorf("%s: %d names in %d worlds try too little", what, count[what], worlds)
		}
	}
}

func orEmpty(e *privilege.Equivalents) *privilege.Equivalents {
	if e == nil {
		return &privilege.Equivalents{}
	}
	return e
}

// TestEditsUnderPartialKnowledge hands out every group and username of random worlds, judged with every subset of the kinds
// unreadable. Whatever is denied is denied as well by who can read all; with privileged.onUnreadable: deny, whatever is allowed is
// allowed as well by who can read all, and else it comes with a warning. What the edit does not touch is never denied.
func TestEditsUnderPartialKnowledge(t *testing.T) {
	const worlds = 25
	const head = "apiVersion: " + policy.APIVersion + "\nkind: Policy\nexempt: {usernames: []}\n"
	parse := func(text string) *policy.Policy {
		p, err := policy.Parse([]byte(head + text))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	warn, deny := parse(""), parse("privileged: {onUnreadable: deny}")
	object := func(mapRoles string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "aws-auth", Namespace: kubeSystem}, Data: map[string]string{"mapRoles": mapRoles}}
	}
	const nodeRole = "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"
	entry := func(username string, groups ...string) string {
		return fmt.Sprintf("- rolearn: arn:aws:iam::111122223333:role/team\n  username: %q\n  groups: [%s]\n", username, strings.Join(groups, ", "))
	}
	verdict := func(p *policy.Policy, e *privilege.Equivalents, from, to string) (allowed, unsure bool) {
		v, err := validate.New(p, validate.WithPorts(validate.Ports{Privileges: Known{equivalents: e}}), validate.WithClock(func() time.Time { return time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC) }))
		if err != nil {
			t.Fatal(err)
		}
		r := v.Validate(t.Context(), validate.Request{Operation: validate.Update, Old: object(from), New: object(to)})
		return r.Allowed, slices.ContainsFunc(r.Findings, func(f validate.Finding) bool {
			return f.Rule == "AA402" && strings.Contains(f.Message, "could not check in RBAC")
		})
	}
	count := map[string]int{}
	for n := range worlds {
		w := partialWorld(n)
		full := Resolve(&w.objects, testGuard)
		for _, unreadable := range subsets() {
			part := Resolve(without(&w.objects, unreadable), testGuard)
			for _, s := range w.subjectsPool() {
				old, updated := nodeRole, nodeRole+entry("viewer-of-nothing", s.Name)
				switch {
				case s.Kind == rbacv1.UserKind && !strings.HasPrefix(s.Name, "system:"):
					updated = nodeRole + entry(s.Name, "viewers-of-nothing")
				case s.Kind != rbacv1.GroupKind:
					continue
				}
				if n%2 == 1 { // the entry is there, with another name
					old = nodeRole + entry("viewer-of-nothing", "viewers-of-nothing")
				}
				legitimate, _ := verdict(warn, full, old, updated)
				allowed, unsure := verdict(warn, part, old, updated)
				strict, _ := verdict(deny, part, old, updated)
				fail := func(format string, args ...any) {
					t.Errorf("world %d without %v: %s: %s", n, slices.Sorted(maps.Keys(unreadable)), s.Name, fmt.Sprintf(format, args...))
				}
				if !allowed && legitimate {
					fail("denied, and who reads all allows it")
				}
				if allowed && !legitimate && !unsure {
					fail("allowed without a warning, and who reads all denies it")
				}
				if strict && !legitimate {
					fail("allowed with onUnreadable: deny, and who reads all denies it")
				}
				if strict != (allowed && !unsure) {
					fail("onUnreadable: deny allows %v; else allowed %v, unsure %v", strict, allowed, unsure)
				}
				if back, unsure := verdict(deny, part, updated, nodeRole); !back || unsure {
					fail("to take it away: allowed %v, unsure %v", back, unsure)
				}
				if same, unsure := verdict(deny, part, updated, "# a comment\n"+updated); !same || unsure {
					fail("an edit that touches nothing: allowed %v, unsure %v", same, unsure)
				}
				for what, is := range map[string]bool{"denied": !allowed, "allowed for sure": strict, "unsure": unsure} {
					if is {
						count[what]++
					}
				}
			}
		}
		if t.Failed() {
			break
		}
	}
	t.Log(count)
	for _, what := range []string{"denied", "allowed for sure", "unsure"} {
		if count[what] < 10*worlds {
			t.Errorf("%s: only %d edits in %d worlds", what, count[what], worlds)
		}
	}
}
