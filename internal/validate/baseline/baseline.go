// Package baseline is the one place that decides that a finding already existed before an edit, so that it does not count
// against the edit.
//
// A finding of the new version is existing if the old version had the same one (counted.go), or if it is about what was
// already there and EKS could not read (hidden.go; what is in a text that is no YAML, outline.go says). It is new anyway if
// the edit gives what it is about to somebody (given.go), if EKS reads less because of it (less_read.go), or if it explains a
// new difference between EKS's two readings of an entry (readings.go). Which of these apply to a finding, the category of its
// rule says: see treatments.
//
// The functions run in the order of Mark, and each may change what the ones before it decided: mark... makes findings
// existing, unmark... makes them new again.
package baseline

import (
	"slices"

	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// treatment says how the findings of a category are compared. Where all is false, a finding is existing only if the old
// version had the very same.
type treatment struct {
	// hidden: a finding about a line that was already there, where EKS could not read it, is existing.
	hidden bool
	// renamed: the finding stays the same while the ARN of its entry is being fixed.
	renamed bool
	// lessRead: the finding is new where EKS reads less of the value than it did.
	lessRead bool
	// explains: the finding may be why EKS's two readings of an entry differ.
	explains bool
}

// treatments are those of the categories; a category that is missing has none. What the rules about an edit find does not
// come here.
var treatments = map[rule.Category]treatment{
	rule.Text:   {hidden: true, renamed: true, lessRead: true, explains: true},
	rule.Repeat: {hidden: true, lessRead: true},
	rule.Name:   {hidden: true, renamed: true},
	rule.ARN:    {hidden: true},
}

// Mark sets Preexisting of the findings in the new version. old are those of the old version, before and after the two
// versions and claims the node identities that the edit gives; before is nil if the object is created. It returns the
// findings without differences between EKS's two readings that need no report: those to come, which matter only in old, and
// those that another finding explains.
func Mark(found, old []rule.Finding, before, after *rule.Version, claims []nodes.Claim) []rule.Finding {
	found = slices.DeleteFunc(found, func(f rule.Finding) bool { return f.Reading != nil && f.Reading.ToCome })
	if before != nil {
		markCounted(found, old, continuity(before, after))
		markHidden(found, before, after)
		unmarkGiven(found, before, after, claims)
		unmarkLessRead(found, before, after)
		markReadBefore(found, before)
	}
	return settleReadings(found)
}
