package validate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

var nodeFamily = family{
	entry: checkNodeMapping,
	state: checkNobody,
	edit:  checkNodesLost,
	rules: []Rule{
		{ID: "AA502", Name: "empties-mappings", Severity: Error,
			What: "an aws-auth without any mapping, or whose mapRoles goes with the last node mapping in it",
			Why:  "blank, [] and null are no error to EKS: everybody is locked out without a word",
			Bad:  "data:\n  mapRoles: \"[]\"\n", Good: goodNodes},
		{ID: "AA503", Name: "cuts-live-nodes", Severity: Error,
			What: "the loss of a role that nodes sign in with: an error for the last one, a warning for another, as long as the guard does not know the live nodes",
			Why:  "within minutes every kubelet with that role is refused, the node turns NotReady, and its pods are evicted",
			Bad: `data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/ci
      username: ci
      groups: [deployers]
`, Good: goodNodesAndCI},
		{ID: "AA505", Name: "breaks-node-mapping", Severity: Error,
			What: "a node role whose username template or groups are not those that its kind of node needs: EC2, Windows, Fargate, hybrid; one role for two kinds",
			Why:  "nodes with that role cannot join, or turn NotReady within minutes",
			Bad:  strings.Replace(goodNodes, "[system:bootstrappers, system:nodes]", "[system:nodes]", 1), Good: goodNodes},
	},
}

// nodeKind is a kind of node, told from its mapping (facts: "Which mappings keep the cluster alive").
type nodeKind string

const (
	notNode nodeKind = ""
	ec2     nodeKind = "EC2"
	windows nodeKind = "Windows"
	fargate nodeKind = "Fargate"
	hybrid  nodeKind = "hybrid"
)

// needs are the username template and the groups of every kind.
var needs = map[nodeKind]struct {
	username string
	groups   []string
}{
	ec2:     {nodePrefix + awsauth.EC2PrivateDNSName, []string{groupBootstrappers, groupNodes}},
	windows: {nodePrefix + awsauth.EC2PrivateDNSName, []string{groupBootstrappers, groupNodes, groupWindows}},
	fargate: {nodePrefix + awsauth.SessionName, []string{groupBootstrappers, groupNodes, groupNodeProxier}},
	hybrid:  {nodePrefix + awsauth.SessionName, []string{groupBootstrappers, groupNodes}},
}

// nodeKindOf is the kind of node that can sign in by this identity, notNode if none can.
func nodeKindOf(id awsauth.Identity) nodeKind {
	if !id.Has(groupNodes) || !id.Has(groupBootstrappers) {
		return notNode
	}
	if a, err := awsauth.ParseARN(id.Canonical); err != nil || a.Kind != awsauth.KindRole {
		return notNode
	}
	switch strings.TrimPrefix(id.Username, nodePrefix) {
	case awsauth.EC2PrivateDNSName:
		if id.Has(groupWindows) {
			return windows
		}
		return ec2
	case awsauth.SessionName, awsauth.SessionNameRaw:
		if id.Has(groupNodeProxier) {
			return fargate
		}
		return hybrid
	}
	return notNode
}

// serves reports that an identity lets nodes of that kind sign in.
func serves(id awsauth.Identity, kind nodeKind) bool {
	got := nodeKindOf(id)
	switch kind {
	case ec2:
		return got == ec2 || got == windows
	case hybrid:
		return got == hybrid || got == fargate
	}
	return got == kind
}

// checkNobody finds an object that maps nobody.
func checkNobody(p *pass) {
	if doc := p.at.doc; len(doc.Unreadable)+len(doc.Entries())+len(doc.Accounts) == 0 {
		p.report("AA502", Finding{Field: "data", subject: "nobody", Message: "no mappings at all",
			Why: "and EKS takes this for what was meant: all nodes and everybody but the cluster's creator are locked out",
			Fix: "keep the mapping of every node role in mapRoles"})
	}
}

// checkNodeMapping judges an entry that means to be a node's.
func checkNodeMapping(p *pass, e *awsauth.Entry) {
	if e.ARN.Value == "" || !nodeUsername(e.Username.Value) {
		return
	}
	groups := slices.Clone(e.GroupNames())
	onEC2 := strings.HasSuffix(e.Username.Value, awsauth.EC2PrivateDNSName)
	f := Finding{Field: e.Path("groups"), DataKey: e.DataKey, Line: e.Username.Line, Column: e.Username.Column,
		Value: strings.Join(groups, ", "), entry: e.Subject(), subject: "node mapping"}
	if len(e.Groups) > 0 && e.Groups[0].Line > 0 {
		f.Line, f.Column = e.Groups[0].Line, e.Groups[0].Column
	}
	var missing []string
	for _, g := range []string{groupBootstrappers, groupNodes} {
		if !slices.Contains(groups, g) {
			missing = append(missing, g)
		}
	}
	switch {
	case len(missing) > 0:
		is := "is"
		if len(missing) > 1 {
			is = "are"
		}
		f.Message = fmt.Sprintf("the username is a node's, and %s %s missing from the groups", list(missing), is)
		f.Why = "so nodes with this role cannot work"
		f.Fix = "write groups: [" + strings.Join(append(slices.DeleteFunc(groups, odd), missing...), ", ") + "]"
	case onEC2 && slices.Contains(groups, groupNodeProxier):
		f.Message = fmt.Sprintf("%s is a group of Fargate, and %s a username of EC2", q(groupNodeProxier), awsauth.EC2PrivateDNSName)
		f.Why = "and one role cannot serve both: a role has one username template"
		f.Fix = "leave the group out, and map the Fargate pod execution role by itself with username: " + needs[fargate].username
	case !onEC2 && slices.Contains(groups, groupWindows):
		f.Message = fmt.Sprintf("%s is a group of Windows nodes on EC2, and %s a username of Fargate and hybrid nodes", q(groupWindows), awsauth.SessionName)
		f.Why = "and one role cannot serve both: a role has one username template"
		f.Fix = "write username: " + needs[windows].username
	default:
		return
	}
	p.report("AA505", f)
}

// odd groups have findings of their own, and no place in what to write instead.
func odd(group string) bool {
	message, _, _ := suspicious(group)
	return message != "" || group == ""
}

// nodeRoles are the principals by which nodes can sign in, by the keys of a table.
func nodeRoles(s *state, a *awsauth.Access) map[string]awsauth.Identity {
	roles := map[string]awsauth.Identity{}
	if s == nil {
		return roles
	}
	identities(s.templated, a, func(id awsauth.Identity) {
		if nodeKindOf(id) != notNode {
			roles[id.Entry.Key()] = id
		}
	})
	return roles
}

// checkNodesLost compares which node roles work before and after. Without live data the mappings themselves are all
// that tells of nodes.
func checkNodesLost(p *pass) {
	if p.op == Delete {
		return // AA501 says it
	}
	before, after := nodeRoles(p.old, p.table(p.old)), nodeRoles(p.new, p.table(p.new))
	if p.op == Create {
		if len(after) == 0 && len(p.new.doc.Entries()) > 0 {
			p.report("AA502", Finding{Severity: Warning, Field: "data.mapRoles", DataKey: awsauth.MapRoles, subject: "no nodes", Message: "no mapping of a node role",
				Why: "so nodes join only if an access entry covers their role", Fix: "add the node role with username: " + needs[ec2].username + " and groups: [system:bootstrappers, system:nodes]"})
		}
		return
	}
	if p.new.doc.Unreadable[awsauth.MapRoles] {
		return // AA101 or AA104 says it
	}
	var gone []awsauth.Identity
	now := p.table(p.new)
	for _, key := range slices.Sorted(maps.Keys(before)) {
		id, still := before[key], now.Principals[key]
		if len(still) == 0 {
			gone = append(gone, id)
			continue
		}
		kind := nodeKindOf(id)
		if !slices.ContainsFunc(still, func(n awsauth.Identity) bool { return serves(n, kind) }) {
			p.nodeBroken(id, still[0], kind)
		}
	}
	if len(gone) == 0 {
		return
	}
	if len(after) > 0 {
		for _, id := range gone {
			p.nodeRoleGone(id, Warning, "and the guard does not know the live nodes: those with this role turn NotReady within minutes",
				"make sure that no node uses the role any more, or keep the entry")
		}
		return
	}
	if len(p.new.doc.Roles) == 0 {
		var roles []string
		for _, id := range gone {
			roles = append(roles, bare(clip(id.Canonical)))
		}
		if len(roles) > 3 {
			roles = append(roles[:3], fmt.Sprintf("%d more", len(roles)-3))
		}
		if len(p.new.doc.Users)+len(p.new.doc.Accounts) == 0 {
			return // the finding of an empty object says it
		}
		p.report("AA502", Finding{Field: "data.mapRoles", DataKey: awsauth.MapRoles, subject: "mapRoles", Message: "mapRoles is gone, and with it " + list(roles),
			Why: "so every node turns NotReady within minutes", Fix: "keep the mapping of every node role"})
		return
	}
	last := "and it is the last"
	if len(gone) > 1 {
		last = "and it is one of the last"
	}
	for _, id := range gone {
		p.nodeRoleGone(id, Error, last+" by which nodes can sign in: every node with it turns NotReady within minutes", "keep this entry:"+entryText(id))
	}
}

func (p *pass) nodeRoleGone(id awsauth.Identity, s Severity, why, fix string) {
	p.report("AA503", Finding{Severity: s, Field: "data.mapRoles", DataKey: awsauth.MapRoles, Value: id.Canonical, entry: awsauth.Subject(id.Canonical), subject: "gone",
		Message: fmt.Sprintf("the node role %s is no longer mapped", q(id.Canonical)), Why: why, Fix: fix})
}

// entryText is an entry on one line, to type in again.
func entryText(id awsauth.Identity) string {
	groups := make([]string, len(id.Groups))
	for i, g := range id.Groups {
		groups[i] = bare(g)
	}
	return fmt.Sprintf(" {rolearn: %s, username: %q, groups: [%s]}", bare(id.Canonical), id.Username, strings.Join(groups, ", "))
}

func (p *pass) nodeBroken(was, is awsauth.Identity, kind nodeKind) {
	said := func(f Finding) bool {
		return f.Rule == "AA505" && f.entry == awsauth.Subject(is.Canonical) && !f.Preexisting
	}
	if slices.ContainsFunc(p.stated, said) {
		return
	}
	n := needs[kind]
	e := is.Entry
	f := Finding{Field: e.Path("username"), DataKey: e.DataKey, Line: e.Username.Line, Column: e.Username.Column, Value: redact(is.Username),
		entry: awsauth.Subject(is.Canonical), subject: "node mapping",
		Message: fmt.Sprintf("the node role %s is mapped as %s no longer", q(was.Canonical), n.username),
		Why:     fmt.Sprintf("and %s nodes with it turn NotReady within minutes", kind), Fix: "write username: " + n.username}
	if e.Username.Value == was.Username {
		var missing []string
		for _, g := range n.groups {
			if !is.Has(g) {
				missing = append(missing, g)
			}
		}
		f.Field = e.Path("groups")
		if len(e.Groups) > 0 {
			f.Line, f.Column = e.Groups[0].Line, e.Groups[0].Column
		}
		f.Value = strings.Join(is.Groups, ", ")
		f.Message = fmt.Sprintf("the node role %s loses the group %s", q(was.Canonical), list(missing))
		f.Fix = "write groups: [" + strings.Join(append(slices.Clone(is.Groups), missing...), ", ") + "]"
	}
	p.report("AA505", f)
}
