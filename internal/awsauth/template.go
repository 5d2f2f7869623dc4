package awsauth

import (
	"regexp"
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

// Placeholders are all of them.
var Placeholders = []string{AccountID, SessionName, SessionNameRaw, AccessKeyID, EC2PrivateDNSName}

// language says what a placeholder can become: which bytes, how many. A session name is chosen by whoever assumes the
// role: [\w+=,.@-]{2,64}, and all but Raw turn '@' into '-' (STS API reference, RoleSessionName).
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
	}, 4, 253},
}

var braces = regexp.MustCompile(`\{\{[^{}]*\}\}`)

// Template is a username or group taken apart into literal text and placeholders.
type Template struct {
	parts []part
}

type part struct {
	literal     string
	placeholder string
}

// ParseTemplate takes s apart, as it stands in an entry with that ARN. What is the same for everybody whom the ARN matches is
// replaced at once: {{AccountID}}, and for users and the root user, who have no session, its name, by nothing.
func ParseTemplate(s string, of ARN) Template {
	var t Template
	if allDigits(of.Account) {
		s = strings.ReplaceAll(s, AccountID, of.Account)
	}
	if of.Kind == KindUser || of.Kind == KindRoot {
		s = strings.ReplaceAll(strings.ReplaceAll(s, SessionName, ""), SessionNameRaw, "")
	}
	for s != "" {
		at, which := nextPlaceholder(s)
		if at > 0 {
			t.parts = append(t.parts, part{literal: s[:at]})
		}
		if which == "" {
			break
		}
		t.parts = append(t.parts, part{placeholder: which})
		s = s[at+len(which):]
	}
	return t
}

// nextPlaceholder finds the first placeholder in s: where it begins, and which it is. Without one, at is the end.
func nextPlaceholder(s string) (at int, which string) {
	for at < len(s) {
		i := strings.Index(s[at:], "{{")
		if i < 0 {
			break
		}
		at += i
		for _, p := range Placeholders {
			if strings.HasPrefix(s[at:], p) {
				return at, p
			}
		}
		at++
	}
	return len(s), ""
}

// Literal reports that there is nothing to replace.
func (t Template) Literal() bool {
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

// CanBe reports that some caller's rendering is exactly target; by is the session name that does it, if the template asks
// for one.
// A placeholder that stands more than once counts as free each time, which errs on the side of yes.
func (t Template) CanBe(target string) (by string, ok bool) { return t.match(target, false) }

// CanBegin reports that some caller's rendering begins with prefix.
func (t Template) CanBegin(prefix string) (by string, ok bool) { return t.match(prefix, true) }

func (t Template) match(target string, prefix bool) (by string, ok bool) {
	// Most targets are told apart by how they begin, and the others by what is written out.
	if len(t.parts) > 0 && t.parts[0].placeholder == "" && !strings.HasPrefix(target, t.parts[0].literal) && !(prefix && strings.HasPrefix(t.parts[0].literal, target)) {
		return "", false
	}
	for _, p := range t.parts {
		if !prefix && p.placeholder == "" && !strings.Contains(target, p.literal) {
			return "", false
		}
	}
	session := slices.IndexFunc(t.parts, func(p part) bool { return p.placeholder == SessionName || p.placeholder == SessionNameRaw })
	var failed map[[2]int]bool // made late: most targets fail at the first part
	var try func(part, at int) bool
	try = func(i, at int) bool {
		if prefix && at >= len(target) {
			return true
		}
		if i == len(t.parts) {
			return at == len(target) && !prefix
		}
		if failed[[2]int{i, at}] {
			return false
		}
		rest := target[at:]
		p := t.parts[i]
		if p.placeholder == "" {
			if strings.HasPrefix(rest, p.literal) && try(i+1, at+len(p.literal)) ||
				prefix && strings.HasPrefix(p.literal, rest) {
				return true
			}
		} else {
			l := languages[p.placeholder]
			for n := 0; n <= len(rest) && n <= l.max; n++ {
				if n > 0 && !l.has(rest[n-1]) {
					break
				}
				if prefix && n == len(rest) || n >= l.min && try(i+1, at+n) {
					if i == session {
						by = rest[:n]
					}
					return true
				}
			}
		}
		if failed == nil {
			failed = map[[2]int]bool{}
		}
		failed[[2]int{i, at}] = true
		return false
	}
	ok = try(0, 0)
	return by, ok
}

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

// Render replaces the placeholders as EKS would for a session called sessionName of a principal in account; ok is
// false if the template needs something else.
func Render(s, account, sessionName string) (rendered string, ok bool) {
	s = strings.ReplaceAll(s, AccountID, account)
	s = strings.ReplaceAll(s, SessionName, strings.ReplaceAll(sessionName, "@", "-"))
	s = strings.ReplaceAll(s, SessionNameRaw, sessionName)
	return s, !strings.Contains(s, AccessKeyID) && !strings.Contains(s, EC2PrivateDNSName)
}
