package rules

import (
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// mapped is what a principal was mapped to, as far as it is looked at for every finding: a version may map it a thousand times.
func mapped(v *rule.Version, key string) []awsauth.Identity {
	ids := v.Access().Lookup(key)
	return ids[:min(near, len(ids))]
}

// repeatable reports that groups are so few and so short that a message can repeat them.
func repeatable(groups []string) bool {
	if len(groups) > near {
		return false
	}
	size := 0
	for _, g := range groups {
		size += len(g)
	}
	return size <= maxLine
}

// groupsBefore are groups that a principal has in the old version, and that the lines of the entry around s do not have any more.
func groupsBefore(old *rule.Version, arn string, s surroundings) []string {
	e, ok := s.entry()
	if !ok || arn == "" || e.end-e.start > far {
		return nil
	}
	var lost []string
	for _, id := range mapped(old, awsauth.Subject(arn)) {
		if repeatable(id.Groups) {
			lost = append(lost, id.Groups...)
		}
	}
	for i := e.start; i < e.end && len(lost) > 0; i++ {
		line := s.line(i)
		lost = slices.DeleteFunc(lost, func(g string) bool { return strings.Contains(line, g) })
	}
	return lost
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
	if old == nil || len(e.Groups) > far {
		return "remove " + name
	}
	is := e.GroupNames()
	for _, was := range mapped(old, e.Subject()) {
		if len(was.Groups) != len(is) {
			continue
		}
		gone := lostGroups(was.Groups, is)
		if len(gone) != 1 {
			continue
		}
		if near, _ := nearGroup(gone[0]); near == "" {
			return "write " + phrase.Bare(gone[0]) + ", which was there before"
		}
	}
	return "remove " + name
}
