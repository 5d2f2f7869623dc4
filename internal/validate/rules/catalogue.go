// Package rules holds every rule of the catalogue, one in each file, which is named for what the rule catches. A file without
// a rule.Rule has what several rules share, or the longer half of one rule, which its first comment names.
package rules

import (
	"fmt"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// all are the rules, by id. In init, since some functions name their own rule.
var all []*rule.Rule

func init() {
	all = []*rule.Rule{
		// AA1xx
		yamlSyntax, ambiguousYAML, unknownDataKey, notAList, unknownField, missingField, suspiciousGroup, duplicateMapping, frozen, oversized, ownerReference, strayQuotes, trailingBlanks,
		// AA2xx
		arnMalformed, arnWrongKind, roleARNPath, wrongPartition, ssoBlock, unknownTemplate,
		// AA3xx
		principalNotFound, principalUnverified, foreignAccount,
		// AA4xx
		unapprovedGrant, unapprovedEquivalent, templateGrants, reservedUsername, nodeIdentityMisuse, wholeAccount, approvalExpired, nodeRoleEvidence,
		// AA5xx
		deletesAWSAuth, emptiesMappings, cutsLiveNodes, dropsRequired, breaksNodeMapping, selfLockout, lastAdmin, noEffect,
	}
}

// All is every rule, by id. It is not to be changed.
func All() []*rule.Rule { return all }

// Lookup finds a rule by id or name, without regard to letter case.
func Lookup(idOrName string) (*rule.Rule, bool) {
	for _, r := range all {
		if strings.EqualFold(r.ID, idOrName) || strings.EqualFold(r.Name, idOrName) {
			return r, true
		}
	}
	return nil, false
}

// Known is Lookup with an error that says what might have been meant.
func Known(idOrName string) (*rule.Rule, error) {
	if r, ok := Lookup(idOrName); ok {
		return r, nil
	}
	best, distance := "", 5
	for _, r := range all {
		for _, s := range []string{r.ID, r.Name} {
			if d := levenshtein.Distance(strings.ToLower(idOrName), strings.ToLower(s), nil); d < distance {
				best, distance = s, d
			}
		}
	}
	if best != "" {
		return nil, fmt.Errorf("unknown rule %q, did you mean %s?", idOrName, best)
	}
	return nil, fmt.Errorf("unknown rule %q, want an id such as AA203 or a name such as role-arn-path", idOrName)
}

// AboutWay is the id of the rule about a way to cluster-admin.
func AboutWay(w privilege.Way) string {
	switch w.Kind {
	case privilege.ListedGroup:
		return unapprovedGrant.ID
	case privilege.Equivalent:
		return unapprovedEquivalent.ID
	}
	return templateGrants.ID
}
