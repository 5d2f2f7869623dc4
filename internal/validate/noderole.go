package validate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

var nodeRoleFamily = family{
	edit: checkNodeRoles,
	rules: []Rule{
		{ID: "AA408", Name: "node-role-evidence", Severity: Error,
			What: "a new or wider node identity (system:nodes, system:bootstrappers, a system:node: username) for a role that somebody other than nodes may assume, or that no node can assume; a warning if nothing shows whether nodes use the role, an error if the policy lists nodes.roles or says nodes.onUnknown: deny",
			Why:  "whoever may assume the role chooses the session name, and with it which node to be; a node can request tokens of the service accounts of its pods, and one that is cluster-admin is enough",
			Bad: goodNodesAndCI + `    - rolearn: arn:aws:iam::111122223333:role/deploy
      username: system:node:{{SessionName}}
      groups: [system:bootstrappers, system:nodes]
`, Good: goodNodesAndCI},
	},
}

// nodeIdentity is what of an identity belongs to nodes.
type nodeIdentity struct {
	// username is the template of a username that is, or can become, a node's; "" if it is none.
	username             string
	nodes, bootstrappers bool
}

func nodeIdentityOf(id awsauth.Identity) nodeIdentity {
	var n nodeIdentity
	of, _ := awsauth.ParseARN(id.Canonical) // where it is none, nothing is known of it
	if _, ok := awsauth.ParseTemplate(id.Username, of).CanBegin(nodePrefix); ok {
		n.username = strings.ReplaceAll(id.Username, awsauth.SessionNameRaw, awsauth.SessionName) // no node's name has an @
	}
	for _, g := range id.Groups {
		// Templates that can become one of them are AA403.
		if name, ok := literally(g, id.Canonical); ok {
			n.nodes = n.nodes || name == groupNodes
			n.bootstrappers = n.bootstrappers || name == groupBootstrappers
		}
	}
	return n
}

// covers reports that o gives no more than n. Who is in system:nodes can do what system:bootstrappers may: request a certificate
// (Kubernetes documentation, "TLS bootstrapping"). Who chooses the session name can have the name of an EC2 node as well.
func (n nodeIdentity) covers(o nodeIdentity) bool {
	username := o.username == "" || o.username == n.username || n.username == needs[HybridNode].username && strings.HasPrefix(o.username, nodePrefix)
	return username && (n.nodes || !o.nodes) && (n.nodes || n.bootstrappers || !o.bootstrappers)
}

// nodeClaim is a node identity that a principal did not have before the edit.
type nodeClaim struct {
	id awsauth.Identity
	is nodeIdentity
	// had are the node identities of its principal before the edit, none of which covers this one.
	had []nodeIdentity
	// asked says that IAM was asked about the role, and answer what it said.
	asked  bool
	answer Principal
	// findings are those of other rules about the same principal.
	findings []*Finding
}

// key is the principal as the tables have it.
func (c *nodeClaim) key() string { return c.id.Entry.Key() }

// place is what of the entry claims to be a node: its username if that is new, else the group.
func (c *nodeClaim) place() (at awsauth.Text, field string) {
	e := c.id.Entry
	group := func(name string) int {
		return slices.IndexFunc(e.Groups, func(g awsauth.Text) bool {
			became, ok := literally(g.Value, c.id.Canonical)
			return ok && became == name
		})
	}
	username := nodeIdentity{username: c.is.username}
	if c.is.username != "" && !slices.ContainsFunc(c.had, func(h nodeIdentity) bool { return h.covers(username) }) {
		return e.Username, "username"
	}
	for _, name := range []string{groupNodes, groupBootstrappers} {
		if i := group(name); i >= 0 {
			return e.Groups[i], fmt.Sprintf("groups[%d]", i)
		}
	}
	return e.Username, "username"
}

// nodeIdentities are the identities that entries give, and those that they give as long as EKS cannot read a value: then an entry of
// mapUsers counts that one of mapRoles would win against.
func (s *state) nodeIdentities(yield func(awsauth.Identity)) {
	identities(s.special, s.restored, yield)
	if s.effective == s.restored {
		return
	}
	identities(s.special, s.effective, func(id awsauth.Identity) {
		if !slices.ContainsFunc(s.restored.Principals[id.Entry.Key()], func(o awsauth.Identity) bool { return o.Entry == id.Entry }) {
			yield(id)
		}
	})
}

// nodeClaims lists the node identities that the edit gives. As for grants, an entry in a value that EKS cannot read at the moment
// exists already; one whose ARN matched nobody gave nothing.
func (p *pass) nodeClaims() []*nodeClaim {
	if p.new == nil || p.fleet.ignored() {
		return nil
	}
	had := map[string][]nodeIdentity{} // by the keys of a table
	if p.old != nil {
		p.old.nodeIdentities(func(id awsauth.Identity) {
			had[id.Entry.Key()] = append(had[id.Entry.Key()], nodeIdentityOf(id))
		})
	}
	var claims []*nodeClaim
	p.new.nodeIdentities(func(id awsauth.Identity) {
		is, before := nodeIdentityOf(id), had[id.Entry.Key()]
		if is == (nodeIdentity{}) || slices.ContainsFunc(before, func(h nodeIdentity) bool { return h.covers(is) }) {
			return
		}
		claims = append(claims, &nodeClaim{id: id, is: is, had: before})
	})
	return claims
}

// checkNodeRoles asks for evidence that the roles which become nodes' belong to nodes. The policy counts before all others;
// then that somebody else may assume the role; then that nodes use it; then that nobody but nodes can.
func checkNodeRoles(p *pass) {
	if len(p.claims) == 0 {
		return
	}
	about := map[string][]*Finding{} // by entry: there may be thousands of both
	for _, findings := range [][]Finding{p.stated, p.findings} {
		for i := range findings {
			about[findings[i].entry] = append(about[findings[i].entry], &findings[i])
		}
	}
	for _, c := range p.claims {
		e := c.id.Entry
		c.findings = about[e.Subject()]
		if p.misuseGrows(c) || p.policy.NodeRole(c.id.Canonical) || p.deniedFor(c, "AA301", "AA302", "AA303", "AA403", "AA404") {
			continue
		}
		at, field := c.place()
		p.nodeRole(c, Finding{Field: e.Path(field), DataKey: e.DataKey, Line: at.Line, Column: at.Column, Value: redact(at.Value), entry: e.Subject(), subject: "node role"})
	}
}

// misuseGrows reports that AA405 is about the entry: what was there before does not excuse that it has grown.
func (p *pass) misuseGrows(c *nodeClaim) bool {
	for _, f := range c.findings {
		if f.Rule == "AA405" && strings.HasPrefix(f.Field, c.id.Entry.Path("")+".") {
			f.Preexisting = false
			if p.denies(*f) {
				return true
			}
		}
	}
	return false
}

// deniedFor reports that one of some rules denies the entry, of any if none is named: that is fixed first.
func (p *pass) deniedFor(c *nodeClaim, rules ...string) bool {
	return slices.ContainsFunc(c.findings, func(f *Finding) bool { return (len(rules) == 0 || slices.Contains(rules, f.Rule)) && p.denies(*f) })
}

// denies reports that a finding will count as an error, whatever the policy says of its rule.
func (p *pass) denies(f Finding) bool {
	p.settle(&f)
	return f.Severity == Error
}

// nodeRole weighs what IAM and the fleet say of the role of a claim.
func (p *pass) nodeRole(c *nodeClaim, f Finding) {
	role, trust := q(c.id.Entry.ARN.Value), c.answer.Trust
	const fix = "map a role that nodes alone can assume; if nodes use this one, have it listed in the policy under nodes.roles"
	switch {
	case trust.Other != "":
		f.Message = fmt.Sprintf("%s maps %s as a node, and %s may assume that role", q(f.Value), role, q(trust.Other))
		f.Why, f.Fix = c.danger(), fix
	case p.fleet.usedByNodes(c, p):
		return
	case c.answer.Existence == Trusted && p.ofAnotherAccount(c):
		f.Message = fmt.Sprintf("%s makes %s a node, and the administrators of its account decide who may assume that role", q(f.Value), role)
		f.Why, f.Fix = c.danger(), fix
	case trust.Known == TrustKnown && trust.Service == "" && c.fits(trust):
		return
	case trust.Known == TrustKnown && !trust.Instances && !trust.Sessions:
		f.Message = fmt.Sprintf("%s maps %s as a node, and no node can assume that role", q(f.Value), role)
		if trust.Service != "" {
			f.Message += ": its trust policy names " + q(trust.Service)
		}
		f.Why, f.Fix = c.danger(), "map the role that the nodes use; if it is this one, have it listed in the policy under nodes.roles"
	case c.unsure():
		p.trustUnverified(c, f)
		return
	default:
		p.nodeRoleUnknown(c, f)
		return
	}
	p.report("AA408", f)
}

// danger says what whoever may assume the role gets.
func (c *nodeClaim) danger() string {
	if c.is.username == nodePrefix+awsauth.EC2PrivateDNSName {
		return "and whoever assumes it with an instance id as session name is that node, and can get the tokens of its pods"
	}
	return "and whoever assumes it chooses which node to be, and can get the tokens of its pods"
}

// fits reports that the nodes which can assume the role sign in with such a username.
func (c *nodeClaim) fits(t Trust) bool {
	if c.is.username == nodePrefix+awsauth.EC2PrivateDNSName {
		return t.Instances
	}
	return t.Sessions
}

// ofAnotherAccount reports that the role is known to be none of the cluster's account. EC2 and Fargate nodes have a role of that
// account (aws-iam-authenticator looks instances up in it), and so has what signs in by an access entry of nodes.
func (p *pass) ofAnotherAccount(c *nodeClaim) bool {
	if p.ports.Principals == nil {
		return false
	}
	self, ok := p.ports.Principals.Self()
	a, err := awsauth.ParseARN(c.id.Canonical)
	return ok && self.Account != "" && err == nil && a.Account != self.Account
}

// unsure reports that IAM was asked who may assume the role, and that its answer does not say.
func (c *nodeClaim) unsure() bool {
	return c.answer.Trust.Known == TrustUnreadable || c.answer.Existence == Unverified
}

// usedByNodes reports that running nodes sign in with the role and such a username, or by an access entry. A Node object alone
// shows nothing: whoever may create nodes can make one for any instance of the account. An instance that has not joined yet shows
// no more than that somebody may start one with the role and tag it: where IAM should have said who may assume the role, and does
// not, that is not enough; and nothing shows that it will be named for its instance.
func (v *FleetView) usedByNodes(c *nodeClaim, p *pass) bool {
	if v == nil {
		return false
	}
	role := c.key()
	uses := func(s NodeSet) bool {
		return s.needs().username == c.is.username && (len(s.Names) > s.Joining+s.Unproven || s.Joining > 0 && !s.ByInstanceID && !c.unsure())
	}
	if slices.ContainsFunc(v.Nodes[role], uses) {
		return true
	}
	if slices.ContainsFunc(v.Assigned[role], func(kind NodeKind) bool { return needs[kind].username == c.is.username }) {
		return true // whoever makes a node group may pass it the role (iam:PassRole)
	}
	entry, ok := v.shadow(role, p.now)
	if !ok || !entry.ofNodes() || entry.covers(HyperPodNode) { // no mapping is for HyperPod nodes
		return false
	}
	return entryTypes[entry.Type].onEC2 == (c.is.username == nodePrefix+awsauth.EC2PrivateDNSName)
}

// trustUnverified says that it could not be found out who may assume a role.
func (p *pass) trustUnverified(c *nodeClaim, f Finding) {
	if f.Severity = Error; p.policy.IAM.WarnUnverified {
		f.Severity = Warning
	}
	reason, detail := c.answer.Reason, c.answer.Detail
	if c.answer.Existence != Unverified {
		reason, detail = ReasonMalformed, "IAM's answer has no readable trust policy"
	}
	f.Message, f.Why = fmt.Sprintf("could not check who may assume %s: %s", q(c.id.Entry.ARN.Value), reason), whole(detail)
	f.Fix = "try again; or, if nodes use the role, have it listed in the policy under nodes.roles"
	p.report("AA408", f)
}

// nodeRoleUnknown says that nothing shows a role to be a node's.
func (p *pass) nodeRoleUnknown(c *nodeClaim, f Finding) {
	if f.Severity = Warning; p.policy.Nodes.DenyUnknown {
		f.Severity = Error
	} else if p.op == Create && p.user.Username == "" && p.ports.Principals == nil && p.ports.Fleet == nil {
		return // a file is checked by itself, and nobody was to be asked about its roles
	} else if p.deniedFor(c) {
		return
	}
	f.Message = fmt.Sprintf("nothing shows that %s belongs to nodes: %s, and %s", q(c.id.Entry.ARN.Value), c.iamSays(), p.fleet.saysOfRole(p))
	f.Why, f.Fix = c.danger(), "if nodes use the role, have it listed in the policy under nodes.roles; if not, give it a username and groups of its own"
	p.report("AA408", f)
}

// iamSays is what IAM said of the role, where that decides nothing.
func (c *nodeClaim) iamSays() string {
	t := c.answer.Trust
	switch {
	case !c.asked:
		return "IAM is not asked"
	case t.Known == TrustKnown && t.Service != "":
		return q(t.Service) + " may assume it as well"
	case t.Known == TrustKnown && t.Instances:
		return "EC2 instances alone may assume it, whose username is " + needs[EC2Node].username
	case t.Known == TrustKnown:
		return "Fargate or hybrid nodes alone may assume it, whose username is " + needs[HybridNode].username
	case c.answer.Existence == Missing:
		return "IAM knows no such role"
	case c.answer.Existence == Trusted:
		return "the policy takes its account on trust"
	}
	return "IAM says nothing of who may assume it"
}

// saysOfRole is what is known of the running nodes, where none is known to use a role.
func (v *FleetView) saysOfRole(p *pass) string {
	switch {
	case v.nodesKnown(p.now):
		return "no running node uses it with such a username"
	case v.doubt(p.now) != "" && !v.NodesKnown.At.IsZero(), v != nil && v.NodesKnown.Problem != "":
		return "the running nodes are not known (" + whole(v.doubt(p.now)) + ")"
	}
	return "the running nodes are not known"
}
