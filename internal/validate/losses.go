package validate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// checkNodesLost asks which live nodes could sign in before the edit and cannot after it. Where that is not known, the
// mappings themselves are all that tells of nodes: the last one must not go.
func checkNodesLost(p *pass) {
	if p.op == Delete || p.fleet.ignored() {
		return // AA501 says it, or there is nothing to lose
	}
	before, after := nodeRoles(p.old, p.table(p.old)), nodeRoles(p.new, p.table(p.new))
	if p.op == Create {
		if len(p.new.doc.Entries()) > 0 && len(after) == 0 {
			p.noNodeRole()
		}
		p.nodesUnmapped()
		return
	}
	if p.new.doc.Unreadable[awsauth.MapRoles] && p.readLess() {
		return // AA101 or AA104 says it
	}
	var gone []loss
	denied := false
	stays := p.keeps(before, after)
	for _, l := range p.losses() {
		l.fatal = len(l.cut) > 0 || p.fleet.starting() || !stays && !p.fleet.nodesKnown(p.now) || len(after) == 0 && slices.ContainsFunc(l.maybe, traceable)
		denied = denied || l.fatal
		if len(l.is) > 0 {
			p.nodeBroken(l)
		} else {
			gone = append(gone, l)
		}
	}
	if len(before) > 0 && len(after) == 0 && !denied && len(p.new.doc.Entries()) > 0 {
		p.noNodeRole()
	}
	if len(gone) == 0 || p.emptied(gone) {
		return
	}
	last := "and it is the last by which nodes can sign in"
	switch {
	case len(after) > 0:
		last = "and no node role that was mapped before stays, while running nodes keep the role they have"
	case len(gone) > 1:
		last = "and it is one of the last by which nodes can sign in"
	}
	for _, l := range gone {
		p.nodeRoleGone(l, last)
	}
}

// keeps reports that a node role which is mapped stays so. Where the nodes are not known, those that run have one of the roles that
// were mapped, and a new role beside these helps none of them. A role whose ARN matches nobody has no nodes: that is being fixed. Nor
// has one that IAM does not know any more: its credentials are void.
func (p *pass) keeps(before, after map[string]awsauth.Identity) bool {
	possible := false
	for key, was := range before {
		if rule, f := judgeARN(was.Entry, p.partition); rule != "" && f.Severity != Warning || p.deleted[key] {
			continue
		}
		possible = true
		if _, ok := after[key]; ok {
			return true
		}
	}
	return !possible && len(after) > 0
}

// loss is a node role of which an edit takes the mapping away, or makes another.
type loss struct {
	was   awsauth.Identity
	is    []awsauth.Identity // what the role is mapped to now
	cut   []NodeSet          // live nodes that cannot sign in any more
	maybe []NodeSet          // live nodes of which it is not known whether they have this role
	doubt []NodeSet          // Node objects with this role, or that may have it, which may be no nodes
	ready []NodeSet          // live nodes with this role that are ready and, as far as is known, could not be by its mapping
	fatal bool               // the edit must not get in
	// guessed are those of FleetView.Unplaced, by index, that had no other way in and are cut.
	guessed []int
}

// traceable reports that the role of such nodes can be found out, so that not to know it is a gap and not their nature.
func traceable(s NodeSet) bool { return s.Kind != HybridNode && s.Kind != OtherNode }

// losses are the roles by which nodes signed in, or may have, and cannot any more. A role that no live node uses is none.
func (p *pass) losses() []loss {
	old, updated := p.table(p.old), p.table(p.new)
	others := map[int]bool{} // which of Unplaced have another way, found out once: there may be thousands of losses
	roles := map[int]int{}   // how many of the roles that go each of the others may have
	var losses []loss
	changes := awsauth.Diff
	if p.fleet == nil { // then nothing but its mapping tells that a role is a node's
		roles := nodeRoles(p.old, old)
		changes = func(a, b *awsauth.Access) []awsauth.Change { return awsauth.Diff(only(a, roles), only(b, roles)) }
	}
	for _, c := range changes(old, updated) {
		if len(c.Before) == 0 || c.Account {
			continue
		}
		role := awsauth.Subject(c.Principal)
		if role != awsauth.Key(c.Principal) {
			continue // a blank before or behind the ARN: it matches nobody
		}
		signedIn := func(s NodeSet) bool { return serveAny(c.Before, s) && !serveAny(c.After, s) }
		l := loss{was: c.Before[0], is: c.After}
		if e, shadowed := p.fleet.shadow(role, p.now); shadowed && (e.ofNodes() || !p.fleet.starting()) {
			// Before the nodes are known, nothing can show that an entry for people does not decide about them.
			l.doubt = setsBy(p.fleet.Doubtful[role], func(s NodeSet) bool { return s.ready() > 0 && e.excludes(s) && !serveAny(c.After, s) })
			if len(l.doubt) > 0 && slices.ContainsFunc(c.Before, nodeLike) {
				losses = append(losses, l)
			}
			continue
		}
		if p.fleet != nil {
			l.cut = setsBy(p.fleet.Nodes[role], signedIn)
			l.doubt = append(setsBy(p.fleet.Doubtful[role], signedIn), setsBy(p.fleet.Doubtful[""], func(s NodeSet) bool { return signedIn(s) && p.mayHave(s, role) })...)
			l.ready = p.inSpite(role, c)
			for i, s := range p.fleet.Unplaced {
				if !signedIn(s) || !p.mayHave(s, role) {
					continue
				}
				other, asked := others[i]
				if !asked {
					other = p.otherWay(updated, s)
					others[i] = other
				}
				if other || !traceable(s) && len(p.fleet.Doubtful[role]) > 0 { // it may be a role of nodes in AWS
					l.maybe = append(l.maybe, s)
				} else {
					roles[i]++
					l.guessed = append(l.guessed, i)
				}
			}
		}
		kind := nodeKindOf(l.was)
		structural := kind != notNode && !slices.ContainsFunc(l.is, func(id awsauth.Identity) bool { return serves(id, kind) })
		if len(l.cut)+len(l.guessed)+len(l.maybe)+len(l.doubt)+len(l.ready) > 0 || structural && !p.fleet.nodesKnown(p.now) {
			losses = append(losses, l)
		}
	}
	for i := range losses {
		for _, u := range losses[i].guessed {
			s := p.fleet.Unplaced[u]
			s.Maybe = roles[u] > 1
			losses[i].cut = append(losses[i].cut, s)
		}
	}
	return losses
}

// inSpite are the nodes with a role that are ready although what is known of them says that they cannot sign in by its mapping, if the
// role is mapped as a node's no longer. What is known of them must be wrong, so that the mapping may be what they need.
func (p *pass) inSpite(role string, c awsauth.Change) []NodeSet {
	if !slices.ContainsFunc(c.Before, nodeLike) || slices.ContainsFunc(c.After, nodeLike) {
		return nil
	}
	return setsBy(slices.Concat(p.fleet.Nodes[role], p.fleet.Doubtful[role]), func(s NodeSet) bool { return s.ready() > 0 && s.Kind.mapped() && !serveAny(c.Before, s) })
}

// nodeLike reports that something of an identity belongs to nodes.
func nodeLike(id awsauth.Identity) bool { return nodeIdentityOf(id) != nodeIdentity{} }

// only is a table without principals other than some.
func only(a *awsauth.Access, some map[string]awsauth.Identity) *awsauth.Access {
	part := &awsauth.Access{Principals: map[string][]awsauth.Identity{}}
	for key := range some {
		if ids, ok := a.Principals[key]; ok {
			part.Principals[key] = ids
		}
	}
	return part
}

// serveAny reports that nodes can sign in by one of the identities of a role.
func serveAny(ids []awsauth.Identity, s NodeSet) bool {
	return s.Kind.mapped() && slices.ContainsFunc(ids, func(id awsauth.Identity) bool { return signsIn(id, s) })
}

// mayHave reports that nodes whose role is not known may have this one. A hybrid node's role is not one that nodes in AWS
// use: it is made for hybrid nodes.
func (p *pass) mayHave(s NodeSet, principal string) bool {
	a, err := awsauth.ParseARN(principal)
	return err == nil && a.Kind == awsauth.KindRole && (traceable(s) || len(p.fleet.Nodes[principal]) == 0)
}

// otherWay reports that nodes whose role is not known may still sign in: by another mapping, or by an access entry. Of nodes
// of another provider it is not even known that they authenticate by IAM.
func (p *pass) otherWay(a *awsauth.Access, s NodeSet) bool {
	if s.Kind == OtherNode || p.fleet.nodeEntry(s.Kind, p.now) {
		return true
	}
	for key, ids := range a.Principals {
		if _, shadowed := p.fleet.shadow(key, p.now); !shadowed && p.mayHave(s, key) && serveAny(ids, s) {
			return true
		}
	}
	return false
}

// lost are the live nodes that sign in by the old version of aws-auth and cannot by the new one, as EKS reads them.
func (p *pass) lost() []string { return names(p.lostSets()) }

func (p *pass) lostSets() []NodeSet {
	if p.fleet == nil || p.fleet.ignored() || p.old == nil {
		return nil
	}
	var after *awsauth.Access
	if p.new != nil {
		after = p.new.effective
	} else {
		after = &awsauth.Access{}
	}
	var sets []NodeSet
	for role, all := range p.fleet.Nodes {
		before := p.old.effective.Principals[role]
		if _, shadowed := p.fleet.shadow(role, p.now); shadowed || len(before) == 0 {
			continue
		}
		for _, s := range all {
			if serveAny(before, s) && !serveAny(after.Principals[role], s) && !slices.ContainsFunc(sets, s.same) {
				sets = append(sets, s)
			}
		}
	}
	return sets
}

// noNodeRole warns that nobody maps a node role. It is told only where no live node is cut off.
func (p *pass) noNodeRole() {
	if p.fleet.nodeEntry(notNode, p.now) {
		return
	}
	n := needs[EC2Node]
	p.report("AA502", Finding{Severity: Warning, Field: "data.mapRoles", DataKey: awsauth.MapRoles, subject: "no nodes", Message: "no mapping of a node role",
		Why: "so nodes join only if an access entry covers their role", Fix: "add the node role with username: " + n.username + " and groups: [" + strings.Join(n.groups, ", ") + "]"})
}

// nodesUnmapped warns that an aws-auth which is created leaves out roles that live nodes use, as after a deletion that was to be a
// replacement. The creation itself takes nothing from anybody.
func (p *pass) nodesUnmapped() {
	if p.fleet == nil || len(p.new.doc.Entries()) == 0 || p.new.doc.Unreadable[awsauth.MapRoles] {
		return // another finding says it
	}
	updated := p.table(p.new)
	for _, role := range slices.Sorted(maps.Keys(p.fleet.Nodes)) {
		if _, shadowed := p.fleet.shadow(role, p.now); shadowed || len(updated.Principals[role]) > 0 {
			continue
		}
		sets, arn := p.fleet.Nodes[role], role
		if a, err := awsauth.ParseARN(p.fleet.RoleARNs[role]); err == nil {
			arn = a.Canonical() // EKS matches no path
		}
		n := sets[0].needs()
		p.report("AA503", Finding{Severity: Warning, Field: "data.mapRoles", DataKey: awsauth.MapRoles, Value: arn, entry: role, subject: "unmapped", Nodes: sets,
			Message: fmt.Sprintf("the node role %s is not mapped, and %s %s it: %s", q(arn), count(sets), use(sets), which(sets)),
			Why:     agree(sets, "so it turns NotReady", "so they turn NotReady") + " within minutes" + p.uncovered(role),
			Fix:     "add this entry:" + entryText(awsauth.Identity{Canonical: arn, Username: n.username, Groups: n.groups})})
	}
}

// emptied says in one finding that mapRoles went with everything in it, and reports whether no more need be said.
func (p *pass) emptied(gone []loss) bool {
	doc := p.new.doc
	fatal := slices.ContainsFunc(gone, func(l loss) bool { return l.fatal })
	if len(doc.Roles) > 0 || !fatal {
		return false
	}
	var roles []string
	var cut []NodeSet
	for _, l := range gone {
		roles = append(roles, bare(clip(l.was.Canonical)))
		for _, s := range l.cut {
			if !slices.ContainsFunc(cut, s.same) { // a Fargate node may have several of the roles
				cut = append(cut, s)
			}
		}
	}
	if len(doc.Users)+len(doc.Accounts) == 0 && len(cut) == 0 {
		return true // the finding of an empty object says it
	}
	if len(roles) > 3 {
		roles = append(roles[:3], fmt.Sprintf("%d more", len(roles)-3))
	}
	f := Finding{Field: "data.mapRoles", DataKey: awsauth.MapRoles, subject: "mapRoles", Message: "mapRoles is gone, and with it " + list(roles),
		Why: "so every node turns NotReady within minutes", Fix: "keep the mapping of every node role", Nodes: cut}
	if len(cut) > 0 {
		f.Why = "so within minutes " + count(cut) + agree(cut, " turns", " turn") + " NotReady: " + which(cut)
	}
	p.report("AA502", f)
	return true
}

// nodeRoleGone says whom the loss of a mapping costs, as far as that is known. last is why none may stay without it.
func (p *pass) nodeRoleGone(l loss, last string) {
	f := Finding{Severity: Error, Field: "data.mapRoles", DataKey: awsauth.MapRoles, Value: l.was.Canonical, entry: awsauth.Subject(l.was.Canonical), subject: "gone",
		Message: fmt.Sprintf("the node role %s is no longer mapped", q(l.was.Canonical)), Fix: "keep this entry:" + entryText(l.was), Nodes: l.cut}
	switch {
	case len(l.cut) > 0:
		f.Message += ", and " + count(l.cut) + " " + use(l.cut) + " it: " + which(l.cut)
		f.Why = agree(l.cut, "so it turns", "so they turn") + " NotReady within minutes" + p.uncovered(f.entry)
		f.Fix += agree(l.cut, ", or take the node out of service first", ", or take the nodes out of service first") + p.inertFix(f.entry)
	case p.fleet.starting():
		f.Why = notYet + ": if one uses this role, it turns NotReady within minutes"
		f.Fix = "try again in a few seconds, or " + f.Fix
	case l.fatal && len(l.maybe) > 0:
		f.Message += ", and " + count(l.maybe) + " may use it: " + which(l.maybe)
		f.Why = last + p.untraced()
	case l.fatal:
		f.Why = last
		if p.fleet != nil {
			f.Why += p.blind()
		}
		f.Why += ": every node with it turns NotReady within minutes"
	case len(l.maybe) > 0:
		f.Severity = Warning
		f.Message += ", and " + count(l.maybe) + " may use it: " + which(l.maybe)
		f.Why = agree(l.maybe, "and nothing tells which role it has", "and nothing tells which role they have") + p.untraced()
		f.Fix = "make sure that they do not use the role any more, or keep the entry"
	case len(l.doubt) > 0 && p.fleet.nodesKnown(p.now):
		f.Severity = Warning
		f.Message += ", and " + count(l.doubt) + " may use it: " + which(l.doubt)
		f.Why = doubted(l.doubt)
		f.Fix = agree(l.doubt, "make sure that it is no node", "make sure that they are no nodes") + ", or keep the entry"
	case len(l.ready) > 0 && p.fleet.nodesKnown(p.now):
		f.Severity = Warning
		f.Message += ", and " + count(l.ready) + " " + use(l.ready) + " it: " + which(l.ready)
		f.Why = agree(l.ready, "and it is ready", "and they are ready") + fmt.Sprintf(", although a mapping for %s nodes has another username or other groups", l.ready[0].Kind)
		f.Fix = agree(l.ready, "make sure that it authenticates", "make sure that they authenticate") + " by something else, or keep the entry"
	default:
		f.Severity = Warning
		f.Why = strings.TrimPrefix(p.blind(), ", ") + ": those with this role turn NotReady within minutes"
		f.Fix = "make sure that no node uses the role any more, or keep the entry"
	}
	p.report("AA503", f)
}

// doubted says why Node objects may be no nodes.
func doubted(sets []NodeSet) string {
	var reasons []string
	for _, s := range sets {
		reasons = append(reasons, s.Doubt)
	}
	slices.Sort(reasons)
	return agree(sets, "and nothing but its Node object", "and nothing but their Node objects") + " shows that nodes of this cluster use it: " + list(slices.Compact(reasons))
}

// blind says that the live nodes are not known, and why.
func (p *pass) blind() string {
	s := ", and the guard does not know the live nodes"
	if why := p.fleet.doubt(p.now); why != "" {
		s += " (" + why + ")"
	}
	return s
}

// untraced says what is in the way of finding out the roles of nodes.
func (p *pass) untraced() string {
	if p.fleet == nil || p.fleet.NodesKnown.Problem == "" {
		return ""
	}
	return " (" + p.fleet.NodesKnown.Problem + ")"
}

// notYet is why a guard that has just started does not let go what may be in use.
const notYet = "and the guard has just started and does not know the running nodes yet"

// uncovered says that an access entry might save the nodes, where the guard cannot tell, or why the one that is there does not.
func (p *pass) uncovered(role string) string {
	if e, ok := p.fleet.entry(role, p.now); ok {
		if why := p.fleet.WhyInert(e); why != "" {
			return "; the role's access entry does not cover them: " + why
		}
	}
	if p.fleet.accessKnown(p.now) {
		return ""
	}
	return ", unless an access entry covers the role (" + p.fleet.AccessKnown.Doubt(p.now) + ")"
}

// inertFix is how an access entry that covers nobody comes to cover its role.
func (p *pass) inertFix(role string) string {
	if e, ok := p.fleet.entry(role, p.now); ok && e.outlived() {
		return ", or delete the access entry and create it again first"
	}
	return ""
}

// entryText is an entry on one line, to type in again.
func entryText(id awsauth.Identity) string {
	groups := make([]string, len(id.Groups))
	for i, g := range id.Groups {
		groups[i] = bare(g)
	}
	return fmt.Sprintf(" {rolearn: %s, username: %q, groups: [%s]}", bare(id.Canonical), id.Username, strings.Join(groups, ", "))
}

// nodeBroken says that a node role stays but nodes cannot use its mapping any more.
func (p *pass) nodeBroken(l loss) {
	is := l.is[0]
	said := func(f Finding) bool {
		return f.Rule == "AA505" && f.entry == awsauth.Subject(is.Canonical) && !f.Preexisting && f.Severity == Error &&
			!slices.ContainsFunc(l.cut, func(s NodeSet) bool { return !slices.ContainsFunc(f.Nodes, s.same) })
	}
	if slices.ContainsFunc(p.stated, said) {
		return
	}
	kind, n := nodeKindOf(l.was), needs[nodeKindOf(l.was)]
	if sets := slices.Concat(l.cut, l.maybe, l.doubt); len(sets) > 0 {
		kind, n = sets[0].Kind, sets[0].needs()
	}
	e := is.Entry
	f := Finding{Field: e.Path("username"), DataKey: e.DataKey, Line: e.Username.Line, Column: e.Username.Column, Value: redact(is.Username),
		entry: awsauth.Subject(is.Canonical), subject: "node mapping", Nodes: l.cut,
		Message: fmt.Sprintf("the node role %s is mapped as %s no longer", q(l.was.Canonical), n.username),
		Why:     fmt.Sprintf("and %s nodes with it turn NotReady within minutes", kind), Fix: "write username: " + n.username}
	switch {
	case len(l.cut) > 0:
		f.Why = "so within minutes " + count(l.cut) + agree(l.cut, " turns", " turn") + " NotReady: " + which(l.cut) + p.uncovered(f.entry)
	case p.fleet.starting():
		f.Why = notYet + ": if one uses this role, it turns NotReady within minutes"
	case len(l.maybe) > 0 && !l.fatal && p.fleet.nodesKnown(p.now):
		f.Severity = Warning
		f.Why = "and " + count(l.maybe) + " may use it: " + which(l.maybe)
	case len(l.doubt) > 0 && !l.fatal && p.fleet.nodesKnown(p.now):
		f.Severity = Warning
		f.Why = "and " + count(l.doubt) + " may use it: " + which(l.doubt) + ", " + doubted(l.doubt)
	case len(l.ready) > 0 && !l.fatal && p.fleet.nodesKnown(p.now):
		f.Severity = Warning
		f.Why = "and " + count(l.ready) + " with it " + agree(l.ready, "is", "are") + " ready: " + which(l.ready)
	}
	if i := barring(is.Groups); i >= 0 && !kind.onEC2() && (e.Username.Value == n.username || e.Username.Value == l.was.Username) {
		f.Field, f.Value = e.Path(fmt.Sprintf("groups[%d]", i)), redact(is.Groups[i])
		f.Line, f.Column = e.Groups[i].Line, e.Groups[i].Column
		f.Message = fmt.Sprintf("the node role %s gets the group %s, which EKS can render only for EC2 instances", q(l.was.Canonical), q(is.Groups[i]))
		f.Fix = "remove that group"
	} else if e.Username.Value == n.username || e.Username.Value == l.was.Username {
		var missing []string
		for _, g := range n.groups {
			if !is.Has(g) && (g != groupBootstrappers || l.was.Has(g)) {
				missing = append(missing, g)
			}
		}
		f.Field = e.Path("groups")
		if len(e.Groups) > 0 {
			f.Line, f.Column = e.Groups[0].Line, e.Groups[0].Column
		}
		f.Value = strings.Join(is.Groups, ", ")
		f.Message = fmt.Sprintf("the node role %s loses the group %s", q(l.was.Canonical), list(missing))
		f.Fix = "write groups: [" + strings.Join(append(slices.Clone(is.Groups), missing...), ", ") + "]"
	}
	if p.fleet.starting() && len(l.cut) == 0 {
		f.Fix = "try again in a few seconds, or " + f.Fix
	}
	p.report("AA505", f)
}
