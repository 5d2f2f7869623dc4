package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var emptiesMappings = &rule.Rule{
	ID: "AA502", Name: "empties-mappings", Severity: rule.Error, Category: rule.Loss,
	What: "an aws-auth without any mapping, or whose mapRoles goes with the last node mapping in it",
	Why:  "EKS accepts blank, [] and null: all nodes and everyone but the cluster creator are locked out, without an error",
	Bad:  "data:\n  mapRoles: \"[]\"\n", Good: goodNodes,
	Object: checkEmpty,
	Edit:   checkEmptied,
}

// keepNodeRoles is the fix that the floor has, too.
const keepNodeRoles = "keep the entry of every node role in mapRoles"

// checkEmpty finds an object that maps nobody.
func checkEmpty(c *rule.ObjectContext) {
	if len(c.Unreadable)+len(c.Entries())+len(c.Accounts) > 0 || c.Fleet.Ignored() {
		return
	}
	f := rule.Finding{Subject: "nobody", Message: "aws-auth has no mappings",
		Why: "EKS accepts it and locks out all nodes and everyone but the cluster creator", Fix: keepNodeRoles}
	switch had := removed(c); had {
	case 0:
	case 1:
		f.Message += ": this edit removes the only one"
	case 2:
		f.Message += ": this edit removes both"
	default:
		f.Message += fmt.Sprintf(": this edit removes all %d", had)
	}
	allBack(&f, c.Old)
	if c.Fleet.Decides(c.Before, c.Now) {
		f.Severity = rule.Warning
		f.Why = "only access entries give access then; everyone who was mapped has one"
		f.Fix, f.Lines = "change the authentication mode to API if that is to stay so", nil
	}
	c.Report(rule.AtField("data", ""), f)
}

// removed is how many entries the edit removes from an aws-auth that is empty then.
func removed(c *rule.ObjectContext) int {
	if c.Old == nil {
		return 0
	}
	return len(c.Old.Entries())
}

// checkEmptied finds that the last node role goes, and in one finding that mapRoles goes with everything in it.
func checkEmptied(c *rule.EditContext) {
	l, ok := nodeLosses(c)
	if !ok {
		return
	}
	lastGone := c.Operation == rule.Create || l.Before > 0 && !l.Fatal()
	if l.After == 0 && lastGone && len(c.New.Entries()) > 0 && !c.Fleet.NodeEntry(nodes.None, c.Now) {
		c.Report(rule.AtKey(awsauth.MapRoles, ""), noNodeRole())
	}
	if !mapRolesEmptied(c, l) {
		return
	}
	cut := cutBy(l.Gone)
	if len(c.New.Users)+len(c.New.Accounts) > 0 || len(cut) > 0 { // else the finding of an empty object says it
		f := mapRolesGone(l.Gone, cut)
		allBack(&f, c.Old)
		c.Report(rule.AtKey(awsauth.MapRoles, ""), f)
	}
}

// allBack makes a finding's fix to put all entries of mapRoles back: below the line that an editor shows in front of several lines, since
// the edit may have replaced it by a value on one line. They are shown if there are few.
func allBack(f *rule.Finding, old *rule.Version) {
	if old == nil || len(old.Roles) == 0 {
		return
	}
	back := "put its entry back"
	switch n := len(old.Roles); n {
	case 1:
	case 2:
		back = "put both entries back"
	default:
		back = fmt.Sprintf("put all %d entries back", n)
	}
	f.Fix = "write " + awsauth.MapRoles + ": | and " + back + " below it"
	var lines []string
	for _, id := range old.Access().Winners {
		if id.Entry.DataKey != awsauth.MapRoles {
			continue
		}
		entry := entryLines(id, awsauth.MapRoles, old, nil)
		if lines = append(lines, entry...); entry == nil || len(lines) > maxEntryLines {
			return
		}
	}
	if f.Lines = lines; lines != nil {
		f.Fix += ":"
	}
}

// noNodeRole warns that no node role is mapped. It is said only where no running node is cut off.
func noNodeRole() rule.Finding {
	need := nodes.EC2.Needs()
	return rule.Finding{Severity: rule.Warning, Subject: "no nodes", Message: "mapRoles maps no node role",
		Why: "nodes join only if an access entry covers their role",
		Fix: "add the node role with username: " + need.Username + " and groups: [" + strings.Join(need.Groups, ", ") + "]"}
}

// cutBy are the nodes that losses cut off. A Fargate node may have several of the roles.
func cutBy(losses []nodes.Loss) (cut []nodes.Set) {
	for _, l := range losses {
		for _, s := range l.Cut {
			if !slices.ContainsFunc(cut, s.Same) {
				cut = append(cut, s)
			}
		}
	}
	return cut
}

func mapRolesGone(gone []nodes.Loss, cut []nodes.Set) rule.Finding {
	var roles []string
	for _, l := range gone[:min(len(gone), 3)] {
		roles = append(roles, phrase.Bare(phrase.Clip(l.Was.Canonical)))
	}
	if more := len(gone) - len(roles); more > 0 {
		roles = append(roles, fmt.Sprintf("%d more", more))
	}
	f := rule.Finding{Subject: "mapRoles", Message: "mapRoles has no mappings, and nodes with " + phrase.List(roles) + " can no longer authenticate",
		Why: "every node turns NotReady within minutes", Fix: keepNodeRoles, Nodes: cut}
	if len(cut) > 0 {
		f.Why = "within minutes " + nodes.Count(cut) + nodes.Agree(cut, " turns", " turn") + " NotReady: " + nodes.Which(cut)
	}
	return f
}
