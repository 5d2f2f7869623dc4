package validate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// view is what a fleet might know: 7 EC2 nodes with the role nodes, and all is fresh.
func view(changes ...func(*nodes.View)) *nodes.View {
	fresh := nodes.Knowledge{At: clock.Add(-time.Minute), Expires: clock.Add(time.Minute)}
	v := &nodes.View{NodesKnown: fresh, AccessKnown: fresh, Mode: nodes.ConfigMapMode, Entries: map[string]nodes.AccessEntry{},
		Nodes: map[string][]nodes.Set{roleKey("nodes"): {{Kind: nodes.EC2, Names: []string{"n1", "n2", "n3", "n4", "n5", "n6", "n7"}}}}}
	for _, change := range changes {
		change(v)
	}
	return v
}

func roleKey(name string) string { return "arn:aws:iam::111122223333:role/" + name }

// with puts nodes with a role there, or takes them away.
func with(role string, sets ...nodes.Set) func(*nodes.View) {
	return func(v *nodes.View) { v.Nodes[roleKey(role)] = sets }
}

// accessEntry gives a principal an access entry, which takes a mode that has any.
func accessEntry(role, kind string, groups ...string) func(*nodes.View) {
	return func(v *nodes.View) {
		v.Mode = nodes.BothModes
		v.Entries[roleKey(role)] = nodes.AccessEntry{ARN: roleKey(role), Type: kind, Groups: groups}
	}
}

// recreated makes the role of an access entry younger than the entry, or as young.
func recreated(role string, after time.Duration) func(*nodes.View) {
	return func(v *nodes.View) {
		e := v.Entries[roleKey(role)]
		e.Created = clock.Add(-24 * time.Hour)
		e.PrincipalCreated = e.Created.Add(after).Truncate(time.Second) // IAM tells no fractions
		v.Entries[roleKey(role)] = e
	}
}

func unplaced(kind nodes.Kind, names ...string) func(*nodes.View) {
	return func(v *nodes.View) {
		v.Unplaced = append(v.Unplaced, nodes.Set{Kind: kind, Names: names})
	}
}

// doubtful puts Node objects with a role there, none if it is not known, that may be no nodes.
func doubtful(role string, s nodes.Set) func(*nodes.View) {
	return func(v *nodes.View) {
		if role != "" {
			role = roleKey(role)
		}
		s.Doubt = "never Ready"
		v.Doubtful = map[string][]nodes.Set{role: {s}}
	}
}

// firstSync is a guard that has just started: of the nodes it may know some, of their roles nothing.
func firstSync(v *nodes.View) {
	v.NodesKnown = nodes.Knowledge{}
	for role, sets := range v.Nodes {
		v.Unplaced = append(v.Unplaced, sets...)
		delete(v.Nodes, role)
	}
}

func noAccessYet(v *nodes.View) {
	v.AccessKnown, v.Mode, v.Entries = nodes.Knowledge{}, "", nil
}

func clusterAdmin(role string) func(*nodes.View) {
	return func(v *nodes.View) {
		v.Mode = nodes.BothModes
		v.Entries[roleKey(role)] = nodes.AccessEntry{ARN: roleKey(role), Type: "STANDARD", ClusterAdmin: true}
	}
}

func mode(m nodes.Mode) func(*nodes.View) {
	return func(v *nodes.View) { v.Mode = m }
}

func staleNodes(v *nodes.View) {
	v.NodesKnown = nodes.Knowledge{At: clock.Add(-time.Hour), Expires: clock.Add(-time.Minute), Problem: "AWS answered ec2:DescribeInstances with Throttling"}
}

func accessUnknown(v *nodes.View) {
	v.AccessKnown, v.Mode = nodes.Knowledge{Problem: "the guard lacks eks:DescribeCluster"}, ""
}

func hybridNode(v *nodes.View) {
	v.Unplaced = []nodes.Set{{Kind: nodes.Hybrid, Names: []string{"mi-1"}}}
}

var (
	someNodes    = nodes.Set{Kind: nodes.EC2, Names: []string{"a"}}
	windowsSet   = nodes.Set{Kind: nodes.Windows, Names: []string{"w1", "w2"}}
	fargateSet   = nodes.Set{Kind: nodes.Fargate, Names: []string{"fargate-1"}}
	maybeFargate = nodes.Set{Kind: nodes.Fargate, Names: []string{"fargate-1"}, Maybe: true}
	startingSet  = nodes.Set{Kind: nodes.EC2, Names: []string{"i-1", "i-2"}, Joining: 2}
	downSet      = nodes.Set{Kind: nodes.EC2, Names: []string{"d1", "d2"}, NotReady: 1}
	lostSet      = nodes.Set{Kind: nodes.EC2, Names: []string{"n1", "n2"}, NotReady: 2}
	byIDSet      = nodes.Set{Kind: nodes.EC2, ByInstanceID: true, Names: []string{"i-1"}}
)

var nodesByID = strings.Replace(nodeRole, "EC2PrivateDNSName", "SessionName", 1)

// fleetTransitions are edits in a cluster whose nodes are known, or half known.
var fleetTransitions = map[string]struct {
	fleet *nodes.View
	transition
}{
	// AA503, AA502: what live nodes need must stay.
	"live nodes lose their role":                     {view(), update(nodeRole+otherNodes, otherNodes, deny, "AA503", "7 live EC2 nodes use it: n1, n2, n3, n4, n5 and 2 more")},
	"live nodes lose the last role":                  {view(), update(nodeRole+item(), item(), deny, "AA503", "7 live EC2 nodes use it")},
	"the fix is the entry as it was":                 {view(), update(nodeRole+item(), item(), deny, "AA503", "keep this entry: {rolearn: arn:aws:iam::111122223333:role/nodes")},
	"mapRoles goes":                                  {view(), transition{old: map[string]string{"mapRoles": nodeRole, "mapUsers": alice}, new: usersOnly, want: deny, rule: "AA502", says: "7 live EC2 nodes turn NotReady: n1"}},
	"emptied":                                        {view(), transition{old: map[string]string{"mapRoles": nodeRole}, new: nobody, want: deny, rule: "AA502", says: "no mappings at all"}},
	"deleted":                                        {view(), transition{op: validate.Delete, old: map[string]string{"mapRoles": nodeRole}, want: deny, rule: "AA501", says: "7 live EC2 nodes: n1"}},
	"the role gets a path":                           {view(), update(nodeRole, strings.Replace(nodeRole, "role/nodes", "role/team/nodes", 1), deny, "AA503", "7 live EC2 nodes")},
	"nodes that are starting count":                  {view(with("other-nodes", startingSet)), update(nodeRole+otherNodes, nodeRole, deny, "AA503", "2 live EC2 nodes (2 still starting) use it: i-1, i-2")},
	"nodes that are not ready count":                 {view(with("other-nodes", downSet)), update(nodeRole+otherNodes, nodeRole, deny, "AA503", "2 live EC2 nodes (1 not ready) use it")},
	"one node":                                       {view(with("other-nodes", someNodes)), update(nodeRole+otherNodes, nodeRole, deny, "AA503", "1 live EC2 node uses it: a")},
	"a role with nodes of two kinds":                 {view(with("windows", windowsSet, someNodes)), update(nodeRole+windowsNodes, nodeRole, deny, "AA503", "1 live EC2 and 2 live Windows nodes use it: a, w1, w2")},
	"a role that Fargate nodes may have":             {view(with("fargate", maybeFargate)), update(nodeRole+fargatePE, nodeRole, deny, "AA503", "1 live Fargate node may use it: fargate-1")},
	"a retired role goes":                            {view(), update(nodeRole+otherNodes, nodeRole, clean, "", "")},
	"a retired Fargate role goes":                    {view(), update(nodeRole+fargatePE, nodeRole, clean, "", "")},
	"a retired role becomes something else":          {view(), update(nodeRole+otherNodes, nodeRole+item("- rolearn: arn:aws:iam::111122223333:role/other-nodes"), clean, "", "")},
	"nodes move on: the old role has none":           {view(with("nodes"), with("other-nodes", someNodes)), update(nodeRole, otherNodes, clean, "", "")},
	"nodes move on too early":                        {view(with("other-nodes", someNodes)), update(nodeRole, otherNodes, deny, "AA503", "role/nodes")},
	"the last retired role goes":                     {view(with("nodes")), update(nodeRole+item(), item(), warn, "AA502", "no mapping of a node role")},
	"the last retired role goes, entries for others": {view(with("nodes"), accessEntry("new", "EC2_LINUX")), update(nodeRole+item(), item(), clean, "", "")},
	"nodes that could not sign in anyway":            {view(with("windows", someNodes)), update(nodeRole+item("- rolearn: arn:aws:iam::111122223333:role/windows"), nodeRole, clean, "", "")},
	"an edit elsewhere":                              {view(), update(nodeRole, nodeRole+item(), clean, "", "")},
	"EKS removes the role of a node group":           {view(), update(nodeRole+otherNodes, otherNodes, warn, "AA503", "7 live EC2 nodes").by(authenticationv1.UserInfo{Username: "eks:node-manager"})},

	// Access entries.
	"an access entry covers the nodes":                {view(accessEntry("nodes", "EC2_LINUX")), update(nodeRole+otherNodes, otherNodes, clean, "", "")},
	"an access entry covers the last node role":       {view(accessEntry("nodes", "EC2_LINUX")), update(nodeRole+item(), item(), clean, "", "")},
	"an access entry of another kind decides as well": {view(accessEntry("nodes", "STANDARD"), with("nodes", lostSet)), update(nodeRole+otherNodes, otherNodes, clean, "", "")},
	"access entries cover all: emptied":               {view(accessEntry("nodes", "EC2_LINUX")), transition{old: map[string]string{"mapRoles": nodeRole}, new: nobody, want: warn, rule: "AA502", says: "everybody who was mapped has one"}},
	"access entries cover the nodes, not the people":  {view(accessEntry("nodes", "EC2_LINUX")), transition{old: map[string]string{"mapRoles": nodeRole + item()}, new: nobody, want: deny, rule: "AA502"}},
	"no node lives at the moment: emptied":            {view(with("nodes"), accessEntry("new", "EC2_LINUX")), transition{old: map[string]string{"mapRoles": nodeRole}, new: nobody, want: deny, rule: "AA502"}},
	"access entries cover some: emptied":              {view(accessEntry("nodes", "EC2_LINUX"), with("other-nodes", someNodes)), transition{old: map[string]string{"mapRoles": nodeRole + otherNodes}, new: nobody, want: deny, rule: "AA502"}},
	"an access entry for others":                      {view(accessEntry("other", "EC2_LINUX")), update(nodeRole+otherNodes, otherNodes, deny, "AA503", "")},
	"access entries are not known":                    {view(accessUnknown), update(nodeRole+otherNodes, otherNodes, deny, "AA503", "unless an access entry covers the role (not known: the guard lacks eks:DescribeCluster)")},
	"a shadowed entry is added":                       {view(accessEntry("other-nodes", "EC2_LINUX")), update(nodeRole, nodeRole+otherNodes, warn, "AA508", "an access entry of type EC2_LINUX")},
	"a shadowed entry is changed":                     {view(accessEntry("ci", "STANDARD")), update(nodeRole+item(), nodeRole+item("  groups: [viewers]"), warn, "AA508", "no effect")},
	"a shadowed entry stands, the edit is elsewhere":  {view(accessEntry("ci", "STANDARD")), update(nodeRole+item(), nodeRole+item()+item("- rolearn: arn:aws:iam::111122223333:role/cd"), clean, "", "")},
	"a shadowed entry goes":                           {view(accessEntry("ci", "STANDARD")), update(nodeRole+item(), nodeRole, clean, "", "")},
	"a shadowed node mapping is broken":               {view(accessEntry("nodes", "EC2_LINUX")), update(nodeRole, strings.Replace(nodeRole, "EC2PrivateDNSName", "SessionName", 1), warn, "AA508", "")},

	// Access entries that decide about nobody: EKS keeps the unique id of a role that was deleted and created again since, and
	// nodes that are ready in spite of their entry show that something else lets them in.
	"the role was created again after its entry":      {view(accessEntry("nodes", "EC2_LINUX"), recreated("nodes", time.Hour)), update(nodeRole+otherNodes, otherNodes, deny, "AA503", "the role's access entry does not cover them: it is older than the role")},
	"the fix is to create the entry again, too":       {view(accessEntry("nodes", "EC2_LINUX"), recreated("nodes", time.Hour)), update(nodeRole+otherNodes, otherNodes, deny, "AA503", "or delete the access entry and create it again first")},
	"the role was created one second after its entry": {view(accessEntry("nodes", "EC2_LINUX"), recreated("nodes", time.Second)), update(nodeRole+otherNodes, otherNodes, deny, "AA503", "7 live EC2 nodes")},
	"the entry was created in the second of its role": {view(accessEntry("nodes", "EC2_LINUX"), recreated("nodes", 0), func(v *nodes.View) {
		e := v.Entries[roleKey("nodes")]
		e.Created = e.Created.Add(7 * time.Millisecond)
		v.Entries[roleKey("nodes")] = e
	}), update(nodeRole+otherNodes, otherNodes, clean, "", "")},
	"the entry was created after its role":                   {view(accessEntry("nodes", "EC2_LINUX"), recreated("nodes", -time.Hour)), update(nodeRole+otherNodes, otherNodes, clean, "", "")},
	"created again: the last mapping of nodes goes":          {view(accessEntry("nodes", "EC2_LINUX"), recreated("nodes", time.Hour)), update(nodeRole+item(), item(), deny, "AA503", "7 live EC2 nodes")},
	"created again: the mapping is broken":                   {view(accessEntry("nodes", "EC2_LINUX"), recreated("nodes", time.Hour)), update(nodeRole, strings.Replace(nodeRole, "EC2PrivateDNSName", "SessionName", 1), deny, "AA505", "7 live EC2 nodes")},
	"created again: the mapping is repaired":                 {view(accessEntry("nodes", "EC2_LINUX"), recreated("nodes", time.Hour)), update(strings.Replace(nodeRole, "EC2PrivateDNSName", "SessionName", 1), nodeRole, clean, "", "")},
	"created again: a mapping is added, which has an effect": {view(with("nodes"), accessEntry("other-nodes", "EC2_LINUX"), recreated("other-nodes", time.Hour)), update(nodeRole, nodeRole+otherNodes, warn, "AA408", "")},
	"created again: all goes that entries were to cover":     {view(accessEntry("nodes", "EC2_LINUX"), recreated("nodes", time.Hour)), transition{old: map[string]string{"mapRoles": nodeRole}, new: nobody, want: deny, rule: "AA502", says: "no mappings at all"}},
	"created again: the last admin with an entry":            {view(clusterAdmin("boss"), recreated("boss", time.Hour)), update(nodeRole+admin, nodeRole, warn, "AA507", "no access entry has AmazonEKSClusterAdminPolicy")},
	"created again: I have an entry that is not mine":        {view(clusterAdmin("admin"), recreated("admin", time.Hour)), update(nodeRole+admin, nodeRole, deny, "AA506", "").by(caller("admin", "alice", "admin", "system:masters"))},
	"created again: the entry for hybrid nodes":              {view(hybridNode, accessEntry("hybrid2", "HYBRID_LINUX"), recreated("hybrid2", time.Hour)), update(nodeRole+hybridNodes, nodeRole, deny, "AA503", "1 live hybrid node uses it")},
	"ready nodes with an entry for people":                   {view(accessEntry("nodes", "STANDARD")), update(nodeRole+otherNodes, otherNodes, deny, "AA503", "it is of type STANDARD, and 7 live EC2 nodes with the role are ready: n1")},
	"one ready node with an entry for people":                {view(accessEntry("nodes", "STANDARD"), with("nodes", downSet)), update(nodeRole+otherNodes, otherNodes, deny, "AA503", "2 live EC2 nodes (1 not ready)")},
	"ready nodes with an entry for Fargate":                  {view(accessEntry("nodes", "FARGATE_LINUX")), update(nodeRole+otherNodes, otherNodes, deny, "AA503", "of type FARGATE_LINUX")},
	"ready Fargate nodes with an entry for EC2":              {view(with("fargate", fargateSet), accessEntry("fargate", "EC2_LINUX")), update(nodeRole+fargatePE, nodeRole, deny, "AA503", "1 live Fargate node")},
	"nodes that start with an entry for people":              {view(accessEntry("other-nodes", "STANDARD"), with("other-nodes", startingSet)), update(nodeRole+otherNodes, nodeRole, clean, "", "")},
	"ready Windows nodes with an entry for Linux":            {view(with("windows", windowsSet), accessEntry("windows", "EC2_LINUX")), update(nodeRole+windowsNodes, nodeRole, clean, "", "")},
	"Auto Mode": {view(accessEntry("nodes", "EC2")), update(nodeRole+otherNodes, otherNodes, clean, "", "")},
	"ready nodes named for their instances, session names":  {view(with("nodes", byIDSet), accessEntry("nodes", "HYBRID_LINUX")), update(nodesByID+otherNodes, otherNodes, clean, "", "")},
	"nodes that may have the role of an entry for people":   {view(with("fargate", maybeFargate), accessEntry("fargate", "STANDARD")), update(nodeRole+fargatePE, nodeRole, clean, "", "")},
	"an entry of a type that is not known decides":          {view(accessEntry("nodes", "EC2_MARS")), update(nodeRole+otherNodes, otherNodes, clean, "", "")},
	"an entry of a type that is not known covers no others": {view(hybridNode, accessEntry("hybrid2", "MARS_LINUX")), update(nodeRole+hybridNodes, nodeRole, deny, "AA503", "1 live hybrid node uses it")},
	"an entry of a type that is not known, no mapping left": {view(with("nodes"), accessEntry("new", "MARS_LINUX")), update(nodeRole+item(), item(), warn, "AA502", "no mapping of a node role")},

	// HyperPod nodes and those of other providers. No mapping serves the first; of the others nothing is known.
	"HyperPod nodes, a retired role goes":             {view(unplaced(nodes.HyperPod, "hyperpod-i-1"), accessEntry("hyperpod", "HYPERPOD_LINUX")), update(nodeRole+otherNodes, nodeRole, clean, "", "")},
	"HyperPod nodes alone, the last role goes":        {view(with("nodes"), unplaced(nodes.HyperPod, "hyperpod-i-1"), accessEntry("hyperpod", "HYPERPOD_LINUX")), update(nodeRole+item(), item(), clean, "", "")},
	"HyperPod nodes, a mapping of every kind goes":    {view(with("nodes"), unplaced(nodes.HyperPod, "hyperpod-i-1")), update(nodeRole+otherNodes+windowsNodes+fargatePE+hybridNodes+nodesByID, nodeRole, clean, "", "")},
	"HyperPod nodes, a mapping without a username":    {view(unplaced(nodes.HyperPod, "hyperpod-i-1")), update(nodeRole+"- rolearn: arn:aws:iam::111122223333:role/hyperpod\n  groups: [system:bootstrappers, system:nodes]\n", nodeRole, clean, "", "")},
	"HyperPod nodes and EC2 nodes that lose theirs":   {view(unplaced(nodes.HyperPod, "hyperpod-i-1"), accessEntry("hyperpod", "HYPERPOD_LINUX")), update(nodeRole+otherNodes, otherNodes, deny, "AA503", "7 live EC2 nodes")},
	"HyperPod's entry covers no hybrid node":          {view(hybridNode, accessEntry("hyperpod", "HYPERPOD_LINUX")), update(nodeRole+hybridNodes, nodeRole, deny, "AA503", "1 live hybrid node uses it")},
	"HyperPod's entry covers no EC2 node":             {view(unplaced(nodes.EC2, "a"), with("nodes"), accessEntry("hyperpod", "HYPERPOD_LINUX")), update(nodeRole+item(), item(), deny, "AA503", "1 live EC2 node uses it: a")},
	"another provider's node, an EC2 role goes":       {view(unplaced(nodes.Other, "kwok-1")), update(nodeRole+otherNodes, nodeRole, clean, "", "")},
	"another provider's node, the last EC2 role goes": {view(with("nodes"), unplaced(nodes.Other, "kwok-1")), update(nodeRole+item(), item(), warn, "AA502", "no mapping of a node role")},
	"another provider's node may use a session name":  {view(unplaced(nodes.Other, "kwok-1")), update(nodeRole+hybridNodes, nodeRole, warn, "AA503", "1 live other node may use it: kwok-1")},
	"another provider's node, the only mapping":       {view(with("nodes"), unplaced(nodes.Other, "kwok-1")), update(hybridNodes+item(), item(), warn, "AA503", "1 live other node may use it: kwok-1")},

	// Node objects that may be no nodes: they warn, and deny nothing.
	"a doubtful node's role goes":             {view(doubtful("other-nodes", someNodes)), update(nodeRole+otherNodes, nodeRole, warn, "AA503", "and nothing but its Node object shows that nodes of this cluster use it: never Ready")},
	"a doubtful node's role, the last":        {view(with("nodes"), doubtful("nodes", someNodes)), update(nodeRole+item(), item(), warn, "AA503", "1 live EC2 node may use it: a")},
	"a doubtful node beside others":           {view(doubtful("nodes", someNodes)), update(nodeRole+otherNodes, otherNodes, deny, "AA503", "7 live EC2 nodes use it: n1")},
	"a doubtful node of any role":             {view(with("nodes"), doubtful("", windowsSet)), update(nodeRole+windowsNodes, nodeRole, warn, "AA503", "2 live Windows nodes may use it")},
	"a doubtful hybrid node":                  {view(doubtful("", nodes.Set{Kind: nodes.Hybrid, Names: []string{"mi-1"}})), update(nodeRole+hybridNodes, nodeRole, warn, "AA503", "mi-1")},
	"a doubtful hybrid node, an EC2 role":     {view(doubtful("", nodes.Set{Kind: nodes.Hybrid, Names: []string{"mi-1"}})), update(nodeRole+otherNodes, nodeRole, clean, "", "")},
	"a doubtful node's mapping is broken":     {view(doubtful("windows", windowsSet)), update(nodeRole+windowsNodes, nodeRole+strings.Replace(windowsNodes, ", eks:kube-proxy-windows", "", 1), warn, "AA505", "never Ready")},
	"a doubtful node's useless mapping":       {view(doubtful("other-nodes", windowsSet)), update(nodeRole, nodeRole+otherNodes, warn, "AA505", "2 live Windows nodes may use this role and cannot sign in by this mapping: w1, w2, and nothing but")},
	"a doubtful node and an entry for people": {view(with("other-nodes"), doubtful("other-nodes", someNodes), accessEntry("other-nodes", "STANDARD")), update(nodeRole+otherNodes, nodeRole, warn, "AA503", "1 live EC2 node may use it")},
	"a doubtful node, covered":                {view(doubtful("other-nodes", someNodes), accessEntry("other-nodes", "EC2_LINUX")), update(nodeRole+otherNodes, nodeRole, clean, "", "")},

	// Nodes that are ready although, for all that is known, they could not be: what is known is wrong.
	"ready by a mapping for another kind":     {view(with("other-nodes", windowsSet)), update(nodeRole+otherNodes, nodeRole, warn, "AA503", "2 live Windows nodes use it: w1, w2, and they are ready, although")},
	"ready by a mapping that is changed":      {view(with("other-nodes", windowsSet)), update(nodeRole+otherNodes, nodeRole+item("- rolearn: arn:aws:iam::111122223333:role/other-nodes"), warn, "AA505", "")},
	"not ready by a mapping for another kind": {view(with("other-nodes", nodes.Set{Kind: nodes.Windows, Names: []string{"w1"}, NotReady: 1})), update(nodeRole+otherNodes, nodeRole, clean, "", "")},
	"ready by an access entry":                {view(with("other-nodes", windowsSet), accessEntry("other-nodes", "EC2_WINDOWS")), update(nodeRole+otherNodes, nodeRole, clean, "", "")},

	// Mode API.
	"mode API: any edit":            {view(mode(nodes.APIMode)), update(nodeRole, nodeRole+item(), warn, "AA508", "authentication mode is API")},
	"mode API: nodes go":            {view(mode(nodes.APIMode)), update(nodeRole+item(), item(), warn, "AA508", "")},
	"mode API: emptied":             {view(mode(nodes.APIMode)), transition{old: map[string]string{"mapRoles": nodeRole}, new: nobody, want: warn, rule: "AA508"}},
	"mode API: deleted":             {view(mode(nodes.APIMode)), transition{op: validate.Delete, old: map[string]string{"mapRoles": nodeRole}, want: warn, rule: "AA508"}},
	"mode API, heard long ago":      {view(mode(nodes.APIMode), func(v *nodes.View) { v.AccessKnown.Expires = clock.Add(-time.Hour) }), update(nodeRole+item(), item(), warn, "AA508", "")},
	"mode API: nothing changed":     {view(mode(nodes.APIMode)), update(nodeRole, nodeRole, clean, "", "")},
	"mode API: a grant stays one":   {view(mode(nodes.APIMode)), update(nodeRole, nodeRole+admin, deny, "AA401", "")},
	"mode API: I remove myself":     {view(mode(nodes.APIMode)), update(nodeRole+admin, nodeRole, warn, "AA508", "").by(caller("admin", "alice", "admin", "system:masters"))},
	"both modes: I have an entry":   {view(clusterAdmin("admin")), update(nodeRole+admin, nodeRole, clean, "", "").by(caller("admin", "alice", "admin", "system:masters"))},
	"config map mode: I have none":  {view(), update(nodeRole+admin, nodeRole, deny, "AA506", "").by(caller("admin", "alice", "admin", "system:masters"))},
	"both modes: another has entry": {view(clusterAdmin("boss")), update(nodeRole+admin, nodeRole, deny, "AA506", "").by(caller("admin", "alice", "admin", "system:masters"))},

	// AA505: the kind of node is known.
	"Windows nodes live, a Linux mapping is added":     {view(with("windows", windowsSet)), update(nodeRole, nodeRole+strings.Replace(windowsNodes, ", eks:kube-proxy-windows", "", 1), deny, "AA505", "2 live Windows nodes use this role and cannot sign in by this mapping: w1, w2")},
	"Windows nodes live, the right mapping is added":   {view(with("windows", windowsSet)), update(nodeRole, nodeRole+windowsNodes, clean, "", "")},
	"no Windows nodes live, the group goes":            {view(), update(nodeRole+windowsNodes, nodeRole+strings.Replace(windowsNodes, ", eks:kube-proxy-windows", "", 1), clean, "", "")},
	"Windows nodes live, the group goes":               {view(with("windows", windowsSet)), update(nodeRole+windowsNodes, nodeRole+strings.Replace(windowsNodes, ", eks:kube-proxy-windows", "", 1), deny, "AA505", "eks:kube-proxy-windows")},
	"Fargate nodes live, an EC2 mapping is added":      {view(with("other-nodes", fargateSet)), update(nodeRole, nodeRole+otherNodes, deny, "AA505", "1 live Fargate node uses this role")},
	"EC2 nodes live, Fargate's template comes":         {view(), update(nodeRole, strings.Replace(nodeRole, "EC2PrivateDNSName", "SessionName", 1), deny, "AA505", "{{EC2PrivateDNSName}}")},
	"one role for EC2 and Fargate is mapped for EC2":   {view(with("other-nodes", someNodes, fargateSet)), update(nodeRole, nodeRole+otherNodes, warn, "AA505", "give the Fargate nodes a role of their own")},
	"one role for EC2 and Fargate changes sides":       {view(with("nodes", someNodes, fargateSet)), update(nodeRole, strings.NewReplacer("EC2PrivateDNSName", "SessionName", "  - system:nodes\n", "  - system:nodes\n  - system:node-proxier\n").Replace(nodeRole), deny, "AA505", "1 live EC2 node")},
	"one role for Linux and Windows, mapped for both":  {view(with("windows", someNodes, windowsSet)), update(nodeRole, nodeRole+windowsNodes, clean, "", "")},
	"one role for two kinds was there before":          {view(with("nodes", someNodes, fargateSet)), update(nodeRole, nodeRole+item(), warn, "AA505", "")},
	"nodes named for their instances":                  {view(with("nodes", byIDSet)), update(nodesByID, nodesByID+item(), clean, "", "")},
	"nodes named for their instances lose it":          {view(with("nodes", byIDSet)), update(nodesByID, nodeRole, deny, "AA505", "{{SessionName}}")},
	"half a mapping costs live nodes":                  {view(), update(nodeRole, strings.Replace(nodeRole, "  - system:nodes\n", "", 1), deny, "AA505", "7 live EC2 nodes cannot sign in with it: n1")},
	"the other half costs none":                        {view(), update(nodeRole, strings.Replace(nodeRole, "  - system:bootstrappers\n", "", 1), deny, "AA505", "Amazon EKS asks for it")},
	"half a mapping, by which nodes work, goes":        {view(), update(strings.Replace(nodeRole, "  - system:bootstrappers\n", "", 1)+item(), item(), deny, "AA503", "7 live EC2 nodes")},
	"half a mapping of a retired role is wrong anyway": {view(), update(nodeRole+otherNodes, nodeRole+strings.Replace(otherNodes, "system:bootstrappers, ", "", 1), deny, "AA505", "")},
	"a role for people that nodes use":                 {view(with("ci", someNodes)), update(nodeRole, nodeRole+item(), deny, "AA505", "1 live EC2 node uses this role")},

	// Hybrid nodes: nothing leads to their role.
	"the only hybrid mapping goes":       {view(hybridNode), update(nodeRole+hybridNodes, nodeRole, deny, "AA503", "1 live hybrid node uses it: mi-1")},
	"both hybrid mappings go":            {view(hybridNode), update(nodeRole+hybridNodes+strings.Replace(hybridNodes, "role/hybrid", "role/hybrid2", 1), nodeRole, deny, "AA503", "1 live hybrid node may use it: mi-1")},
	"one of two hybrid mappings goes":    {view(hybridNode), update(nodeRole+hybridNodes+strings.Replace(hybridNodes, "role/hybrid", "role/hybrid2", 1), nodeRole+hybridNodes, warn, "AA503", "may use it")},
	"hybrid nodes have an access entry":  {view(hybridNode, accessEntry("hybrid2", "HYBRID_LINUX")), update(nodeRole+hybridNodes, nodeRole, warn, "AA503", "may use it")},
	"no hybrid nodes":                    {view(), update(nodeRole+hybridNodes, nodeRole, clean, "", "")},
	"hybrid nodes and another's mapping": {view(hybridNode), update(nodeRole+hybridNodes+otherNodes, nodeRole+hybridNodes, clean, "", "")},

	// Degrees of knowing.
	"nothing is known yet: one of two goes":   {&nodes.View{}, update(nodeRole+otherNodes, nodeRole, deny, "AA503", "the guard has just started and does not know the running nodes yet")},
	"nothing is known yet: the last goes":     {&nodes.View{}, update(nodeRole+item(), item(), deny, "AA503", "try again in a few seconds")},
	"nothing is known yet: a kind is broken":  {&nodes.View{}, update(nodeRole+windowsNodes, nodeRole+strings.Replace(windowsNodes, ", eks:kube-proxy-windows", "", 1), deny, "AA505", "try again in a few seconds")},
	"nothing is known yet: an edit of others": {&nodes.View{}, update(nodeRole, nodeRole+item(), clean, "", "")},
	"nothing is known yet: a node role comes": {&nodes.View{}, update(nodeRole, nodeRole+otherNodes, warn, "AA408", "")},
	"nothing is known yet: EKS takes one":     {&nodes.View{}, update(nodeRole+otherNodes, nodeRole, warn, "AA503", "").by(authenticationv1.UserInfo{Username: "eks:node-manager"})},
	"nothing is known yet: break-glass":       {&nodes.View{}, update(nodeRole+otherNodes, nodeRole, warn, "AA503", "just started").by(authenticationv1.UserInfo{Username: "bob", Groups: []string{"break-glass"}}).with("breakGlass: {groups: [break-glass]}")},
	"the first sync failed: one of two goes":  {&nodes.View{NodesKnown: nodes.Knowledge{Problem: "role guard lacks ec2:DescribeInstances"}}, update(nodeRole+otherNodes, nodeRole, warn, "AA503", "the guard does not know the live nodes (not known: role guard lacks ec2:DescribeInstances)")},
	"the first sync failed: the last goes":    {&nodes.View{NodesKnown: nodes.Knowledge{Problem: "role guard lacks ec2:DescribeInstances"}}, update(nodeRole+item(), item(), deny, "AA503", "lacks ec2:DescribeInstances")},
	"stale: a role without known nodes goes":  {view(staleNodes), update(nodeRole+otherNodes, nodeRole, warn, "AA503", "last known at 11:00 UTC on 2026-11-24: AWS answered ec2:DescribeInstances with Throttling")},
	"stale: a role with nodes goes":           {view(staleNodes), update(nodeRole+otherNodes, otherNodes, deny, "AA503", "7 live EC2 nodes")},
	"stale: the last goes":                    {view(staleNodes, with("nodes")), update(nodeRole+item(), item(), deny, "AA503", "")},
	"stale: the kind is broken":               {view(staleNodes, with("nodes")), update(nodeRole, strings.Replace(nodeRole, "EC2PrivateDNSName", "SessionName", 1), deny, "AA505", "")},
	"a node that is not placed yet": {view(func(v *nodes.View) { v.Unplaced = []nodes.Set{someNodes} }),
		update(nodeRole+otherNodes, nodeRole, warn, "AA503", "1 live EC2 node may use it: a")},

	// AA507: admins elsewhere.
	"the last admin goes, one has an access entry":  {view(clusterAdmin("boss")), update(nodeRole+admin, nodeRole, clean, "", "")},
	"the last admin goes, one by group":             {view(accessEntry("boss", "STANDARD", "admins")), update(nodeRole+admin, nodeRole, clean, "", "").with("privileged: {groups: [admins]}")},
	"the last admin goes, no entry makes an admin":  {view(accessEntry("viewers", "STANDARD", "viewers")), update(nodeRole+admin, nodeRole, warn, "AA507", "no access entry has AmazonEKSClusterAdminPolicy")},
	"the last admin goes, entries are not known":    {view(accessUnknown), update(nodeRole+admin, nodeRole, warn, "AA507", "make sure that an access entry is there")},
	"an admin goes that an access entry shadows":    {view(accessEntry("admin", "STANDARD")), update(nodeRole+admin, nodeRole, clean, "", "")},
	"created without nodes, which have entries":     {view(accessEntry("nodes", "EC2_LINUX")), transition{op: validate.Create, new: usersOnly, want: clean}},
	"created without nodes, and no entries":         {view(), transition{op: validate.Create, new: usersOnly, want: warn, rule: "AA502"}},
	"created with a mapping that is of no use":      {view(with("nodes", windowsSet)), transition{op: validate.Create, new: map[string]string{"mapRoles": nodeRole}, want: deny, rule: "AA505"}},
	"created without a role of live nodes":          {view(with("other-nodes", someNodes)), transition{op: validate.Create, new: map[string]string{"mapRoles": nodeRole}, want: warn, rule: "AA503", says: "role/other-nodes\" is not mapped, and 1 live EC2 node uses it: a"}},
	"created for users alone, live nodes":           {view(), transition{op: validate.Create, new: usersOnly, want: warn, rule: "AA503", says: "add this entry: {rolearn: arn:aws:iam::111122223333:role/nodes, username: \"system:node:{{EC2PrivateDNSName}}\", groups: [system:bootstrappers, system:nodes]}"}},
	"created with the roles of all live nodes":      {view(with("other-nodes", someNodes)), transition{op: validate.Create, new: map[string]string{"mapRoles": nodeRole + otherNodes}, want: clean}},
	"created with the roles, but for a covered one": {view(with("other-nodes", someNodes), accessEntry("other-nodes", "EC2_LINUX")), transition{op: validate.Create, new: map[string]string{"mapRoles": nodeRole}, want: clean}},
	"created without the role of a doubtful node":   {view(doubtful("other-nodes", someNodes)), transition{op: validate.Create, new: map[string]string{"mapRoles": nodeRole}, want: clean}},
	"created in mode API without a role":            {view(mode(nodes.APIMode), with("other-nodes", someNodes)), transition{op: validate.Create, new: map[string]string{"mapRoles": nodeRole}, want: warn, rule: "AA508"}},
	"created empty, live nodes":                     {view(), transition{op: validate.Create, new: nobody, want: deny, rule: "AA502"}},
	"created with what an access entry decides":     {view(accessEntry("nodes", "EC2_LINUX")), transition{op: validate.Create, new: map[string]string{"mapRoles": nodeRole}, want: warn, rule: "AA508"}},
	"a broken value costs everybody: told once":     {view(), update(nodeRole, nodeRole+"\t- x\n", deny, "AA101", "")},
	"the policy makes the loss of nodes a warning":  {view(), update(nodeRole+otherNodes, otherNodes, warn, "AA503", "").with("rules: {AA503: warn}")},
	"a waiver lets one role go":                     {view(), update(nodeRole+otherNodes, otherNodes, warn, "AA503", "blue-green").with("waivers: [{rule: AA503, subject: " + roleKey("nodes") + ", reason: blue-green}]")},
	"break-glass is told what it costs":             {view(), update(nodeRole+item(), item(), warn, "AA503", "7 live EC2 nodes").by(authenticationv1.UserInfo{Username: "bob", Groups: []string{"break-glass"}}).with("breakGlass: {groups: [break-glass]}")},
	"an entry moves from mapRoles to mapUsers":      {view(), transition{old: map[string]string{"mapRoles": nodeRole + item()}, new: map[string]string{"mapRoles": item(), "mapUsers": strings.Replace(nodeRole, "rolearn", "userarn", 1)}, want: warn, rule: "AA202"}},
	"a role in another letter case is the same one": {view(), update(nodeRole+otherNodes, strings.Replace(nodeRole, "role/nodes", "role/NODES", 1)+otherNodes, clean, "", "")},
}

// fleetHead is a fleet in a golden case. What it does not say is known and fresh, and there is none of it.
type fleetHead struct {
	Mode     nodes.Mode  `yaml:"mode"`
	Nodes    []setHead   `yaml:"nodes"`
	Entries  []entryHead `yaml:"entries"`
	Unknown  string      `yaml:"unknown"`       // why the nodes are not known
	NoAccess string      `yaml:"accessUnknown"` // why the access entries are not known
	Starting bool        `yaml:"starting"`      // neither is known yet
}

type setHead struct {
	Role     string     `yaml:"role"` // name; none: not known
	Kind     nodes.Kind `yaml:"kind"`
	Names    []string   `yaml:"names"`
	ByID     bool       `yaml:"byInstanceID"`
	Maybe    bool       `yaml:"maybe"`
	Starting int        `yaml:"starting"`
	NotReady int        `yaml:"notReady"`
}

type entryHead struct {
	ARN          string   `yaml:"arn"`
	Type         string   `yaml:"type"`
	Groups       []string `yaml:"groups"`
	ClusterAdmin bool     `yaml:"clusterAdmin"`
	// Created is when the entry was created, PrincipalCreated when its role was.
	Created          time.Time `yaml:"created"`
	PrincipalCreated time.Time `yaml:"principalCreated"`
}

func (h *fleetHead) view() *nodes.View {
	v := view(func(v *nodes.View) { v.Nodes = map[string][]nodes.Set{} })
	if h.Mode != "" {
		v.Mode = h.Mode
	}
	for _, n := range h.Nodes {
		set := nodes.Set{Kind: n.Kind, Names: n.Names, ByInstanceID: n.ByID, Maybe: n.Maybe, Joining: n.Starting, NotReady: n.NotReady}
		if n.Role == "" {
			v.Unplaced = append(v.Unplaced, set)
		} else {
			v.Nodes[roleKey(n.Role)] = append(v.Nodes[roleKey(n.Role)], set)
		}
	}
	for _, e := range h.Entries {
		v.Entries[awsauth.Subject(e.ARN)] = nodes.AccessEntry{ARN: e.ARN, Type: e.Type, Groups: e.Groups, ClusterAdmin: e.ClusterAdmin, Created: e.Created, PrincipalCreated: e.PrincipalCreated}
	}
	if h.Unknown != "" {
		v.NodesKnown = nodes.Knowledge{Problem: h.Unknown}
	}
	if h.Starting {
		v.NodesKnown, v.AccessKnown = nodes.Knowledge{}, nodes.Knowledge{}
	}
	if h.NoAccess != "" {
		v.AccessKnown = nodes.Knowledge{Problem: h.NoAccess}
	}
	return v
}

type fleetPort struct{ view *nodes.View }

func (f fleetPort) View() *nodes.View { return f.view }

func TestFleetTransitions(t *testing.T) {
	for name, tr := range fleetTransitions {
		t.Run(name, func(t *testing.T) { tr.check(t, validate.WithPorts(validate.Ports{Fleet: fleetPort{tr.fleet}})) })
	}
}

// TestStartUp takes a node role away in every state that a guard goes through after its start. While the nodes are not known
// and nothing has failed, that is an error, unless an access entry for nodes is known to cover the role; a role that is known
// to have nodes is always one.
func TestStartUp(t *testing.T) {
	failed := func(v *nodes.View) { firstSync(v); v.NodesKnown.Problem = "AWS did not answer" }
	known := func(*nodes.View) {}
	for name, nodesState := range map[string]func(*nodes.View){"no view": nil, "nothing": firstSync, "failed": failed, "known": known} {
		for entry, accessState := range map[string]func(*nodes.View){"not known": noAccessYet, "none": known, "EC2_LINUX": accessEntry("other-nodes", "EC2_LINUX"),
			"created again": func(v *nodes.View) {
				accessEntry("other-nodes", "EC2_LINUX")(v)
				recreated("other-nodes", time.Hour)(v)
			}, "STANDARD": accessEntry("other-nodes", "STANDARD")} {
			for loss, updated := range map[string]string{"gone": nodeRole, "for people": nodeRole + item("- rolearn: arn:aws:iam::111122223333:role/other-nodes")} {
				for _, running := range []bool{false, true} {
					t.Run(fmt.Sprintf("nodes %s, access %s, %s, running %v", name, entry, loss, running), func(t *testing.T) {
						port := fleetPort{}
						if nodesState != nil {
							use := with("other-nodes")
							if running {
								use = with("other-nodes", nodes.Set{Kind: nodes.EC2, Names: []string{"o1"}})
							}
							port.view = view(use, accessState, nodesState)
						}
						v, err := validate.New(policy.Default(), validate.WithPorts(validate.Ports{Fleet: port}), validate.WithClock(func() time.Time { return clock }))
						if err != nil {
							t.Fatal(err)
						}
						report := v.Validate(context.Background(), validate.Request{Operation: validate.Update,
							Old: aconfigmap(map[string]string{awsauth.MapRoles: nodeRole + otherNodes}), New: aconfigmap(map[string]string{awsauth.MapRoles: updated})})
						covered := entry == "EC2_LINUX" && nodesState != nil
						starting := name == "no view" || name == "nothing"
						var want bool // refused
						switch {
						case covered:
						case starting:
							want = true
						case name == "known":
							want = running // ready, so an entry for people does not decide
						case loss == "for people":
							want = true // as ever: what the mapping was is known
						}
						if name == "failed" && entry == "STANDARD" {
							want = false // the entry decides, for all that is known
						}
						if report.Allowed == want {
							t.Errorf("allowed %v, want %v", report.Allowed, !want)
						}
						told := slices.ContainsFunc(report.Findings, func(f validate.Finding) bool {
							return strings.Contains(f.Why, "the guard has just started") && strings.Contains(f.Fix, "try again in a few seconds")
						})
						if starting && want && !told {
							t.Errorf("not a word about the start: %+v", report.Findings)
						}
						if !starting && told {
							t.Error("it has not just started")
						}
						if t.Failed() {
							for _, f := range report.Findings {
								t.Logf("%s %s", f.Severity, f.Sentence())
							}
						}
					})
				}
			}
		}
	}
}

// TestLost holds that a report says which nodes an edit costs, for the metric and the event, whatever the findings are.
func TestLost(t *testing.T) {
	eks := authenticationv1.UserInfo{Username: "eks:node-manager"}
	for name, tt := range map[string]struct {
		fleet    *nodes.View
		op       validate.Operation
		old, new string
		lost     int
	}{
		"the role goes":                     {view(), validate.Update, nodeRole + otherNodes, otherNodes, 7},
		"the value cannot be read any more": {view(), validate.Update, nodeRole, nodeRole + "\t- x\n", 7},
		"deleted":                           {view(), validate.Delete, nodeRole, "", 7},
		"emptied":                           {view(), validate.Update, nodeRole, "[]", 7},
		"stale":                             {view(staleNodes), validate.Update, nodeRole + otherNodes, otherNodes, 7},
		"an access entry covers them":       {view(accessEntry("nodes", "EC2_LINUX")), validate.Update, nodeRole + otherNodes, otherNodes, 0},
		"mode API":                          {view(mode(nodes.APIMode)), validate.Delete, nodeRole, "", 0},
		"they could not sign in before":     {view(), validate.Update, "- x\n" + nodeRole + "\t- x\n", otherNodes, 0},
		"a retired role goes":               {view(), validate.Update, nodeRole + otherNodes, nodeRole, 0},
		"repaired":                          {view(), validate.Update, nodeRole + "\t- x\n", nodeRole, 0},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := validate.New(policy.Default(), validate.WithPorts(validate.Ports{Fleet: fleetPort{tt.fleet}}), validate.WithClock(func() time.Time { return clock }))
			if err != nil {
				t.Fatal(err)
			}
			req := validate.Request{Operation: tt.op, User: eks, Old: aconfigmap(map[string]string{awsauth.MapRoles: tt.old})}
			if tt.op != validate.Delete {
				req.New = aconfigmap(map[string]string{awsauth.MapRoles: tt.new})
			}
			if report := v.Validate(context.Background(), req); len(report.Lost) != tt.lost || !report.Allowed {
				t.Errorf("lost %q, allowed %v: want %d, and EKS let through", report.Lost, report.Allowed, tt.lost)
			}
		})
	}
}

// TestManyLosses takes thousands of node roles away at once, each of which any of 10,000 nodes may have. Naming all of these
// nodes for each role would take minutes, and not maxCPU at most.
func TestManyLosses(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a dozen seconds under the race detector")
	}
	var old, updated strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&old, "- rolearn: %s\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n", roleKey(fmt.Sprint("nodes", i)))
		fmt.Fprintf(&updated, "- rolearn: %s\n  username: people\n  groups: [deployers]\n", roleKey(fmt.Sprint("people", i)))
	}
	var unplaced []string
	for i := range 10_000 {
		unplaced = append(unplaced, fmt.Sprintf("ip-10-0-%d-%d.us-west-2.compute.internal", i/250, i%250))
	}
	slices.Sort(unplaced)
	port := fleetPort{view(func(v *nodes.View) {
		v.Unplaced = []nodes.Set{{Kind: nodes.EC2, Names: unplaced}}
	})}
	v, err := validate.New(policy.Default(), validate.WithPorts(validate.Ports{Fleet: port}), validate.WithClock(func() time.Time { return clock }))
	if err != nil {
		t.Fatal(err)
	}
	started := cpuTime(t)
	report := v.Validate(context.Background(), validate.Request{Operation: validate.Update, Old: aconfigmap(map[string]string{awsauth.MapRoles: old.String()}),
		New: aconfigmap(map[string]string{awsauth.MapRoles: updated.String()})})
	took := cpuTime(t) - started
	t.Logf("%v of CPU time", took)
	if report.Allowed || !strings.Contains(report.Findings[0].Message, "10000 live EC2 nodes may use it: ip-10-0-0-0.us-west-2.compute.internal") || took > maxCPU {
		t.Errorf("after %v of CPU time: allowed %v, %q", took, report.Allowed, report.Findings[0].Message)
	}
}
