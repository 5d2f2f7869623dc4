// Package baseline is the one place that decides that a finding already existed before an edit, so that it does not count
// against the edit.
//
// A finding of the new version exists already if the old version had the same one (counted.go), or if it is about lines that
// stood where EKS could not read them (hidden.go). It is new all the same if the edit gives what it is about to somebody
// (given.go), if EKS reads less because of it (unread.go), or if it explains a new difference between EKS's two readings of
// an entry (readings.go). What holds for which rule, its category says.
package baseline

import (
	"slices"

	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// treatment is how the findings of a category are compared.
type treatment struct {
	// hidden: what is wrong with a line that stood where EKS could not read it existed already.
	hidden bool
	// renamed: the finding stays the same while the ARN of its entry is being fixed.
	renamed bool
	// unread: the finding is new where EKS reads less of the value than it did.
	unread bool
	// explains: the finding may be why EKS's two readings of an entry differ.
	explains bool
}

// treatments are those of the categories. What is given to somebody or taken away is only compared as it is.
var treatments = map[rule.Category]treatment{
	rule.Text:   {hidden: true, renamed: true, unread: true, explains: true},
	rule.Repeat: {hidden: true, unread: true},
	rule.Name:   {hidden: true, renamed: true},
	rule.ARN:    {hidden: true},
}

// Mark says of the findings in the new version which ones existed before. old are those of the old version, before and after
// the two versions and claims the node identities that the edit gives; before is nil if the object is created. It returns the
// findings that are worth saying.
func Mark(found, old []rule.Finding, before, after *rule.Version, claims []nodes.Claim) []rule.Finding {
	found = slices.DeleteFunc(found, func(f rule.Finding) bool { return f.Reading != nil && f.Reading.ToCome })
	if before != nil {
		markCounted(found, old, continuity(before, after))
		markHidden(found, before, after)
		unmarkGiven(found, before, after, claims)
		unmarkUnread(found, before, after)
		markReadBefore(found, before)
	}
	return settleReadings(found)
}
