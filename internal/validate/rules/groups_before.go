package rules

import (
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// groupsBefore are groups that a principal has in the old version, and that the lines of the entry around s do not have any more.
func groupsBefore(old *rule.Version, arn string, s surroundings) []string {
	e, ok := s.entry()
	if !ok || arn == "" {
		return nil
	}
	var had []string
	for _, id := range old.Access().Lookup(awsauth.Subject(arn)) {
		had = append(had, id.Groups...)
	}
	for i := e.start; i < min(e.end, e.start+far) && len(had) > 0; i++ {
		line := s.line(i)
		had = slices.DeleteFunc(had, func(g string) bool { return strings.Contains(line, g) })
	}
	return had
}

// asTyped is how groups are typed in the place of the group on a line, in a block or in brackets.
func (s surroundings) asTyped(groups []string) string {
	typed := make([]string, len(groups))
	for i, g := range groups {
		typed[i] = phrase.Bare(scalar(strings.TrimSpace(g)))
		if _, rest := cut(s.own()); isGroup(rest) {
			typed[i] = "- " + typed[i]
		}
	}
	if _, rest := cut(s.own()); isGroup(rest) {
		return strings.Join(typed, ", then ")
	}
	return strings.Join(typed, ", ")
}

// insteadOfGroup is what to do to be without the group with that index: to write the one that was there before, if the edit replaced one
// by the other, or else to remove it.
func insteadOfGroup(old *rule.Version, e *awsauth.Entry, i int) string {
	name := phrase.Bare(strings.TrimSpace(e.Groups[i].Value))
	if old == nil {
		return "remove " + name
	}
	is := e.GroupNames()
	for _, was := range old.Access().Lookup(e.Subject()) {
		gone := lostGroups(was.Groups, is)
		if len(gone) != 1 || len(was.Groups) != len(is) {
			continue
		}
		if near, _ := nearGroup(gone[0]); near == "" {
			return "write " + phrase.Bare(gone[0]) + ", which was there before"
		}
	}
	return "remove " + name
}
