package nodes

import (
	"maps"
	"slices"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// Lost are the names of LostSets.
func Lost(v *View, old, updated *awsauth.Version, now time.Time) []string {
	return names(LostSets(v, old, updated, now))
}

// LostSets are the running nodes that can authenticate by the old version of aws-auth and cannot by the new one, as EKS
// reads each of them at the moment. (Edit.Losses goes by rule.Version.Access.) Either version may be nil.
func LostSets(v *View, old, updated *awsauth.Version, now time.Time) []Set {
	if v == nil || v.Ignored() || old == nil {
		return nil
	}
	after := &awsauth.Access{}
	if updated != nil {
		after = updated.Effective
	}
	var sets []Set
	for _, role := range slices.Sorted(maps.Keys(v.Nodes)) {
		before := old.Effective.Principals[role]
		if _, shadowed := v.Shadow(role, now); shadowed || len(before) == 0 {
			continue
		}
		for _, s := range v.Nodes[role] {
			lost := signInByAny(before, s) && !signInByAny(after.Principals[role], s)
			if lost && !slices.ContainsFunc(sets, s.Same) {
				sets = append(sets, s)
			}
		}
	}
	return sets
}

// Unmapped are the roles of running nodes that are not mapped and that no access entry decides about.
func (v *View) Unmapped(a *awsauth.Access, now time.Time) []string {
	if v == nil {
		return nil
	}
	var unmapped []string
	for _, role := range slices.Sorted(maps.Keys(v.Nodes)) {
		if _, shadowed := v.Shadow(role, now); !shadowed && len(a.Principals[role]) == 0 {
			unmapped = append(unmapped, role)
		}
	}
	return unmapped
}
