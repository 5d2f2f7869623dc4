// Package phrase puts values, lists and numbers into messages: quoted, shortened, and without the secrets that people paste
// into the wrong window.
package phrase

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

// Redact takes the secrets out of a text.
func Redact(s string) string {
	s = secrets.ReplaceAllString(s, "[redacted]")
	return secretKey.ReplaceAllStringFunc(s, func(m string) string {
		if strings.ContainsAny(m, "0123456789") && strings.ToLower(m) != m && strings.ToUpper(m) != m {
			return "[redacted]"
		}
		return m
	})
}

// Clip shortens what is longer than a reader wants to see.
func Clip(s string) string {
	if utf8.RuneCountInString(s) <= maxQuoted {
		return s
	}
	return string([]rune(s)[:maxQuoted]) + "..."
}

// Quote quotes an offending text: control characters and what cannot be seen are escaped, secrets are not repeated.
func Quote(s string) string { return strconv.Quote(Clip(Redact(s))) }

// Bare is Quote without the quotes, for what has quotes of its own.
func Bare(s string) string { return unquote(Quote(s)) }

// Whole is Bare for what comes from AWS, or from us: an ARN that is to be copied must not be shortened.
func Whole(s string) string { return unquote(strconv.Quote(Redact(s))) }

func unquote(s string) string { return strings.ReplaceAll(s[1:len(s)-1], `\"`, `"`) }

// List joins words for a sentence: a, b and c.
func List(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// few is how many items a message names.
const few = 5

// Few is List of the first five words, with the number of the others.
func Few(words []string) string {
	if more := len(words) - few; more > 0 {
		return strings.Join(words[:few], ", ") + " and " + Thousands(more) + " more"
	}
	return List(words)
}

// Plural is the ending of a noun that n things go by.
func Plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// KiB is a number of bytes in kibibytes, rounded up.
func KiB(n int) string { return Thousands((n+1023)>>10) + " KiB" }

// Thousands writes a number with commas.
func Thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
