package rbac

import "strings"

// maxHops is how many rights that lead to each other a message lists.
const maxHops = 5

// maxName is how much of a name evidence shows. A subject of a binding may be as long as the object.
const maxName = 256

// evidence says why something is equivalent to cluster-admin. What it leads to is a link and not a copy, so that a
// chain of a thousand rights takes no more than a thousand links; text formats it only for the names that are listed.
type evidence struct {
	text string
	// to is what the text leads to, if it leads anywhere, and after what follows that.
	to    *evidence
	after *evidence
}

func words(text string) *evidence { return &evidence{text: text} }

// String formats the evidence.
func (e *evidence) String() string {
	var b strings.Builder
	e.write(&b, maxHops)
	return b.String()
}

func (e *evidence) write(b *strings.Builder, hops int) {
	for ; e != nil; e = e.after {
		b.WriteString(e.text)
		switch {
		case e.to == nil:
		case hops == 1:
			b.WriteString("...")
		default:
			e.to.write(b, hops-1)
		}
	}
}

func shorten(name string) string {
	if len(name) <= maxName {
		return name
	}
	return strings.ToValidUTF8(name[:maxName-3], "") + "..."
}
