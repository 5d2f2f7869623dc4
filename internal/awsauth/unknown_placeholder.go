package awsauth

import (
	"regexp"
	"strings"
)

var braces = regexp.MustCompile(`\{\{[^{}]*\}\}`)

// UnknownPlaceholders are the {{...}} in s that EKS leaves as they are, each once.
func UnknownPlaceholders(s string) []string {
	var unknown []string
	seen := map[string]bool{}
	for _, b := range braces.FindAllString(s, -1) {
		if _, ok := languages[b]; !ok && !seen[b] {
			seen[b] = true
			unknown = append(unknown, b)
		}
	}
	return unknown
}

// NearestPlaceholder is the placeholder that was probably meant, or "".
func NearestPlaceholder(s string) string {
	names := map[string]string{}
	var lower []string
	for _, p := range Placeholders {
		l := strings.ToLower(strings.Trim(p, "{}"))
		names[l] = p
		lower = append(lower, l)
	}
	if n, ok := nearest(strings.Trim(s, "{} "), lower); ok {
		return names[n]
	}
	return ""
}
