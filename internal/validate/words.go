package validate

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxQuoted is how much of an offending text a message repeats, in characters.
const maxQuoted = 120

// secrets are what people paste into the wrong window: AWS access key ids and secret keys, EKS tokens. No message
// repeats them.
var secrets = regexp.MustCompile(`\b(AKIA|ASIA)[A-Z0-9]{12,}|k8s-aws-v1\.[A-Za-z0-9_=-]+|\beyJ[A-Za-z0-9_=-]{10,}\.[A-Za-z0-9_=.-]+`)

// secretKey finds what may be a secret access key: 40 characters of base64 that are no path and no ARN.
var secretKey = regexp.MustCompile(`(?:^|[\s"'=,])([A-Za-z0-9+/]{40})(?:$|[\s"',])`)

func redact(s string) string {
	s = secrets.ReplaceAllString(s, "[redacted]")
	return secretKey.ReplaceAllStringFunc(s, func(m string) string {
		if strings.ContainsAny(m, "0123456789") && strings.ToLower(m) != m && strings.ToUpper(m) != m {
			return "[redacted]"
		}
		return m
	})
}

// clip shortens what is longer than a reader wants to see.
func clip(s string) string {
	if utf8.RuneCountInString(s) <= maxQuoted {
		return s
	}
	return string([]rune(s)[:maxQuoted]) + "..."
}

// q quotes an offending text: control characters and what cannot be seen are escaped, secrets are not repeated.
func q(s string) string { return strconv.Quote(clip(redact(s))) }

// bare is q without the quotes, for what has quotes of its own.
func bare(s string) string {
	quoted := q(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// whole is bare for what comes from AWS, or from us: an ARN that is to be copied must not be shortened.
func whole(s string) string {
	quoted := strconv.Quote(redact(s))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// list joins words for a sentence: a, b and c.
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
