package validate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// NodeKind is a kind of node. Each signs in under another username or with other groups (Amazon EKS user guide, node,
// Windows, Fargate and hybrid nodes roles).
type NodeKind string

// The kinds of node; EC2Node is one with Linux, OtherNode one whose provider id the guard does not know.
const (
	EC2Node      NodeKind = "EC2"
	WindowsNode  NodeKind = "Windows"
	FargateNode  NodeKind = "Fargate"
	HybridNode   NodeKind = "hybrid"
	HyperPodNode NodeKind = "HyperPod"
	OtherNode    NodeKind = "other"
)

// mapped reports that nodes of a kind can authenticate by aws-auth. Those of SageMaker HyperPod run in an account of
// SageMaker's and authenticate by an access entry alone: HyperPod takes no cluster in mode CONFIG_MAP (Amazon SageMaker
// developer guide, "Amazon EKS cluster authentication mode").
func (k NodeKind) mapped() bool { return k != HyperPodNode }

// NodeSet are live nodes that need the same mapping.
type NodeSet struct {
	Kind NodeKind
	// ByInstanceID says that the nodes are named for their EC2 instance, not for its private DNS name: then the session
	// name is their name (nodeadm, feature gate InstanceIdNodeName).
	ByInstanceID bool
	// Maybe says that the role is one of several that these nodes may have: nothing tells which Fargate profile a node
	// belongs to.
	Maybe bool
	// Names are the nodes, sorted; an instance that has not joined yet goes by its instance id.
	Names []string
	// NotReady and Joining count those among them that are not ready, and that have not joined yet.
	NotReady, Joining int
	// Unproven counts those that nothing but their Node object shows to be nodes of this cluster: no evidence that nodes use the role.
	Unproven int
	// Doubt says what speaks against a set of FleetView.Doubtful.
	Doubt string
}

// AuthenticationMode says what EKS looks at when a principal signs in. Modes change in the order of the constants, never
// back (Amazon EKS user guide, "Change authentication mode to use access entries").
type AuthenticationMode string

// The modes, as eks:DescribeCluster spells them. The zero value: not known.
const (
	ConfigMapMode AuthenticationMode = "CONFIG_MAP"
	BothModes     AuthenticationMode = "API_AND_CONFIG_MAP" // an access entry wins over aws-auth
	APIMode       AuthenticationMode = "API"                // aws-auth is ignored
)

// AccessEntry is how EKS lets a principal in without aws-auth.
type AccessEntry struct {
	ARN  string // the principal, as the entry has it
	Type string // STANDARD, EC2_LINUX, ..., see entryTypes; "" if it could not be read
	// Groups are the Kubernetes groups; ClusterAdmin says that the entry has AmazonEKSClusterAdminPolicy.
	Groups       []string
	ClusterAdmin bool
	// Created is when the entry was created, PrincipalCreated when the role or user was that has the principal's name now.
	// Zero: not known.
	Created, PrincipalCreated time.Time
}

// outlived reports that the entry is older than its principal. EKS keeps the principal's unique id with an entry, so a role
// or user that was deleted and created again under the same name is not covered by it, and EKS goes on to aws-auth
// (aws/containers-roadmap#2441; aws-iam-authenticator pkg/mapper/dynamicfile, userIDStrict). EKS tells milliseconds and
// IAM seconds, so an entry of the same second counts as the younger.
func (e AccessEntry) outlived() bool {
	return !e.Created.IsZero() && !e.PrincipalCreated.IsZero() && e.Created.Truncate(time.Second).Before(e.PrincipalCreated.Truncate(time.Second))
}

// ofNodes reports that nodes sign in by the entry, as far as its type is known.
func (e AccessEntry) ofNodes() bool { return len(entryTypes[e.Type].covers) > 0 }

// covers reports that nodes of a kind sign in by the entry. A type that is not known is never taken for one that covers them.
func (e AccessEntry) covers(kind NodeKind) bool {
	return slices.Contains(entryTypes[e.Type].covers, kind)
}

// excludes reports that no node of the set can be ready by the entry, if the entry decides. A missing group does not keep a
// node from being ready, another username does.
func (e AccessEntry) excludes(s NodeSet) bool {
	t, known := entryTypes[e.Type]
	switch {
	case !known || s.Maybe:
		return false
	case len(t.covers) == 0:
		return true
	case t.onEC2:
		return !s.Kind.onEC2()
	}
	return s.Kind.onEC2() && !s.ByInstanceID // the session name is another than the node's
}

// Knowledge says how much something that is asked for in the background is worth.
type Knowledge struct {
	At      time.Time // when all of it was last known; zero: never
	Expires time.Time // when that is too old to rely on
	Problem string    // what is in the way now: one line, lower case; "" if nothing is, or nothing was tried yet
}

func (k Knowledge) good(now time.Time) bool { return !k.At.IsZero() && now.Before(k.Expires) }

// Trouble is Doubt, or else what could not be found out of late.
func (k Knowledge) Trouble(now time.Time) string { return cmp.Or(k.Doubt(now), k.Problem) }

// Doubt says in a few words why it cannot be relied on; "" if it can.
func (k Knowledge) Doubt(now time.Time) string {
	var s string
	switch {
	case k.good(now):
		return ""
	case k.At.IsZero() && k.Problem == "":
		return "not known yet"
	case k.At.IsZero():
		s = "not known"
	default:
		s = "last known at " + k.At.UTC().Format("15:04 UTC on "+time.DateOnly)
	}
	if k.Problem != "" {
		s += ": " + k.Problem
	}
	return s
}

// FleetView is what is known of the live nodes and of the access entries at one moment. It is never changed once it was
// made. A nil view knows nothing.
type FleetView struct {
	// Nodes are the live nodes by the role that they sign in with: the awsauth.Subject of its ARN, so without its path.
	Nodes map[string][]NodeSet
	// RoleARNs are those roles as IAM or EKS names them, with their paths.
	RoleARNs map[string]string
	// Unplaced are live nodes whose role is not known: hybrid and HyperPod nodes, those of other providers, and those that
	// nothing was found out about yet.
	Unplaced []NodeSet
	// Doubtful are Node objects that something speaks against, by the role that they would sign in with; "" if that is not known. Whoever may
	// create nodes can make them, so they deny nothing and prove nothing; but they may be nodes, so a loss is not silent.
	Doubtful map[string][]NodeSet
	// NodesKnown says whether there are no others.
	NodesKnown Knowledge
	// Assigned are the roles that EKS gives the nodes of managed node groups and Fargate profiles, by the awsauth.Subject of
	// their ARN, with the kinds of those nodes. There need be no node yet. What is not there is not known.
	Assigned map[string][]NodeKind

	Mode AuthenticationMode
	// Entries are the access entries, by the awsauth.Subject of their principal.
	Entries map[string]AccessEntry
	// AccessKnown is about Mode and Entries.
	AccessKnown Knowledge
}

// ignored reports that EKS does not look at aws-auth at all. There is no way back from that mode, so it does not matter
// how long ago that was heard.
func (v *FleetView) ignored() bool { return v != nil && v.Mode == APIMode }

// starting reports that the guard has just started and has not yet looked for the live nodes to the end, well or not.
// Then nothing is known, which is not the same as that there is nothing.
func (v *FleetView) starting() bool {
	return v != nil && v.NodesKnown.At.IsZero() && v.NodesKnown.Problem == ""
}

// shadow is the access entry that EKS takes in the place of whatever aws-auth says of a principal.
func (v *FleetView) shadow(subject string, now time.Time) (AccessEntry, bool) {
	e, ok := v.entry(subject, now)
	if !ok || v.inert(subject, e) {
		return AccessEntry{}, false
	}
	return e, true
}

// entry is the access entry of a principal, whether it decides or not.
func (v *FleetView) entry(subject string, now time.Time) (AccessEntry, bool) {
	if v == nil || v.Mode != BothModes && v.Mode != APIMode || !v.AccessKnown.good(now) {
		return AccessEntry{}, false
	}
	e, ok := v.Entries[subject]
	return e, ok
}

// inert reports that an access entry decides about nobody: it is older than its principal, or nodes with the role are ready that
// could not be if it decided.
func (v *FleetView) inert(subject string, e AccessEntry) bool {
	return e.outlived() || len(v.despite(subject, e)) > 0
}

// despite are the nodes that are ready although the access entry of their role is none by which they could be.
func (v *FleetView) despite(subject string, e AccessEntry) []NodeSet {
	return setsBy(v.Nodes[subject], func(s NodeSet) bool { return s.ready() > 0 && e.excludes(s) })
}

// WhyInert says why an access entry decides about nobody; "" if nothing shows that.
func (v *FleetView) WhyInert(e AccessEntry) string {
	if e.outlived() {
		kind := "role"
		if a, err := awsauth.ParseARN(e.ARN); err == nil && a.Kind == awsauth.KindUser {
			kind = "user"
		}
		return "it is older than the " + kind + ", which was deleted and created again: EKS keeps the unique id of the old one"
	}
	if sets := v.despite(awsauth.Subject(e.ARN), e); len(sets) > 0 {
		return fmt.Sprintf("it is of type %s, and %s with the role %s ready: %s", e.Type, count(sets), agree(sets, "is", "are"), which(sets))
	}
	return ""
}

// nodesKnown reports that every live node is among Nodes or Unplaced.
func (v *FleetView) nodesKnown(now time.Time) bool { return v != nil && v.NodesKnown.good(now) }

// accessKnown reports that the authentication mode and all access entries are known.
func (v *FleetView) accessKnown(now time.Time) bool { return v != nil && v.AccessKnown.good(now) }

// nodeEntry finds an access entry by which nodes of a kind sign in; of any kind if kind is notNode.
func (v *FleetView) nodeEntry(kind NodeKind, now time.Time) bool {
	if !v.accessKnown(now) || v.Mode == ConfigMapMode {
		return false
	}
	for key, e := range v.Entries {
		if (kind == notNode && e.ofNodes() || kind != notNode && e.covers(kind)) && !v.inert(key, e) {
			return true
		}
	}
	return false
}

// untyped reports that there is an access entry of a type that is not known, or that could not be read.
func (v *FleetView) untyped() bool {
	for _, e := range v.Entries {
		if _, known := entryTypes[e.Type]; !known {
			return true
		}
	}
	return false
}

// entryType is what a type of access entry is for.
type entryType struct {
	covers []NodeKind // the kinds of node that sign in by it
	onEC2  bool       // it denies every session but those of EC2 instances; else the session name is the node's name
}

// entryTypes are the types that are known (Amazon EKS user guide, "Create access entries"; EC2 is that of Auto Mode). By
// STANDARD no node signs in: EKS takes no username or group that begins with system: there.
var entryTypes = map[string]entryType{
	"STANDARD":       {},
	"EC2_LINUX":      {[]NodeKind{EC2Node}, true},
	"EC2_WINDOWS":    {[]NodeKind{EC2Node, WindowsNode}, true},
	"EC2":            {[]NodeKind{EC2Node}, true},
	"FARGATE_LINUX":  {[]NodeKind{FargateNode}, false},
	"HYBRID_LINUX":   {[]NodeKind{HybridNode}, false},
	"HYPERPOD_LINUX": {[]NodeKind{HyperPodNode}, false},
}

// decides reports that access entries decide about everybody whom aws-auth maps, so that nothing can be lost with it.
func (v *FleetView) decides(a *awsauth.Access, now time.Time) bool {
	for key := range a.Principals {
		if _, shadowed := v.shadow(key, now); !shadowed {
			return false
		}
	}
	return len(a.Principals) > 0 && len(a.Accounts) == 0
}

// WayIn is how nodes with one role sign in.
type WayIn struct {
	Role string // the ARN as IAM has it; "" if it is not known
	Set  NodeSet
	// Entry is the access entry that decides about the role, if there is one, and Mapping what aws-auth says of it: EKS
	// looks at the mapping only without the entry. Open says that the nodes can sign in by the one that counts, Unsure that
	// nobody can say, since the entry's type is not known.
	Entry        *AccessEntry
	Mapping      *awsauth.Identity
	Open, Unsure bool
}

// WaysIn lists how all live nodes sign in under aws-auth as it is, by role. Where the role is not known, neither is the way.
func (v *FleetView) WaysIn(a *awsauth.Access, now time.Time) []WayIn {
	var ways []WayIn
	for _, role := range slices.Sorted(maps.Keys(v.Nodes)) {
		for _, s := range v.Nodes[role] {
			w := WayIn{Role: cmp.Or(v.RoleARNs[role], role), Set: s}
			ids := a.Principals[role]
			if len(ids) > 0 {
				w.Mapping = &ids[0]
			}
			if e, ok := v.shadow(role, now); ok {
				w.Entry = &e
				w.Open = e.covers(s.Kind)
				_, known := entryTypes[e.Type]
				w.Unsure = !known && !w.Open
			} else {
				w.Open = !v.ignored() && serveAny(ids, s)
			}
			ways = append(ways, w)
		}
	}
	for _, role := range slices.Sorted(maps.Keys(v.Doubtful)) {
		for _, s := range v.Doubtful[role] {
			ways = append(ways, WayIn{Role: cmp.Or(v.RoleARNs[role], role), Set: s, Unsure: true})
		}
	}
	for _, s := range v.Unplaced {
		w := WayIn{Set: s}
		if !s.Kind.mapped() { // whatever its role is, an access entry is the only way
			w.Open = v.nodeEntry(s.Kind, now)
			w.Unsure = !w.Open && (!v.accessKnown(now) || v.untyped())
		}
		ways = append(ways, w)
	}
	return ways
}

// Shadowed are the entries of aws-auth that EKS does not look at, since an access entry decides about their principal.
func (v *FleetView) Shadowed(a *awsauth.Access, now time.Time) []awsauth.Identity {
	var shadowed []awsauth.Identity
	for _, key := range a.Keys() {
		if _, ok := v.shadow(key, now); ok || v.ignored() {
			shadowed = append(shadowed, a.Principals[key]...)
		}
	}
	return shadowed
}

// doubt says why the live nodes are not known.
func (v *FleetView) doubt(now time.Time) string {
	if v == nil {
		return ""
	}
	return v.NodesKnown.Doubt(now)
}

// setsBy are the sets of nodes with a role for which keep holds.
func setsBy(sets []NodeSet, keep func(NodeSet) bool) []NodeSet {
	var kept []NodeSet
	for _, s := range sets {
		if keep(s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// names are the nodes of several sets, sorted. Findings do without: there may be thousands, each about all nodes.
func names(sets []NodeSet) []string {
	var all []string
	for _, s := range sets {
		all = append(all, s.Names...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ready is how many nodes of a set are ready.
func (s NodeSet) ready() int { return len(s.Names) - s.NotReady - s.Joining }

// same reports that two sets of one view hold the same nodes.
func (s NodeSet) same(o NodeSet) bool {
	return s.Kind == o.Kind && s.ByInstanceID == o.ByInstanceID && slices.Equal(s.Names, o.Names)
}

// total is how many nodes there are in sets of which no two have a node in common.
func total(sets []NodeSet) int {
	n := 0
	for _, s := range sets {
		n += len(s.Names)
	}
	return n
}

// fewNodes is how many nodes a message names.
const fewNodes = 5

// count puts sets into words: 12 live EC2 nodes (1 not ready).
func count(sets []NodeSet) string {
	kinds := map[string]int{}
	var notReady, joining int
	for _, s := range sets {
		kinds[string(s.Kind)] += len(s.Names)
		notReady += s.NotReady
		joining += s.Joining
	}
	var words []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		words = append(words, fmt.Sprintf("%d live %s", kinds[kind], kind))
	}
	text := list(words) + " node" + plural(total(sets))
	var notes []string
	if notReady > 0 {
		notes = append(notes, fmt.Sprintf("%d not ready", notReady))
	}
	if joining > 0 {
		notes = append(notes, fmt.Sprintf("%d still starting", joining))
	}
	if len(notes) > 0 {
		text += " (" + strings.Join(notes, ", ") + ")"
	}
	return text
}

// which names the first few nodes: a, b, c, d, e and 7 more.
func which(sets []NodeSet) string {
	var first []string // of every set: the first of all are among them
	for _, s := range sets {
		first = append(first, s.Names[:min(len(s.Names), fewNodes)]...)
	}
	slices.Sort(first)
	var shown []string
	for _, name := range first[:min(len(first), fewNodes)] {
		shown = append(shown, bare(name))
	}
	text := strings.Join(shown, ", ")
	if more := total(sets) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// use is what nodes do with a role; of some it is known only that they may.
func use(sets []NodeSet) string {
	if !slices.ContainsFunc(sets, func(s NodeSet) bool { return !s.Maybe }) {
		return "may use"
	}
	return agree(sets, "uses", "use")
}

// agree picks the word that goes with one node or with several.
func agree(sets []NodeSet, one, several string) string {
	if total(sets) == 1 {
		return one
	}
	return several
}

// signsIn reports that nodes of the set can sign in by the identity. The session name of nodes on EC2 is their instance's id,
// whatever they are named for.
func signsIn(id awsauth.Identity, s NodeSet) bool {
	n := s.needs()
	username := id.Username
	if username == nodePrefix+awsauth.SessionNameRaw {
		username = nodePrefix + awsauth.SessionName // they differ for session names with an @, and no node has one
	}
	return n.works(id) && username == n.username && (s.Kind.onEC2() || id.Sessions() == awsauth.AnySession)
}

// onEC2 reports that the session name of such nodes is the id of an EC2 instance.
func (k NodeKind) onEC2() bool { return k == EC2Node || k == WindowsNode }

// needs are the username template and the groups that nodes of the set need.
func (s NodeSet) needs() mapping {
	n := needs[s.Kind]
	if s.ByInstanceID {
		n.username = nodePrefix + awsauth.SessionName
	}
	return n
}
