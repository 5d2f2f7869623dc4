package rules

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
)

// assigned is a line of an entry with an equals sign where YAML has a colon, as Terraform writes it.
var assigned = regexp.MustCompile(`^( *(?:- +)?)(rolearn|userarn|username|groups|userid) *= *(\S.*)$`)

// assignments finds an entry whose lines are all of that kind; lines are what they should be.
func assignments(s surroundings) (message, fix string, lines []string, ok bool) {
	e, ok := s.entry()
	if !ok || e.start != s.at || e.end-e.start > maxEntryLines {
		return "", "", nil, false
	}
	for i := e.start; i < e.end; i++ {
		l := s.line(i)
		if strings.TrimSpace(l) == "" {
			continue
		}
		m := assigned.FindStringSubmatch(l)
		if m == nil || strings.ContainsFunc(l, func(r rune) bool { return !unicode.IsPrint(r) }) || phrase.Redact(l) != l {
			return "", "", nil, false
		}
		lines = append(lines, m[1]+m[2]+": "+m[3])
	}
	return shown(s.body()) + " has = where YAML needs a colon", "write the entry with colons:", lines, true
}
