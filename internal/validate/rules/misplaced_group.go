package rules

import (
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
)

// groupsAbove is the index of the line with a groups field without a value that the items at the depth of an entry belong to which the
// line is one of; ok is false if there is none. missing is how many spaces they lack.
func (s surroundings) groupsAbove() (at, missing int, ok bool) {
	indent, rest := cut(s.own())
	if !isGroup(rest) {
		return 0, 0, false
	}
	for i := s.at - 1; i >= 0 && s.at-i < far; i-- {
		l := s.line(i)
		above, body := cut(l)
		if isGroup(body) && above == indent {
			continue
		}
		m := fieldLine.FindStringSubmatch(l)
		if m == nil || m[3] != "groups" || strings.TrimSpace(m[4]) != ":" {
			return 0, 0, false
		}
		missing = len(m[1]) + len(m[2]) - len(indent)
		return i, missing, missing > 0 && strings.Trim(indent, " ") == ""
	}
	return 0, 0, false
}

// sayMisplacedGroup is about an item of the list that is a group of the entry above it.
func sayMisplacedGroup(p described) (message, fix string, ok bool) {
	at, missing, ok := p.around.groupsAbove()
	if !ok {
		return "", "", false
	}
	above := surroundings{p.around.value, at}
	return phrase.Quote(p.Value) + " is a group of " + above.named() + ", and indented like an entry",
		"indent it " + spaces(missing) + " more, so that it is under groups: of " + above.short(), true
}

// short is how a fix names the entry around the line.
func (s surroundings) short() string {
	if a, err := awsauth.ParseARN(s.arn()); err == nil && a.Name != "" {
		return phrase.Bare(a.Kind.String() + "/" + a.Name)
	}
	return s.named()
}
