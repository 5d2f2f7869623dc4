package awsauth

import (
	"math"
	"slices"
	"strings"
)

// The placeholders that EKS replaces in usernames and groups (aws-iam-authenticator pkg/server, renderTemplate).
// Anything else in braces stays as it is.
const (
	AccountID         = "{{AccountID}}"
	SessionName       = "{{SessionName}}"
	SessionNameRaw    = "{{SessionNameRaw}}"
	AccessKeyID       = "{{AccessKeyID}}"
	EC2PrivateDNSName = "{{EC2PrivateDNSName}}"
)

// Placeholders are all of them. EKS replaces one after another, EC2PrivateDNSName first and the others in this order, so that
// what one becomes is searched for those that follow.
var Placeholders = []string{AccountID, SessionName, SessionNameRaw, AccessKeyID, EC2PrivateDNSName}

// withoutSession are those that make a difference to a caller without a session name.
var withoutSession = []string{AccountID, AccessKeyID}

// nested stands for a part of a template in which a placeholder is inside other braces: {{Se{{SessionName}}ionNameRaw}}
// with the session name ss is {{SessionNameRaw}}, and then ss.
const nested = "{{...}}"

// language says what a placeholder can become: which bytes, how many. The caller who assumes the role chooses the session
// name: [\w+=,.@-]{2,64}, and all but Raw turn '@' into '-' (STS API reference, RoleSessionName). EC2 may have no private
// DNS name for an instance: EKS then uses the empty one, from the second attempt on (pkg/ec2provider, GetPrivateDNSName).
type language struct {
	has      func(c byte) bool
	min, max int
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

var languages = map[string]language{
	AccountID:      {func(c byte) bool { return c >= '0' && c <= '9' }, 12, 12},
	SessionName:    {func(c byte) bool { return alnum(c) || strings.IndexByte("_+=,.-", c) >= 0 }, 2, 64},
	SessionNameRaw: {func(c byte) bool { return alnum(c) || strings.IndexByte("_+=,.-@", c) >= 0 }, 2, 64},
	AccessKeyID:    {func(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' }, 16, 128},
	EC2PrivateDNSName: {func(c byte) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '-' || c == '.'
	}, 0, 253},
	nested: {func(c byte) bool { return alnum(c) || strings.IndexByte("_+=,.-@{}", c) >= 0 }, 0, math.MaxInt},
}

// Template is a username or group taken apart into literal text and placeholders.
type Template struct {
	parts []part
	// nobody says that EKS can render it for no caller.
	nobody bool
}

type part struct {
	literal     string
	placeholder string
}

// ParseTemplate takes s apart, as it is written in an entry with that ARN. What is the same for everybody whom the ARN matches
// is replaced at once: {{AccountID}}, and for principals that have no session, its name, by nothing.
func ParseTemplate(s string, of ARN) Template {
	var t Template
	if !strings.Contains(s, "{{") {
		if s != "" {
			t.parts = []part{{literal: s}}
		}
		return t
	}
	placeholders := Placeholders
	if of.Sessionless() {
		t.nobody = strings.Contains(s, EC2PrivateDNSName)
		placeholders = withoutSession
	}
	if allDigits(of.Account) {
		s = strings.ReplaceAll(s, AccountID, of.Account)
		placeholders = slices.DeleteFunc(slices.Clone(placeholders), func(p string) bool { return p == AccountID })
	}
	if of.Sessionless() {
		// One after the other, as EKS does: the first may complete the second.
		s = strings.ReplaceAll(strings.ReplaceAll(s, SessionName, ""), SessionNameRaw, "")
	} else if spans := nestings(s, placeholders); len(spans) > 0 {
		at := 0
		for _, span := range spans {
			t.split(s[at:span[0]], placeholders)
			t.parts = append(t.parts, part{placeholder: nested})
			at = span[1]
		}
		s = s[at:]
	}
	t.split(s, placeholders)
	return t
}

// split appends the parts of a text in which no placeholder is inside other braces.
func (t *Template) split(s string, placeholders []string) {
	for s != "" {
		at, which := nextPlaceholder(s, placeholders)
		if at > 0 {
			t.parts = append(t.parts, part{literal: s[:at]})
		}
		if which == "" {
			break
		}
		t.parts = append(t.parts, part{placeholder: which})
		s = s[at+len(which):]
	}
}

// nextPlaceholder finds the first of some placeholders in s: where it begins, and which it is. Without one, at is the end.
func nextPlaceholder(s string, placeholders []string) (at int, which string) {
	for at < len(s) {
		i := strings.Index(s[at:], "{{")
		if i < 0 {
			break
		}
		at += i
		for _, p := range placeholders {
			if strings.HasPrefix(s[at:], p) {
				return at, p
			}
		}
		at++
	}
	return len(s), ""
}

// Literal reports that there is nothing to replace, so that it is the same for every caller.
func (t Template) Literal() bool {
	if t.nobody {
		return false
	}
	for _, p := range t.parts {
		if p.placeholder != "" {
			return false
		}
	}
	return true
}

// Text is what a literal template is.
func (t Template) Text() string {
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.literal)
	}
	return b.String()
}

// Literally is what a text becomes for every caller of a principal; ok is false if it depends on the caller.
func Literally(written, arn string) (name string, ok bool) {
	if !strings.Contains(written, "{{") {
		return written, true
	}
	of, _ := ParseARN(arn) // where it is none, nothing is known of it
	t := ParseTemplate(written, of)
	return t.Text(), t.Literal()
}
