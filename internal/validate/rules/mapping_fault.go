package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/phrase"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rule"
)

// mappingFault is what is wrong with the groups of an entry with a node's username, whatever nodes there are. What an edit
// breaks for nodes that could use a role is in broken_mapping.go.
type mappingFault struct {
	entry *awsauth.Entry
	kind  faultKind
	// onEC2 says that the username is that of nodes on EC2.
	onEC2 bool
	// missing are the groups that every node needs and that are not there.
	missing []string
}

type faultKind int

const (
	groupsMissing faultKind = iota + 1
	fargateOnEC2            // a group of Fargate beside a username of EC2
	windowsOffEC2           // a group of Windows nodes, which run on EC2, beside a username of Fargate and hybrid nodes
)

// mappingFaultOf finds what is wrong with an entry with a node's username; faulty is false if nothing is.
func mappingFaultOf(e *awsauth.Entry) (fault mappingFault, faulty bool) {
	if e.ARN.Value == "" || !nodes.IsUsername(e.Username.Value) {
		return fault, false
	}
	has := func(g string) bool { return slices.Contains(e.GroupNames(), g) }
	fault = mappingFault{entry: e, onEC2: strings.HasSuffix(e.Username.Value, awsauth.EC2PrivateDNSName)}
	for _, g := range []string{awsauth.GroupBootstrappers, awsauth.GroupNodes} {
		if !has(g) {
			fault.missing = append(fault.missing, g)
		}
	}
	switch {
	case len(fault.missing) > 0:
		fault.kind = groupsMissing
	case fault.onEC2 && has(awsauth.GroupNodeProxier):
		fault.kind = fargateOnEC2
	case !fault.onEC2 && has(awsauth.GroupWindows):
		fault.kind = windowsOffEC2
	}
	return fault, fault.kind != 0
}

// position is the first group, or the username of an entry whose groups are nowhere in the text.
func (m mappingFault) position() rule.Position {
	e := m.entry
	at := rule.At(e, "groups", awsauth.Text{Place: e.Username.Place, Value: strings.Join(e.GroupNames(), ", ")})
	if len(e.Groups) > 0 && e.Groups[0].Line > 0 {
		at.Place = e.Groups[0].Place
	}
	return at
}

func (m mappingFault) finding() rule.Finding {
	switch m.kind {
	case fargateOnEC2:
		// EC2 nodes work with it: it only adds what Fargate's kube-proxy may do.
		return rule.Finding{Severity: rule.Warning, Subject: "group of Fargate",
			Message: fmt.Sprintf("%s has the Fargate group %s and the EC2 username %s", named(m.entry), phrase.Quote(awsauth.GroupNodeProxier), m.entry.Username.Value),
			Fix:     "remove the group, and map the Fargate pod execution role in an entry of its own, with username: " + nodes.Fargate.Needs().Username,
			Why:     "EC2 nodes work without the group, and Fargate nodes do not work with this username"}
	case windowsOffEC2:
		return rule.Finding{Subject: "node mapping",
			Message: fmt.Sprintf("%s has the group %s of Windows nodes on EC2, and a username of Fargate and hybrid nodes", named(m.entry), phrase.Quote(awsauth.GroupWindows)),
			Fix:     "write username: " + nodes.Windows.Needs().Username,
			Why:     "one role cannot serve both, since a role has one username template"}
	case groupsMissing:
	}
	f := rule.Finding{Subject: "node mapping", Fix: m.withMissing(),
		Message: lacksGroups(m.entry.ARN.Value, m.missing), Why: "nodes with this role cannot work"}
	if !slices.Contains(m.missing, awsauth.GroupNodes) {
		f.Why = "Amazon EKS asks for it with every node"
	}
	return f
}

// withMissing is what to write instead: without groups that have findings of their own, or that keep nodes off EC2 out.
func (m mappingFault) withMissing() string {
	groups := m.entry.GroupNames()
	if slices.Contains(groups, policy.Masters) { // whether it may stay, its own finding says
		return "add " + phrase.List(m.missing) + " to the groups"
	}
	var fit []string
	for _, g := range groups {
		_, odd := oddGroup(g)
		bars := !m.onEC2 && nodes.Barring([]string{g}) >= 0
		if g != "" && !odd && !bars {
			fit = append(fit, g)
		}
	}
	return "write groups: [" + strings.Join(append(fit, m.missing...), ", ") + "]" + inPlaceOf(groups)
}

// inPlaceOf says that the groups that an entry has are to go: a second groups: line would be another mistake.
func inPlaceOf(groups []string) string {
	if len(groups) == 0 {
		return ""
	}
	return " in place of its groups"
}

// lacksGroups says which groups of a node an entry has not.
func lacksGroups(arn string, missing []string) string {
	return fmt.Sprintf("%s lacks the group%s %s", namedARN(arn), phrase.Plural(len(missing)), phrase.List(missing))
}
