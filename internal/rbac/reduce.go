package rbac

import (
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxNames and maxNameBytes limit how many resourceNames of a rule are kept. A rule with more counts as one for all names.
const (
	maxNames     = 1000
	maxNameBytes = 64 << 10
)

// tables are all lists of rights that a rule can be part of, and the rule as each of them reads it.
func tables(r *rbacv1.PolicyRule) (lists []reading) {
	lists = append(lists, reading{r, powers, ""})
	for _, mode := range slices.Sorted(maps.Keys(modes)) {
		lists = append(lists, reading{r, modes[mode], ""})
		for _, acting := range actingOn([]rule{{r, ""}}, mode) {
			lists = append(lists, reading{acting.PolicyRule, powers, "impersonate-on:" + mode + ":"})
		}
	}
	return lists
}

// reading is a rule as one table reads it: with those of its verbs that begin so, without their beginning.
type reading struct {
	rule   *rbacv1.PolicyRule
	powers []power
	prefix string
}

// Reduce keeps of the rules of a role what may be part of a power, whatever else there is in the cluster: Resolve says the
// same of what is kept. Nothing is kept of a role that gives none. The result shares no memory with the rules but
// their names.
func Reduce(rules []rbacv1.PolicyRule, guard Guard) (kept []rbacv1.PolicyRule) {
	for i := range rules {
		kept = append(kept, reduce(&rules[i], guard)...)
	}
	return kept
}

func reduce(rule *rbacv1.PolicyRule, guard Guard) []rbacv1.PolicyRule {
	small := rbacv1.PolicyRule{}
	add := func(to *[]string, s string) {
		if !slices.Contains(*to, s) { // no more of them than are in the tables
			*to = append(*to, s)
		}
	}
	names := map[string]bool{}
	limited := false            // by its names, or by having any
	var all []rbacv1.PolicyRule // in place of too many names
	for _, read := range tables(rule) {
		for i := range read.powers {
			p := &read.powers[i]
			verbs := slices.DeleteFunc(append([]string{rbacv1.VerbAll}, p.verbs...), func(v string) bool { return !slices.Contains(read.rule.Verbs, v) })
			if len(verbs) == 0 || !allows(read.rule, verbs[0], p.group, p.resource) {
				continue
			}
			matter, any, tooMany := matters(p, rule.ResourceNames, guard)
			if len(rule.ResourceNames) > 0 && len(matter) == 0 && !any && !tooMany {
				continue
			}
			for _, v := range verbs {
				add(&small.Verbs, read.prefix+v)
			}
			for _, g := range []string{rbacv1.APIGroupAll, p.group} {
				if slices.Contains(rule.APIGroups, g) {
					add(&small.APIGroups, g)
				}
			}
			for _, r := range rule.Resources {
				if covers(r, p.resource) {
					if strings.HasSuffix(p.resource, "/*") && r != rbacv1.ResourceAll {
						r = p.resource // userextras/scopes is equivalent to any other
					}
					add(&small.Resources, strings.Clone(r))
				}
			}
			if tooMany {
				for _, v := range verbs {
					all = append(all, rbacv1.PolicyRule{Verbs: []string{read.prefix + v}, APIGroups: []string{p.group}, Resources: []string{p.resource}})
				}
			}
			limited = limited || any || len(matter) > 0 || len(rule.ResourceNames) == 0
			for _, n := range matter {
				names[n] = true
			}
		}
	}
	if len(small.Verbs) == 0 {
		return nil
	}
	for _, n := range rule.ResourceNames { // in their order: evidence names the first that counts
		if names[n] {
			delete(names, n)
			small.ResourceNames = append(small.ResourceNames, strings.Clone(n))
		}
	}
	if len(rule.ResourceNames) > 0 && len(small.ResourceNames) == 0 {
		small.ResourceNames = []string{strings.Clone(shorten(rule.ResourceNames[0]))} // that it is limited matters anyway
	}
	if !limited {
		return all
	}
	return append([]rbacv1.PolicyRule{small}, all...)
}

// matters are the names of a rule that may make a power of it; any says that every name does, tooMany that they are not kept.
func matters(p *power, names []string, guard Guard) (matter []string, any, tooMany bool) {
	among := func(known ...string) []string {
		return slices.DeleteFunc(slices.Clone(known), func(n string) bool { return !slices.Contains(names, n) })
	}
	switch p.limit {
	case anyName:
		return nil, true, false
	case noName:
		return nil, false, false
	case theName:
		return among(p.names...), false, false
	case guardName:
		name := guard.own(p)
		if name == "" {
			return nil, true, false
		}
		return among(name), false, false
	}
	seen := make(map[string]bool, min(len(names), maxNames+1))
	bytes := 0
	for _, n := range names {
		if seen[n] {
			continue
		}
		seen[n] = true
		matter = append(matter, n)
		if bytes += len(n); len(matter) > maxNames || bytes > maxNameBytes {
			return nil, false, true
		}
	}
	return matter, false, false
}

// ReduceClusterRole keeps of a role what Resolve looks at; empty says that this is nothing.
func ReduceClusterRole(r *rbacv1.ClusterRole, guard Guard) (kept *rbacv1.ClusterRole, empty bool) {
	kept = &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: r.Name, ResourceVersion: r.ResourceVersion}, Rules: Reduce(r.Rules, guard), AggregationRule: r.AggregationRule}
	if empty = len(kept.Rules) == 0 && r.AggregationRule == nil; !empty {
		kept.Labels = r.Labels // by which others aggregate it
	}
	return kept, empty
}

// ReduceRole is the same for a Role.
func ReduceRole(r *rbacv1.Role, guard Guard) (kept *rbacv1.Role, empty bool) {
	kept = &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: r.Name, Namespace: r.Namespace, ResourceVersion: r.ResourceVersion}, Rules: Reduce(r.Rules, guard)}
	return kept, len(kept.Rules) == 0
}

// ReduceSubjects keeps of the subjects of a binding what Resolve looks at, each once.
func ReduceSubjects(subjects []rbacv1.Subject) (kept []rbacv1.Subject) {
	seen := make(map[rbacv1.Subject]bool, len(subjects))
	for _, s := range subjects {
		s.APIGroup = ""
		switch s.Kind {
		case rbacv1.UserKind, rbacv1.GroupKind:
			s.Namespace = ""
		case rbacv1.ServiceAccountKind:
		default:
			continue
		}
		if !seen[s] {
			seen[s] = true
			kept = append(kept, s)
		}
	}
	return kept
}
