package awsauth

import (
	"slices"
	"strings"
)

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
	m := matcher{parts: t.parts, target: target, prefix: prefix, session: t.session()}
	ok = m.from(0, 0)
	several := m.session >= 0 && slices.ContainsFunc(t.parts[m.session+1:], part.session)
	if several && !t.alone(m.by, target, prefix) || t.nests() {
		return "", ok
	}
	return m.by, ok
}

// matcher compares the parts of a template with a target, or with the beginning of one.
type matcher struct {
	parts   []part
	target  string
	prefix  bool
	session int    // the part that is the session name
	by      string // what it has to be
	// failed are the placeholders and bytes from which there is no match. Without them, the time doubles with each placeholder.
	failed map[[2]int]bool
}

// from reports that the parts from number i on can be the target from a byte on.
func (m *matcher) from(i, at int) bool {
	switch {
	case m.prefix && at >= len(m.target):
		return true
	case i == len(m.parts):
		return at == len(m.target)
	case m.parts[i].placeholder == "":
		rest, literal := m.target[at:], m.parts[i].literal
		return strings.HasPrefix(rest, literal) && m.from(i+1, at+len(literal)) || m.prefix && strings.HasPrefix(literal, rest)
	case m.failed[[2]int{i, at}]:
		return false
	case m.placeholder(i, at):
		return true
	}
	if m.failed == nil {
		m.failed = map[[2]int]bool{}
	}
	m.failed[[2]int{i, at}] = true
	return false
}

// placeholder reports that a placeholder, and the parts behind it, can be the target from a byte on.
func (m *matcher) placeholder(i, at int) bool {
	rest, l := m.target[at:], languages[m.parts[i].placeholder]
	for n := 0; n <= len(rest) && n <= l.max; n++ {
		if n > 0 && !l.has(rest[n-1]) {
			return false
		}
		if m.prefix && n == len(rest) || n >= l.min && m.from(i+1, at+n) {
			if i == m.session {
				m.by = rest[:n]
			}
			return true
		}
	}
	return false
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
