package baseline

import (
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// continuity pairs the entries of which only the ARN has changed, new name to old name: while an ARN is being fixed, what
// else was wrong with its entry is not new. Two entries are one pair if all but the ARN is the same, or if the new one has
// the place of the old one in its list.
func continuity(old, updated *rule.Version) map[string]string {
	before, after := countNames(old), countNames(updated)
	gone := map[string]string{}
	for _, e := range old.Entries() {
		if name := e.Name(); after[name] < before[name] { // of two for one principal, one
			gone[rest(e)] = name
			gone[e.Path("")] = name
		}
	}
	pairs := map[string]string{}
	for _, e := range updated.Entries() {
		name := e.Name()
		if before[name] > 0 {
			continue
		}
		for _, k := range []string{rest(e), e.Path("")} {
			if o, ok := gone[k]; ok {
				pairs[name] = o
				break
			}
		}
	}
	return pairs
}

func countNames(v *rule.Version) map[string]int {
	names := map[string]int{}
	for _, e := range v.Entries() {
		names[e.Name()]++
	}
	return names
}

// rest is an entry without its ARN.
func rest(e *awsauth.Entry) string {
	return strings.Join(slices.Concat([]string{e.DataKey, e.Username.Value}, e.GroupNames()), "\x00")
}
