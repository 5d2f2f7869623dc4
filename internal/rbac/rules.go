package rbac

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// allows reads a rule as the API server's authorizer does (kubernetes pkg/apis/rbac/v1, evaluation_helpers.go): a verb
// and a resource, which may be resource/subresource. The rule's resourceNames are left to the caller.
func allows(rule *rbacv1.PolicyRule, verb, group, resource string) bool {
	return (slices.Contains(rule.Verbs, rbacv1.VerbAll) || slices.Contains(rule.Verbs, verb)) &&
		(slices.Contains(rule.APIGroups, rbacv1.APIGroupAll) || slices.Contains(rule.APIGroups, group)) &&
		slices.ContainsFunc(rule.Resources, func(r string) bool { return covers(r, resource) })
}

// covers says whether a rule's resource means the one asked for: * alone is a wildcard, and */scale is every scale; pods/*
// is neither, and means nothing.
func covers(rule, resource string) bool {
	if rule == rbacv1.ResourceAll || rule == resource {
		return true
	}
	parent, sub, ok := strings.Cut(resource, "/")
	if sub == "*" { // any will do, and nothing at all
		return rule == parent || strings.HasPrefix(rule, parent+"/") || strings.HasPrefix(rule, "*/")
	}
	return ok && rule == "*/"+sub
}

// everything is a rule that leaves nothing out.
func everything(rule *rbacv1.PolicyRule) bool {
	return slices.Contains(rule.Verbs, rbacv1.VerbAll) && slices.Contains(rule.APIGroups, rbacv1.APIGroupAll) &&
		slices.Contains(rule.Resources, rbacv1.ResourceAll) && len(rule.ResourceNames) == 0
}
