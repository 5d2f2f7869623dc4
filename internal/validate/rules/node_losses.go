package rules

import (
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// nodeLosses are what an edit costs the nodes, for AA502, AA503 and AA505; ok is false if there is nothing to lose, or
// another rule says it.
func nodeLosses(c *rule.EditContext) (l nodes.Losses, ok bool) {
	switch {
	case c.Operation == rule.Delete: // AA501 says it
		return l, false
	case c.Fleet.Ignored():
		return l, false
	case c.Operation != rule.Create && c.New.Unreadable[awsauth.MapRoles] && rule.ReadsLess(c.Old, c.New): // AA101 or AA104 says it
		return l, false
	}
	return c.Losses(), true
}

// mapRolesEmptied reports that the edit removes everything in mapRoles, so that one finding (AA502) is about all its roles.
func mapRolesEmptied(c *rule.EditContext, l nodes.Losses) bool {
	return len(c.New.Roles) == 0 && l.GoneFatally()
}

// notYet is why a guard that has just started denies the loss of a role that may be in use.
const notYet = "the guard has just started and does not know the running nodes yet; a node that uses this role turns NotReady within minutes"

// mayUse says that nodes may have a role.
func mayUse(sets []nodes.Set) string {
	return nodes.Count(sets) + " may use it: " + nodes.Which(sets)
}

// uncovered says that an access entry might save the nodes with a role, where the guard cannot tell, or why the one
// that is there does not.
func uncovered(c *rule.EditContext, role string) string {
	if e, ok := c.Fleet.Entry(role, c.Now); ok {
		if why := c.Fleet.WhyInert(e); why != "" {
			return "; the role's access entry does not cover them: " + why
		}
	}
	if c.Fleet.KnowsAccess(c.Now) {
		return ""
	}
	return ", unless an access entry covers the role (" + c.Fleet.AccessKnown.Doubt(c.Now) + ")"
}

// inLine says where lines to paste belong: an editor may show the value indented further than it is.
func inLine(lines []string) string {
	if !strings.HasPrefix(strings.TrimSpace(lines[0]), "-") {
		return ""
	}
	return ", in line with the other dashes"
}

// maxPutBack is how many entries are shown to put back: an edit may lose thousands, and each is looked for in the text.
const maxPutBack = 20

// putBack makes a finding's fix to put an entry of the old version back; or says what else there is to do. The entry is shown
// if it is one of the first.
func putBack(f *rule.Finding, c *rule.EditContext, was awsauth.Identity, or string, shown bool) {
	key := awsauth.MapRoles
	if was.Entry != nil {
		key = was.Entry.DataKey
	}
	f.Fix = "put the entry of " + namedARN(was.Canonical) + " back" + or
	if !shown {
		return
	}
	if f.Lines = entryLines(was, key, c.Old, c.New); f.Lines != nil {
		f.Fix = "put this entry back" + inLine(f.Lines) + or + ":"
	}
}
