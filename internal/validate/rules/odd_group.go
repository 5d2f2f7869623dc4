package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/agext/levenshtein"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var wellKnownGroups = []string{policy.Masters, awsauth.GroupNodes, awsauth.GroupBootstrappers, awsauth.GroupNodeProxier, awsauth.GroupWindows,
	policy.Everybody, awsauth.GroupUnauthenticated, "system:serviceaccounts", "system:monitoring"}

const whyNotUnauthenticated = "the API server does not add " + policy.Everybody + " for a caller who has it, and without that group kubectl cannot discover resources"

// removeIt is the fix for what nobody should write in another way.
const removeIt = "remove it"

// whyNotMasters is why no message says to write system:masters.
const whyNotMasters = policy.Masters + " bypasses RBAC: everyone who has it can do everything in the cluster"

func noGroup(g, near string) string {
	if i := strings.IndexFunc(g, func(r rune) bool { return r > unicode.MaxASCII }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(g[i:])
		return fmt.Sprintf("there is no group %s with the character %q (%U) in it (did you mean %s?)", phrase.Quote(g), r, r, near)
	}
	return "there is no group " + phrase.Quote(g) + " (did you mean " + near + "?)"
}

// oddGroup says what is odd about a group; odd is false if nothing is.
func oddGroup(g string) (f rule.Finding, odd bool) {
	if g == "" {
		return f, false // the text says so: an empty group, or one that EKS empties because of its type
	}
	say := func(message, fix, why string) (rule.Finding, bool) {
		return rule.Finding{Message: message, Fix: fix, Why: why}, true
	}
	const toTheLetter = "Kubernetes matches group names exactly, so this one grants nothing"
	trimmed := strings.TrimSpace(g)
	switch {
	case g == awsauth.GroupUnauthenticated:
		return say(phrase.Quote(g)+" is the group of callers who are not authenticated", "remove it", whyNotUnauthenticated)
	case trimmed == "":
		return say("the group "+phrase.Quote(g)+" is blank", "remove it", "nothing is bound to it")
	case strings.Contains(g, " - "):
		groups := strings.Split(g, " - ")
		return say(phrase.Quote(g)+" is one group to YAML", "write one group per line, with the same indentation: - "+phrase.Bare(strings.Join(groups, ", then - ")),
			"a dash begins no item inside a value, nor on a line that is indented deeper than the one above")
	case trimmed != g && trimmed == policy.Masters:
		return say(phrase.Quote(g)+" has "+extraSpace(g), removeIt, toTheLetter+"; "+whyNotMasters)
	case trimmed != g:
		return say(phrase.Quote(g)+" has "+extraSpace(g), "write "+phrase.Bare(trimmed), toTheLetter)
	case strings.IndexFunc(g, unicode.IsSpace) >= 0:
		return say("the group "+phrase.Quote(g)+" has "+innerSpace(g), "write one group per line, without spaces", "nothing is bound to such a group")
	}
	if parts := strings.FieldsFunc(g, separator); len(parts) > 1 {
		known := slices.ContainsFunc(parts, func(part string) bool {
			near, _ := nearGroup(part)
			return near != ""
		})
		several := rule.Finding{Message: phrase.Quote(g) + " is one group to EKS", Fix: "write groups: [" + phrase.Bare(groupList(g)) + "]", Why: "nothing is bound to it"}
		switch {
		case known:
			return several, true
		case plainGroups.MatchString(g):
			several.Severity, several.Why = rule.Warning, "only a binding to a group of that whole name grants anything"
			return several, true
		}
	}
	switch near, exact := nearGroup(g); {
	case near == "" || exact:
		return f, false
	case near == policy.Masters: // nobody should type it because a message says so
		return say(noGroup(g, near), removeIt, toTheLetter+"; "+whyNotMasters)
	case near == awsauth.GroupUnauthenticated:
		return say(noGroup(g, near), removeIt, toTheLetter)
	default:
		return say(noGroup(g, near), "write "+near, toTheLetter)
	}
}

// extraSpace says what white space there is at the ends of a name.
func extraSpace(s string) string {
	left := s[:len(s)-len(strings.TrimLeftFunc(s, unicode.IsSpace))]
	right := s[len(strings.TrimRightFunc(s, unicode.IsSpace)):]
	switch {
	case right == "":
		return spacesNamed(left) + " at its beginning"
	case left == "":
		return spacesNamed(right) + " at its end"
	}
	return "spaces around it"
}

// innerSpace says what white space there is inside a name.
func innerSpace(s string) string {
	var inner []rune
	for _, r := range s {
		if unicode.IsSpace(r) {
			inner = append(inner, r)
		}
	}
	return spacesNamed(string(inner)) + " in it"
}

func spacesNamed(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case size < len(s):
		return "spaces"
	case isSpecialBlank(r):
		return blankName(r)
	case r == ' ':
		return "a space"
	}
	return "white space"
}

// plainGroups are groups that are named in words, unlike one of a directory, in which commas stand: CN=ops,OU=teams.
var plainGroups = regexp.MustCompile(`^[A-Za-z0-9:._/,;-]+$`)

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
