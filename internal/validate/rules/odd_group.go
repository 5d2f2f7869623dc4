package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/agext/levenshtein"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

var wellKnownGroups = []string{policy.Masters, awsauth.GroupNodes, awsauth.GroupBootstrappers, awsauth.GroupNodeProxier, awsauth.GroupWindows,
	policy.Everybody, awsauth.GroupUnauthenticated, "system:serviceaccounts", "system:monitoring"}

const whyNotUnauthenticated = "and the API server does not add " + policy.Everybody + " for whoever has it: without that group kubectl cannot discover resources"

// oddGroup says what is odd about a group, or nothing.
func oddGroup(g string) (message, why, fix string) {
	trimmed := strings.TrimSpace(g)
	switch {
	case g == "":
		return "", "", "" // the text says so: an empty group, or one that EKS empties because of its type
	case g == awsauth.GroupUnauthenticated:
		return phrase.Quote(g) + " is the group of callers who are not authenticated", whyNotUnauthenticated, "remove it"
	case trimmed == "":
		return phrase.Quote(g) + " is blank", "and gives nothing", "remove it"
	case strings.Contains(g, " - "):
		return phrase.Quote(g) + " is one group to YAML", "since the second line is indented deeper than the first",
			"put every group on a line of its own, all equally far from the left"
	case trimmed != g:
		return phrase.Quote(g) + " has spaces around it", "and Kubernetes compares groups to the letter", "write " + phrase.Bare(trimmed)
	case strings.IndexFunc(g, unicode.IsSpace) >= 0:
		return phrase.Quote(g) + " has spaces in it", "and nothing is bound to such a group", "write one group a line, without spaces"
	}
	if parts := strings.FieldsFunc(g, separator); len(parts) > 1 {
		for _, part := range parts {
			if near, _ := nearGroup(part); near != "" {
				return phrase.Quote(g) + " is one group to EKS", "and nothing is bound to it", "write groups: [" + phrase.Bare(groupList(g)) + "]"
			}
		}
	}
	if near, exact := nearGroup(g); near != "" && !exact {
		switch fix = "write " + near; near {
		case policy.Masters:
			fix += ", which needs an approval in the policy"
		case awsauth.GroupUnauthenticated:
			fix = "remove it"
		}
		return phrase.Quote(g) + " is not " + near, "and Kubernetes compares groups to the letter, so it gives nothing", fix
	}
	return "", "", ""
}

func separator(r rune) bool { return r == ',' || r == ';' || r == ' ' }

// groupList is what was meant by several groups in one text, for a YAML list.
func groupList(s string) string {
	parts := strings.FieldsFunc(s, separator)
	for i, part := range parts {
		if near, _ := nearGroup(part); near != "" {
			parts[i] = near
		}
	}
	return strings.Join(parts, ", ")
}

// nearGroup finds the well-known group that g is or was meant to be.
func nearGroup(g string) (near string, exact bool) {
	for _, w := range wellKnownGroups {
		if g == w {
			return w, true
		}
	}
	folded := strings.ToLower(g)
	// Groups of one's own do not begin with system: or eks:, so there is more room for typos.
	limit := 1
	if strings.HasPrefix(folded, "system:") || strings.HasPrefix(folded, "eks:") {
		limit = 2
	}
	size := utf8.RuneCountInString(folded)
	for _, w := range wellKnownGroups {
		// So many characters more or fewer are as many edits.
		if max(size-len(w), len(w)-size) <= limit && levenshtein.Distance(folded, w, nil) <= limit {
			return w, false
		}
	}
	return "", false
}
