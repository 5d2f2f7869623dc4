package rbac

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

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
