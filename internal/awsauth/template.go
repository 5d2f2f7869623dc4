package awsauth

import (
	"math"
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

// Placeholders are all of them. EKS replaces one after another, EC2PrivateDNSName first and the others in this order, so that
// what one becomes is searched for those that follow.
var Placeholders = []string{AccountID, SessionName, SessionNameRaw, AccessKeyID, EC2PrivateDNSName}

// withoutSession are those that make a difference to a caller without a session name.
var withoutSession = []string{AccountID, AccessKeyID}

// nested stands for a part of a template in which a placeholder is inside other braces: {{Se{{SessionName}}ionNameRaw}}
// with the session name ss is {{SessionNameRaw}}, and then ss.
const nested = "{{...}}"

// language says what a placeholder can become: which bytes, how many. A session name is chosen by whoever assumes the
// role: [\w+=,.@-]{2,64}, and all but Raw turn '@' into '-' (STS API reference, RoleSessionName). EC2 may have no private
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

var braces = regexp.MustCompile(`\{\{[^{}]*\}\}`)

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

// Nested are the parts of s in which a placeholder is inside other braces, so that what it becomes may make another one of
// them: reading such a template does not show what it becomes.
func Nested(s string) []string {
	var texts []string
	for _, span := range nestings(s, Placeholders) {
		texts = append(texts, s[span[0]:span[1]])
	}
	return texts
}

// innermost finds the first of the nested parts where the placeholders are written as \x00.
var innermost = regexp.MustCompile(`\{\x00*\{[A-Za-z0-9\x00]*\}\x00*\}`)

// nestings are the places of the Nested parts of s: {{ and }} with nothing but letters, digits and placeholders between, of
// which there is at least one; it may also be between the two braces on a side, since a value can be empty. No value has
// braces in it, so that nothing else can come to be a placeholder.
func nestings(s string, placeholders []string) [][2]int {
	rest := s
	for _, p := range placeholders {
		rest = strings.ReplaceAll(rest, p, "\x00")
	}
	if len(rest) == len(s) || !innermost.MatchString(rest) {
		return nil
	}
	// A stack of what was read so far: a byte, or a placeholder or nested part as value. The innermost braces close first.
	const value = 0
	type symbol struct {
		c          byte // value, or the byte
		nested     bool
		begin, end int
	}
	var stack []symbol
	back := func(from int, while func(byte) bool) int {
		for from >= 0 && while(stack[from].c) {
			from--
		}
		return from
	}
	isValue := func(c byte) bool { return c == value }
	inside := func(c byte) bool { return c == value || alnum(c) }
	brace := func(at int, c byte) bool { return at >= 0 && stack[at].c == c }
	for at := 0; at < len(s); {
		if s[at] == '{' {
			if i, which := nextPlaceholder(s[at:min(len(s), at+len(EC2PrivateDNSName))], placeholders); i == 0 && which != "" {
				stack = append(stack, symbol{value, false, at, at + len(which)})
				at += len(which)
				continue
			}
		}
		c := s[at]
		if c == value {
			c = ' ' // a NUL in the text is no value
		}
		stack = append(stack, symbol{c, false, at, at + 1})
		at++
		if c != '}' {
			continue
		}
		closing := back(len(stack)-2, isValue)
		if !brace(closing, '}') {
			continue
		}
		second := back(closing-1, inside)
		if !brace(second, '{') {
			continue
		}
		first := back(second-1, isValue)
		if !brace(first, '{') || !slices.ContainsFunc(stack[first:], func(y symbol) bool { return y.c == value }) {
			continue
		}
		stack = append(stack[:first], symbol{value, true, stack[first].begin, at})
	}
	var spans [][2]int
	for _, y := range stack {
		if y.nested {
			spans = append(spans, [2]int{y.begin, y.end})
		}
	}
	return spans
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

// CanBe reports that some caller's rendering is exactly target; by is the session name that does it, if the template asks
// for one and it is known.
// A placeholder that stands more than once counts as free each time, which errs on the side of yes.
func (t Template) CanBe(target string) (by string, ok bool) { return t.match(target, false) }

// CanBegin reports that some caller's rendering begins with prefix.
func (t Template) CanBegin(prefix string) (by string, ok bool) { return t.match(prefix, true) }

func (t Template) match(target string, prefix bool) (by string, ok bool) {
	if t.nobody {
		return "", false
	}
	// Most targets are told apart by how they begin, and the others by what is written out.
	if len(t.parts) > 0 && t.parts[0].placeholder == "" && !strings.HasPrefix(target, t.parts[0].literal) && !(prefix && strings.HasPrefix(t.parts[0].literal, target)) {
		return "", false
	}
	for _, p := range t.parts {
		if !prefix && p.placeholder == "" && !strings.Contains(target, p.literal) {
			return "", false
		}
	}
	session := t.session()
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
	if several := session >= 0 && slices.ContainsFunc(t.parts[session+1:], part.session); several && !t.alone(by, target, prefix) || t.nests() {
		by = ""
	}
	return by, ok
}

// nests reports that what the template becomes is not known.
func (t Template) nests() bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.placeholder == nested })
}

// session is the index of the part that is the session name first, -1 if none is.
func (t Template) session() int {
	return slices.IndexFunc(t.parts, part.session)
}

func (p part) session() bool { return p.placeholder == SessionName || p.placeholder == SessionNameRaw }

// alone reports that a session name does it, whatever else there is to replace: it may be asked for more than once.
func (t Template) alone(session, target string, prefix bool) bool {
	var b strings.Builder
	for _, p := range t.parts {
		switch {
		case p.placeholder == SessionName:
			b.WriteString(strings.ReplaceAll(session, "@", "-"))
		case p.session():
			b.WriteString(session)
		case p.placeholder != "":
			return prefix && b.Len() >= len(target) && strings.HasPrefix(b.String(), target)
		default:
			b.WriteString(p.literal)
		}
	}
	return b.String() == target || prefix && strings.HasPrefix(b.String(), target)
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

// Caller is who authenticates, as far as templates ask.
type Caller struct {
	Account string
	// Session is the session name, "" for users, the root user and federated users, who have none.
	Session string
	// AccessKeyID and PrivateDNSName, that of the EC2 instance, are "" if they are not known.
	AccessKeyID, PrivateDNSName string
}

// instanceID is what EKS takes for the id of an EC2 instance (aws-iam-authenticator pkg/server, instanceIDPattern).
var instanceID = regexp.MustCompile(`^i-(\w{8}|\w{17})$`)

// OnInstance reports that the session is named for an EC2 instance, as that of a role that an instance has. Whoever assumes
// the role may choose such a name as well.
func (c Caller) OnInstance() bool { return instanceID.MatchString(c.Session) }

// Render replaces the placeholders as EKS does for the caller, but for those whose value is not known. ok is false if EKS
// denies the caller instead: {{EC2PrivateDNSName}} is only for EC2 instances (pkg/server, renderTemplate).
func (c Caller) Render(s string) (rendered string, ok bool) {
	if strings.Contains(s, EC2PrivateDNSName) {
		if !c.OnInstance() {
			return "", false
		}
		if c.PrivateDNSName != "" {
			s = strings.ReplaceAll(s, EC2PrivateDNSName, c.PrivateDNSName)
		}
	}
	s = strings.ReplaceAll(s, AccountID, c.Account)
	s = strings.ReplaceAll(s, SessionName, strings.ReplaceAll(c.Session, "@", "-"))
	s = strings.ReplaceAll(s, SessionNameRaw, c.Session)
	if c.AccessKeyID != "" {
		s = strings.ReplaceAll(s, AccessKeyID, c.AccessKeyID)
	}
	return s, true
}
