package awsauth

import (
	"regexp"

	yamlv2 "go.yaml.in/yaml/v2"
)

// maybeTyped is a quick no for the scalars that yaml.v2 can only read as text (its resolve.go: what begins like a number,
// and a table of words).
var maybeTyped = regexp.MustCompile(`^(?:[-+.0-9].*|~|(?i:y|n|yes|no|on|off|true|false|null))$`)

// implicitType names the type that yaml.v2 guesses for an unquoted scalar: "number", "boolean", "null"; "" if text.
func implicitType(s string) string {
	if s == "" {
		return "null"
	}
	if len(s) > 64 || !maybeTyped.MatchString(s) {
		return ""
	}
	if allDigits(s) {
		return "number" // the most common, without a parser
	}
	var v any
	if err := yamlv2.Unmarshal([]byte(s), &v); err != nil {
		return ""
	}
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case int, int64, uint64, float64:
		return "number"
	}
	return ""
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
