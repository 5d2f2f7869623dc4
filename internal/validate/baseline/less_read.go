package baseline

import (
	"regexp"
	"slices"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// unmarkLessRead takes back that faults of the text existed, where EKS reads less of the value because of them than it did.
func unmarkLessRead(found []rule.Finding, before, after *rule.Version) {
	less := map[string]bool{}
	for i := range found {
		f := &found[i]
		if !f.Preexisting || !treatments[f.Category].lessRead {
			continue
		}
		worse, asked := less[f.DataKey]
		if !asked {
			worse = readsLess(f.DataKey, before, after)
			less[f.DataKey] = worse
		}
		f.Preexisting = !worse
	}
}

// readsLess reports that EKS could read a value and cannot any more, or not without a complaint; or that an entry which it
// read is still written there, behind what ends the text for EKS.
func readsLess(key string, before, after *rule.Version) bool {
	switch {
	case before.Unreadable[key]:
		return after.Unread[key] && !before.Unread[key] // the lenient reading could read it
	case after.Unreadable[key] || after.Complained[key] && !before.Complained[key]:
		return true
	case !cutShort(after.Problems)[key]:
		return false
	}
	passed := map[string]bool{} // who is written there, less whom EKS reads
	for _, arn := range arns.FindAllString(comments.ReplaceAllString(after.Object.Data[key], ""), -1) {
		passed[awsauth.Subject(arn)] = true
	}
	for _, e := range after.Entries() {
		if e.DataKey == key {
			delete(passed, e.Subject())
		}
	}
	return slices.ContainsFunc(before.Entries(), func(e *awsauth.Entry) bool { return e.DataKey == key && passed[e.Subject()] })
}

var (
	comments = regexp.MustCompile(`(?m)^[ \t]*#.*$`)
	arns     = regexp.MustCompile(`(?i)\barn:[^\s'",\]}]+`)
)
