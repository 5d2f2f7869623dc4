// Package plaintext is the form in which aws-auth is edited: each value as YAML below its key, instead of a string in YAML.
//
//	mapRoles:
//	  # nodes
//	  - rolearn: arn:aws:iam::111122223333:role/nodes
//	mapUsers:
//	mapAccounts:
//
// A value is shown as it is, each line behind two spaces; a value that is no YAML is shown the same way, so that it can be
// fixed. Reading takes the spaces off again. What nobody has changed comes back as the same bytes.
package plaintext

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// indent is what each line of a value is shown behind.
const indent = "  "

// keyLine is a line that begins a value: a key of a ConfigMap at the beginning of the line.
var keyLine = regexp.MustCompile(`^(['"]?)([A-Za-z0-9._][A-Za-z0-9._-]*)(['"]?)[ \t]*:([ \t].*)?$`)

// Keys are those that are shown: the ones that EKS reads, and whatever else is in the data, which may be misspelt.
func Keys(data map[string]string) []string {
	keys := slices.Clone(awsauth.Keys)
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if !slices.Contains(keys, key) && keyLine.MatchString(key+":") {
			keys = append(keys, key)
		}
	}
	return keys
}

// Write writes data below a header, whose lines are comments.
func Write(header []string, data map[string]string) string {
	var b strings.Builder
	for _, line := range header {
		b.WriteString(strings.TrimRight("# "+line, " ") + "\n")
	}
	for _, key := range Keys(data) {
		b.WriteString(key + ":\n")
		for line := range strings.Lines(shown(data[key])) {
			line = strings.TrimSuffix(line, "\n")
			if line != "" {
				b.WriteString(indent + line)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// shown is a value with the line ends of the file.
func shown(value string) string {
	if hasCRLF(value) {
		return strings.ReplaceAll(value, "\r\n", "\n")
	}
	return value
}

// hasCRLF reports that all lines of a text end so.
func hasCRLF(text string) bool {
	n := strings.Count(text, "\n")
	return n > 0 && n == strings.Count(text, "\r\n")
}
