package validate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

var nodeFamily = family{
	entry: checkNodeMapping,
	state: checkLiveNodes,
	edit:  checkNodesLost,
	rules: []Rule{
		{ID: "AA502", Name: "empties-mappings", Severity: Error,
			What: "an aws-auth without any mapping, or whose mapRoles goes with the last node mapping in it",
			Why:  "blank, [] and null are no error to EKS: everybody is locked out without a word",
			Bad:  "data:\n  mapRoles: \"[]\"\n", Good: goodNodes},
		{ID: "AA503", Name: "cuts-live-nodes", Severity: Error,
			What: "the loss of a role that live nodes sign in with, and no access entry covers; a warning if it may be no node's, and if an aws-auth that is created lacks it; if the guard does not know the running nodes, an error if none of the node roles that were mapped stays and a warning if one does; if the guard has just started, always an error",
			Why:  "within minutes every kubelet with that role is refused, the node turns NotReady, and its pods are evicted",
			Bad: `data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/ci
      username: ci
      groups: [deployers]
`, Good: goodNodesAndCI},
		{ID: "AA505", Name: "breaks-node-mapping", Severity: Error,
			What: "a node role whose username template or groups are not those that its kind of node needs: EC2, Windows, Fargate, hybrid; one role for two kinds, or for other nodes than those that live with it; a group with {{EC2PrivateDNSName}} for nodes that are not on EC2",
			Why:  "nodes with that role cannot join, or turn NotReady within minutes",
			Bad:  strings.Replace(goodNodes, "[system:bootstrappers, system:nodes]", "[system:nodes]", 1), Good: goodNodes},
	},
}

const notNode NodeKind = ""

// mapping is a username template with groups.
type mapping struct {
	username string
	groups   []string
}

// needs are the mappings of every kind (Amazon EKS user guide, node roles).
var needs = map[NodeKind]mapping{
	EC2Node:     {nodePrefix + awsauth.EC2PrivateDNSName, []string{groupBootstrappers, groupNodes}},
	WindowsNode: {nodePrefix + awsauth.EC2PrivateDNSName, []string{groupBootstrappers, groupNodes, groupWindows}},
	FargateNode: {nodePrefix + awsauth.SessionName, []string{groupBootstrappers, groupNodes, groupNodeProxier}},
	HybridNode:  {nodePrefix + awsauth.SessionName, []string{groupBootstrappers, groupNodes}},
	OtherNode:   {nodePrefix + awsauth.SessionName, []string{groupBootstrappers, groupNodes}}, // what does not run on EC2 can use no other
}

// works reports that an identity has the groups without which nodes do not. EKS asks for system:bootstrappers besides, and new
// entries are held to that (nodeFault); the API server's Node authorizer does not, and maps without it keep clusters alive.
func (m mapping) works(id awsauth.Identity) bool {
	return !slices.ContainsFunc(m.groups, func(g string) bool { return g != groupBootstrappers && !id.Has(g) })
}

// nodeKindOf is the kind of node that can sign in by this identity, notNode if none can.
func nodeKindOf(id awsauth.Identity) NodeKind {
	kind := nodeKindMeant(id)
	if !kind.onEC2() && id.Sessions() != awsauth.AnySession {
		return notNode // a group keeps all out that are not on EC2
	}
	return kind
}

// nodeKindMeant is the kind of node that an identity is for, by its username and the groups that nodes need.
func nodeKindMeant(id awsauth.Identity) NodeKind {
	if !id.Has(groupNodes) {
		return notNode
	}
	if a, err := awsauth.ParseARN(id.Canonical); err != nil || a.Kind != awsauth.KindRole {
		return notNode
	}
	switch id.Username {
	case nodePrefix + awsauth.EC2PrivateDNSName:
		if id.Has(groupWindows) {
			return WindowsNode
		}
		return EC2Node
	case nodePrefix + awsauth.SessionName, nodePrefix + awsauth.SessionNameRaw:
		if id.Has(groupNodeProxier) {
			return FargateNode
		}
		return HybridNode
	}
	return notNode
}

// serves reports that an identity lets nodes of that kind sign in.
func serves(id awsauth.Identity, kind NodeKind) bool {
	got := nodeKindOf(id)
	switch kind {
	case EC2Node:
		return got == EC2Node || got == WindowsNode
	case HybridNode:
		return got == HybridNode || got == FargateNode
	}
	return got == kind
}

// checkLiveNodes judges the entries whose role live nodes use, and an object that maps nobody.
func checkLiveNodes(p *pass) {
	if p.fleet != nil && len(p.fleet.Nodes)+len(p.fleet.Doubtful) > 0 {
		for _, e := range p.at.doc.Entries() {
			p.liveMapping(e)
		}
	}
	if doc := p.at.doc; len(doc.Unreadable)+len(doc.Entries())+len(doc.Accounts) == 0 && !p.fleet.ignored() {
		f := Finding{Field: "data", subject: "nobody", Message: "no mappings at all",
			Why: "and EKS takes this for what was meant: all nodes and everybody but the cluster's creator are locked out",
			Fix: "keep the mapping of every node role in mapRoles"}
		if p.fleet.decides(p.table(p.old), p.now) {
			f.Severity = Warning
			f.Why = "so nobody gets in but by an access entry; everybody who was mapped has one"
			f.Fix = "change the authentication mode to API if that is to stay so"
		}
		p.report("AA502", f)
	}
}

// checkNodeMapping judges an entry that means to be a node's.
func checkNodeMapping(p *pass, e *awsauth.Entry) {
	f, ok := nodeFault(e)
	if !ok {
		return
	}
	if cut := p.unserved(e, p.fleet.sets(e)); len(cut) > 0 && nodeKindMeant(e.Identity()) == notNode { // else liveMapping says it
		f.Why = "and " + count(cut) + " cannot sign in with it: " + which(cut)
		f.Nodes = cut
	}
	p.report("AA505", f)
}

// nodeFault is what is missing from an entry with a node's username; ok is false if nothing is.
func nodeFault(e *awsauth.Entry) (f Finding, ok bool) {
	if e.ARN.Value == "" || !nodeUsername(e.Username.Value) {
		return Finding{}, false
	}
	groups := slices.Clone(e.GroupNames())
	onEC2 := strings.HasSuffix(e.Username.Value, awsauth.EC2PrivateDNSName)
	f = Finding{Field: e.Path("groups"), DataKey: e.DataKey, Line: e.Username.Line, Column: e.Username.Column,
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
		if !slices.Contains(missing, groupNodes) {
			f.Why = "and Amazon EKS asks for it with every node"
		}
		if slices.Contains(groups, policy.Masters) { // whether it may stay, its own finding says
			f.Fix = "add " + list(missing) + " to the groups"
		} else {
			unfit := func(g string) bool { return odd(g) || !onEC2 && barring([]string{g}) >= 0 }
			f.Fix = "write groups: [" + strings.Join(append(slices.DeleteFunc(groups, unfit), missing...), ", ") + "]"
		}
	case onEC2 && slices.Contains(groups, groupNodeProxier):
		f.Severity, f.subject = Warning, "group of Fargate" // EC2 nodes work with it: it only adds what Fargate's kube-proxy may do
		f.Message = fmt.Sprintf("%s is a group of Fargate, and %s a username of EC2", q(groupNodeProxier), awsauth.EC2PrivateDNSName)
		f.Why = "and EC2 nodes work without it, while Fargate nodes do not work with this username"
		f.Fix = "leave the group out, and map the Fargate pod execution role by itself with username: " + needs[FargateNode].username
	case !onEC2 && slices.Contains(groups, groupWindows):
		f.Message = fmt.Sprintf("%s is a group of Windows nodes on EC2, and %s a username of Fargate and hybrid nodes", q(groupWindows), awsauth.SessionName)
		f.Why = "and one role cannot serve both: a role has one username template"
		f.Fix = "write username: " + needs[WindowsNode].username
	default:
		return Finding{}, false
	}
	return f, true
}

// sets are the live nodes with the entry's role. An ARN with a path finds nothing here: another rule says so.
func (v *FleetView) sets(e *awsauth.Entry) []NodeSet {
	if v == nil {
		return nil
	}
	return v.Nodes[e.Key()]
}

// unserved are those of the nodes with the entry's role that cannot sign in by it. Where an access entry decides, aws-auth
// keeps nobody out.
func (p *pass) unserved(e *awsauth.Entry, sets []NodeSet) []NodeSet {
	if len(sets) == 0 || p.fleet.ignored() {
		return nil
	}
	role := e.Key()
	if _, shadowed := p.fleet.shadow(role, p.now); shadowed {
		return nil
	}
	id := e.Identity()
	return setsBy(sets, func(s NodeSet) bool { return !signsIn(id, s) })
}

// liveMapping holds an entry against the nodes that really have its role. An entry that serves some of them is better
// than none, and so let in: no entry can serve two kinds of node that need different usernames.
func (p *pass) liveMapping(e *awsauth.Entry) {
	cut := p.unserved(e, p.fleet.sets(e))
	doubtful := len(cut) == 0
	if doubtful {
		cut = p.unserved(e, p.fleet.Doubtful[e.Key()])
	}
	if len(cut) == 0 {
		return
	}
	if _, faulty := nodeFault(e); faulty && nodeKindMeant(e.Identity()) == notNode {
		return // checkNodeMapping says it
	}
	n := cut[0].needs()
	f := Finding{Field: e.Path("username"), DataKey: e.DataKey, Line: e.Username.Line, Column: e.Username.Column, Value: redact(e.Username.Value),
		entry: e.Subject(), subject: "live nodes", Nodes: cut,
		Message: count(cut) + " " + use(cut) + " this role and cannot sign in by this mapping: " + which(cut),
		Why:     fmt.Sprintf("and %s nodes need another", cut[0].Kind),
		Fix:     fmt.Sprintf("write username: %s and groups: [%s]", n.username, strings.Join(n.groups, ", "))}
	if i := barring(e.GroupNames()); i >= 0 && !cut[0].Kind.onEC2() && n.works(e.Identity()) && e.Username.Value == n.username {
		f.Why = fmt.Sprintf("since EKS can render the group %s only for EC2 instances, and no other caller can authenticate", q(e.Groups[i].Value))
		f.Fix = "remove that group"
	}
	switch {
	case doubtful:
		f.Severity = Warning
		f.Message = count(cut) + " may use this role and cannot sign in by this mapping: " + which(cut)
		f.Why = doubted(cut)
	case servesSome(p.fleet.sets(e), cut):
		f.Severity = Warning
		if n.username != e.Username.Value {
			f.Why = "and other kinds of node use it too, while a role has one username template"
			f.Fix = fmt.Sprintf("give the %s nodes a role of their own, and map it with username: %s", cut[0].Kind, n.username)
		}
	}
	p.report("AA505", f)
}

// servesSome reports that an entry serves some of the nodes with its role, if not those that are cut. How an instance will be named that
// has not joined is a guess, which whoever may create nodes can have made: it excuses no entry that cuts off others.
func servesSome(all, cut []NodeSet) bool {
	guess := func(s NodeSet) bool { return len(s.Names) == s.Joining }
	joined := slices.ContainsFunc(cut, func(s NodeSet) bool { return !guess(s) })
	return slices.ContainsFunc(all, func(s NodeSet) bool {
		return !slices.ContainsFunc(cut, s.same) && !(joined && s.ByInstanceID && guess(s))
	})
}

// barring is the index of the first group that EKS can render only for EC2 instances, so that nobody else can authenticate; -1 if
// there is none.
func barring(groups []string) int {
	return slices.IndexFunc(groups, func(g string) bool { return strings.Contains(g, awsauth.EC2PrivateDNSName) })
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
