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
