package rules

import (
	"fmt"
	"slices"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

var nodeRoleEvidence = &rule.Rule{
	ID: "AA408", Name: "node-role-evidence", Severity: rule.Error, Category: rule.Grant,
	What: "a role gets a new or wider node identity (system:nodes, system:bootstrappers, a system:node: username), and somebody other than nodes may assume it, or no node can; if nothing shows whether nodes use the role, it is a warning, or an error if the policy lists nodes.roles or says nodes.onUnknown: deny",
	Why:  "a caller who may assume the role chooses the session name, and with it which node to be; a node can request tokens of the service accounts of its pods, and one of them that is cluster-admin is enough",
	Bad: goodNodesAndCI + `    - rolearn: arn:aws:iam::111122223333:role/deploy
      username: system:node:{{SessionName}}
      groups: [system:bootstrappers, system:nodes]
`, Good: goodNodesAndCI,
	SilencedBy: []rule.Silence{ // what another rule denies needs no evidence
		{Rule: "AA405", Same: rule.SameEntry},
		{Rule: "AA301", Same: rule.SamePrincipal},
		{Rule: "AA302", Same: rule.SamePrincipal},
		{Rule: "AA303", Same: rule.SamePrincipal},
		{Rule: "AA403", Same: rule.SamePrincipal},
		{Rule: "AA404", Same: rule.SamePrincipal},
	},
	Edit: checkNodeRoles,
}

// checkNodeRoles asks for evidence that the roles which become nodes' belong to nodes. The policy counts before all
// others.
func checkNodeRoles(c *rule.EditContext) {
	for _, claimed := range c.Claims {
		if c.Policy.NodeRole(claimed.Canonical) {
			continue
		}
		r := roleOfNodes{c: c, Claim: claimed}
		if a, err := awsauth.ParseARN(claimed.Canonical); err == nil {
			r.answer, r.asked = c.IAM.Of(a)
		}
		at := r.position()
		if f, ok := r.finding(at.Value); ok {
			f.Subject = "node role"
			c.Report(at, f)
		}
	}
}

// roleOfNodes is a role that becomes nodes', with what IAM says of it, if it was asked.
type roleOfNodes struct {
	nodes.Claim
	c      *rule.EditContext
	answer principal.Principal
	asked  bool
}

// position is what of the entry claims to be a node: its username if that is new, else the group.
func (r roleOfNodes) position() rule.Position {
	e := r.Entry
	username := nodes.Identity{Username: r.Is.Username}
	if username.Username != "" && !slices.ContainsFunc(r.Had, func(h nodes.Identity) bool { return h.Covers(username) }) {
		return rule.AtUsername(e)
	}
	for _, name := range []string{awsauth.GroupNodes, awsauth.GroupBootstrappers} {
		i := slices.IndexFunc(e.Groups, func(g awsauth.Text) bool {
			became, ok := awsauth.Literally(g.Value, r.Canonical)
			return ok && became == name
		})
		if i >= 0 {
			return rule.AtGroup(e, i)
		}
	}
	return rule.AtUsername(e)
}

// evidence is what shows whether a role belongs to nodes.
type evidence int

const (
	noEvidence     evidence = iota // nothing shows it
	ofNodes                        // nodes use it, or nobody but nodes can
	ofOthers                       // somebody else may assume it
	ofOtherAccount                 // another account's administrators decide who may assume it
	ofNoNodes                      // no node can assume it
	noAnswer                       // IAM was asked, and does not say
)

// evidence is the first that there is: somebody else may assume the role; nodes use it; nobody but nodes can assume it.
func (r roleOfNodes) evidence() evidence {
	trust := r.answer.Trust
	unsure := trust.Known == principal.TrustUnreadable || r.answer.Existence == principal.Unverified
	switch {
	case trust.Other != "":
		return ofOthers
	case r.c.Fleet.UsedByNodes(r.Claim, unsure, r.c.Now):
		return ofNodes
	case r.answer.Existence == principal.Trusted && r.ofAnotherAccount():
		return ofOtherAccount
	case trust.Known == principal.TrustKnown && trust.Service == "" && r.fits(trust):
		return ofNodes
	case trust.Known == principal.TrustKnown && !trust.Instances && !trust.Sessions:
		return ofNoNodes
	case unsure:
		return noAnswer
	}
	return noEvidence
}

// fits reports that the nodes which can assume the role authenticate with such a username.
func (r roleOfNodes) fits(t principal.Trust) bool {
	if r.Is.NamedByEC2() {
		return t.Instances
	}
	return t.Sessions
}

// ofAnotherAccount reports that the role is known to be none of the cluster's account. EC2 and Fargate nodes have a
// role of that account (aws-iam-authenticator looks instances up in it), and so has what authenticates by an access
// entry of nodes.
func (r roleOfNodes) ofAnotherAccount() bool {
	a, err := awsauth.ParseARN(r.Canonical)
	return r.c.Account != "" && err == nil && a.Account != r.c.Account
}

// finding is about the evidence, if it is not enough; claims is what claims to be a node.
func (r roleOfNodes) finding(claims string) (f rule.Finding, ok bool) {
	f.Yields, f.Why = rule.YieldsToRule, r.danger()
	listed := "get it listed: " + r.c.Policy.Ask("node roles", "nodes.roles")
	alone := "map a role that only nodes can assume; if nodes use this one, " + listed
	role, trust := named(r.Entry), r.answer.Trust
	as := fmt.Sprintf("%s makes %s a node, but ", phrase.Quote(claims), role)
	switch r.evidence() {
	case ofNodes:
		return f, false
	case ofOthers:
		f.Message, f.Fix = as+phrase.Quote(trust.Other)+" may assume that role", alone
	case ofOtherAccount:
		f.Message, f.Fix = as+"the administrators of its account decide who may assume that role", alone
	case ofNoNodes:
		f.Message = as + "no node can assume that role"
		if trust.Service != "" {
			f.Message += ": its trust policy names " + phrase.Quote(trust.Service)
		}
		f.Fix = "map the role that the nodes use; if it is this one, " + listed
	case noAnswer:
		if r.c.Policy.IAM.OnUnverified == policy.Warn {
			f.Severity = rule.Warning
		}
		reason, detail := r.reason()
		f.Message, f.Why = fmt.Sprintf("could not check who may assume %s: %s", role, reason), phrase.Whole(detail)
		f.Fix = "try again; if nodes use the role, " + listed
	case noEvidence:
		if !r.c.Policy.Nodes.DenyUnknown() {
			f.Severity, f.Yields = rule.Warning, rule.YieldsToAny
			ok = r.c.Operation != rule.Create || r.c.User.Username != "" || r.c.IAM != nil || r.c.Fleet != nil
			if !ok { // a file is checked by itself, and nobody was to be asked about its roles
				return f, false
			}
		}
		f.Message = fmt.Sprintf("nothing shows that %s belongs to nodes: %s, and %s", role, r.iamSays(), r.fleetSays())
		f.Fix = "write a username and groups of its own, or, if nodes use the role, " + listed
	}
	return f, true
}

// danger says what somebody gets who may assume the role.
func (r roleOfNodes) danger() string {
	if r.Is.NamedByEC2() {
		return "a caller who assumes it with an instance ID as session name is that node, and can get the tokens of its pods"
	}
	return "a caller who assumes it chooses which node to be, and can get the tokens of its pods"
}

// reason is why IAM's answer does not say who may assume the role.
func (r roleOfNodes) reason() (reason principal.Reason, detail string) {
	if r.answer.Existence == principal.Unverified {
		return r.answer.Reason, r.answer.Detail
	}
	return principal.ReasonMalformed, "IAM's answer has no readable trust policy"
}

// iamSays is what IAM said of the role, where that decides nothing.
func (r roleOfNodes) iamSays() string {
	trust := r.answer.Trust
	switch {
	case !r.asked:
		return "IAM is not asked"
	case trust.Known == principal.TrustKnown && trust.Service != "":
		return phrase.Quote(trust.Service) + " may assume it as well"
	case trust.Known == principal.TrustKnown && trust.Instances:
		return "only EC2 instances may assume it, whose username is " + nodes.EC2.Needs().Username
	case trust.Known == principal.TrustKnown:
		return "only Fargate or hybrid nodes may assume it, whose username is " + nodes.Hybrid.Needs().Username
	case r.answer.Existence == principal.Missing:
		return "IAM has no such role"
	case r.answer.Existence == principal.Trusted:
		return "the policy trusts its account unchecked"
	}
	return "IAM does not say who may assume it"
}

// fleetSays is what is known of the running nodes, where none is known to use the role.
func (r roleOfNodes) fleetSays() string {
	fleet, now := r.c.Fleet, r.c.Now
	doubt := fleet.Doubt(now)
	switch {
	case fleet.KnowsNodes(now):
		return "no running node uses it with such a username"
	case doubt != "" && !fleet.NodesKnown.At.IsZero(), fleet != nil && fleet.NodesKnown.Problem != "":
		return "the running nodes are not known (" + phrase.Whole(doubt) + ")"
	}
	return "the running nodes are not known"
}
