package iam

import (
	"cmp"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// maxSuggestions is how many names a reader wants to choose from.
const maxSuggestions = 3

// nearest returns the ARNs of those names in a list (by their lower-case names) that name may have been meant for, the most
// alike first.
func nearest(name string, list map[string]entity) []string {
	name = strings.ToLower(name)
	limit := max(1, min(4, (len(name)+2)/3)) // of a short name, little may be wrong
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	for other := range list {
		d := limit + 1
		if set := permissionSet(name); set != "" && set == permissionSet(other) {
			d = 0
		} else if abs(len(name)-len(other)) <= limit {
			d = levenshtein.Distance(name, other, nil)
		}
		if d <= limit {
			found = append(found, candidate{other, d})
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), strings.Compare(a.name, b.name))
	})
	var arns []string
	for _, c := range found[:min(len(found), maxSuggestions)] {
		arns = append(arns, list[c.name].arn)
	}
	return arns
}

// permissionSet is the permission set of a role that IAM Identity Center made, AWSReservedSSO_NAME_0123456789abcdef: the
// end differs from account to account, and nobody can guess it. It is "" for other roles.
func permissionSet(lowerCaseName string) string {
	if !awsauth.HasSSOPrefix(lowerCaseName) {
		return ""
	}
	set := lowerCaseName[len(awsauth.SSOPrefix):]
	return set[:max(0, strings.LastIndexByte(set, '_'))]
}

func abs(n int) int { return max(n, -n) }
