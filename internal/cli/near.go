package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// mostNear is how many near entries are listed.
const mostNear = 5

// near are the entries that may have been meant for an ARN that none matches, the nearest first: those of the same name,
// and of one that differs in a letter or two, as a mistyped name or hash of IAM Identity Center does.
func (v *view) near(a awsauth.ARN) []nearEntry {
	type found struct {
		nearEntry
		distance int
	}
	var all []found
	for _, e := range v.doc.Entries() {
		n, err := awsauth.ParseARN(strings.TrimSpace(e.ARN.Value))
		if err != nil || n.Name == "" {
			continue
		}
		if distance := nameDistance(n.Name, a.Name); distance <= maxDistance(a.Name) {
			all = append(all, found{nearEntry{e.ARN.Value, v.place(e.ARN.Place), whyNot(e.ARN.Value, n, a, distance)}, distance})
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(a.distance, b.distance) })
	var near []nearEntry
	for _, f := range all[:min(len(all), mostNear)] {
		near = append(near, f.nearEntry)
	}
	return near
}

// nameDistance is in how many letters two names differ. IAM has no two names that differ in case alone.
func nameDistance(a, b string) int {
	return levenshtein.Distance(strings.ToLower(a), strings.ToLower(b), nil)
}

// maxDistance is how many letters may be mistyped: none in a short name, since ci and cd are two roles.
func maxDistance(name string) int { return min(2, len(name)/4) }

// whyNot says why an entry does not match a near ARN.
func whyNot(written string, entry, a awsauth.ARN, distance int) string {
	var reasons []string
	say := func(format string, a ...any) { reasons = append(reasons, fmt.Sprintf(format, a...)) }
	if strings.TrimSpace(written) != written {
		say("begins or ends in blanks")
	}
	if entry.Kind == awsauth.KindRole && len(entry.Path) > 1 {
		say("has a path")
	}
	if entry.Account != a.Account {
		say("is in account %s", entry.Account)
	}
	canonical, err := awsauth.ParseARN(a.Canonical())
	if err == nil && entry.Kind != canonical.Kind {
		say("is a %s", entry.Kind)
	}
	switch distance {
	case 0:
	case 1:
		say("differs in one letter")
	default:
		say("differs in %d letters", distance)
	}
	return strings.Join(reasons, ", ")
}
