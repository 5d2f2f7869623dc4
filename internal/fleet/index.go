package fleet

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
)

// Node is what is kept of a Node object. Whoever may create nodes can write any of it, a kubelet at least its own labels and status:
// docs/fleet.md, "What a forged Node can do".
type Node struct {
	Name       string
	ProviderID string // aws:///us-west-2a/i-0123456789abcdef0
	Windows    bool   // by its label
	Ready      bool
	NeverReady bool  // as far as the object shows
	place      place // of the cluster, by its labels and provider id
	uid        types.UID
}

// Instance is what is kept of an EC2 instance.
type Instance struct {
	Profile  string // the ARN of its instance profile; "" if it has none
	Windows  bool
	Gone     bool      // it has been terminated
	DNSName  string    // its private DNS name; "" if EC2 names none
	Launched time.Time // when it was last started
	// Cluster is the one cluster that it belongs to by its tags, "" if they name none or several; Clusters are all that they name.
	Cluster  string
	Clusters []string
}

// Facts are everything that has been found out. The zero value: nothing.
type Facts struct {
	Nodes map[string]Node // by name
	// Cluster and Region are where the cluster is, Now is the time; zero: not known.
	Cluster, Region string
	Now             time.Time
	// Instances are those that Nodes run on, by id; Starting those with the cluster's tag that were launched lately.
	Instances, Starting map[string]Instance
	// Named are those with the cluster's tag that no Node's provider id names, but that have a Node's name.
	Named map[string]Instance
	// Absent are the instances that EC2 does not know, and when it was asked for them last.
	Absent map[string]time.Time
	// Profiles leads from the ARN of an instance profile to that of its role; "" for a profile without one.
	Profiles map[string]string
	// PrincipalCreated is when the roles of nodes and the principals of access entries were created, by the awsauth.Subject of their ARN, as far as
	// that is known.
	PrincipalCreated map[string]time.Time
	// FargateRoles are the pod execution roles of the cluster's Fargate profiles, as ARNs.
	FargateRoles []string
	// NoFargate says that EKS was asked for Fargate profiles and has none.
	NoFargate bool
	// Assigned are the roles of managed node groups and Fargate profiles, as ARNs, by the kind of node.
	Assigned map[nodes.Kind][]string

	Mode    nodes.Mode
	Entries []nodes.AccessEntry

	// NodesKnown is about Nodes and Starting, AccessKnown about Mode and Entries.
	NodesKnown, AccessKnown nodes.Knowledge
}

// instanceID is the form of EC2's ids (Amazon EC2 user guide, "Resource IDs").
var instanceID = regexp.MustCompile(`^i-[0-9a-f]{8,17}$`)

const (
	// ec2Provider begins the provider id of a node on EC2: aws:///ZONE/INSTANCE.
	ec2Provider = "aws://"
	// hybridProvider begins the provider id of a hybrid node: eks-hybrid:///REGION/CLUSTER/NAME.
	hybridProvider = "eks-hybrid://"
	// hyperPodPart is in the provider id of a node of SageMaker HyperPod: aws:///ZONE/sagemaker/cluster/hyperpod-ID-INSTANCE.
	// The instance runs in an account of SageMaker's.
	hyperPodPart = "/sagemaker/cluster/"
	// fargatePrefix begins the last part of the provider id of a Fargate node: aws:///ZONE/ID/fargate-ip-10-0-0-1.REGION.compute.internal.
	fargatePrefix = "fargate-"
)

// Instance is the id of the EC2 instance that the node runs on, or "".
func (n Node) Instance() string {
	id := n.ProviderID[strings.LastIndexByte(n.ProviderID, '/')+1:]
	if !strings.HasPrefix(n.ProviderID, ec2Provider) || !instanceID.MatchString(id) {
		return ""
	}
	return id
}

// Kind is the kind of node by its provider id, which can be set once and never changed. One that has none yet is taken for EC2. The
// label that names the operating system counts only as long as EC2 has not told it.
func (n Node) Kind() nodes.Kind {
	switch last := n.ProviderID[strings.LastIndexByte(n.ProviderID, '/')+1:]; {
	case strings.HasPrefix(n.ProviderID, ec2Provider) && strings.HasPrefix(last, fargatePrefix):
		return nodes.Fargate
	case strings.HasPrefix(n.ProviderID, hybridProvider):
		return nodes.Hybrid
	case strings.HasPrefix(n.ProviderID, ec2Provider) && strings.Contains(n.ProviderID, hyperPodPart):
		return nodes.HyperPod
	case n.ProviderID != "" && n.Instance() == "":
		return nodes.Other
	case n.Windows:
		return nodes.Windows
	}
	return nodes.EC2
}

// shape is what the nodes of one set have in common.
type shape struct {
	kind  nodes.Kind
	byID  bool
	maybe bool
	doubt string
}

// state is what a set counts of a node.
type state struct{ ready, joining, unproven bool }

// index collects nodes by role and shape; the role "" is not known.
type index map[string]map[shape]*nodes.Set

func (x index) add(role string, s shape, name string, is state) {
	if x[role] == nil {
		x[role] = map[shape]*nodes.Set{}
	}
	set := x[role][s]
	if set == nil {
		set = &nodes.Set{Kind: s.kind, ByInstanceID: s.byID, Maybe: s.maybe, Doubt: s.doubt}
		x[role][s] = set
	}
	set.Names = append(set.Names, name)
	switch {
	case is.joining:
		set.Joining++
	case !is.ready:
		set.NotReady++
	}
	if is.unproven {
		set.Unproven++
	}
}

// sets are the nodes with a role, in a fixed order.
func (x index) sets(role string) []nodes.Set {
	sets := make([]nodes.Set, 0, len(x[role]))
	for _, s := range x[role] {
		slices.Sort(s.Names)
		s.Names = slices.Clip(s.Names)
		sets = append(sets, *s)
	}
	slices.SortFunc(sets, func(a, b nodes.Set) int {
		return strings.Compare(string(a.Kind)+a.Names[0]+a.Doubt, string(b.Kind)+b.Names[0]+b.Doubt)
	})
	return sets
}

// View puts the facts together: nodes by role, without the role's path, and what is known about access entries.
func (f *Facts) View() *nodes.View {
	x, doubtful := index{}, index{} // the second holds the nodes that something speaks against
	add := func(role string, s shape, name string, is state) {
		if s.doubt != "" {
			doubtful.add(role, s, name, is)
		} else {
			x.add(role, s, name, is)
		}
	}
	fargate := f.fargateRoles()
	claims := f.claims()
	type naming struct {
		instance string
		byID     bool // it is the instance's id
	}
	joined := make(map[naming]bool, len(f.Nodes))
	placed := make(map[string]string, len(f.Nodes)) // by name: the role of the node's instance
	for name, n := range f.Nodes {
		s, is := shape{kind: n.Kind(), doubt: f.doubt(n, claims)}, state{ready: n.Ready, unproven: true}
		id := n.Instance()
		switch {
		case s.kind == nodes.Fargate && len(fargate) > 0:
			s.maybe = len(fargate) > 1
			for _, role := range fargate {
				add(role, s, name, is)
			}
		case id == "":
			add("", s, name, is)
		default:
			i, known := f.instance(id)
			if i.Gone && !n.Ready {
				continue // the Node object will go as well
			}
			s.byID = name == id
			if s.doubt == "" { // else the instance may still be about to join
				joined[naming{id, s.byID}] = true
				placed[name] = f.role(i)
			}
			if known {
				s.kind = nodes.EC2
				if i.Windows {
					s.kind = nodes.Windows
				}
				is.unproven = !f.proven(n, i, claims[id])
				is.joining = n.NeverReady && !is.unproven && s.doubt == ""
			}
			add(f.role(i), s, name, is)
		}
	}
	// A node authenticates as the instance that it is named for, whatever its provider id says: that stays when another instance comes
	// by the name before the Node object has gone, and whoever may create nodes can have written it before the node joined.
	for _, instances := range []map[string]Instance{f.Named, f.Starting} {
		for id, i := range instances {
			for _, name := range []string{id, strings.ToLower(i.DNSName)} {
				n, ok := f.Nodes[name]
				role := f.role(i)
				if !ok || n.NeverReady || n.Instance() == id || placed[name] == role || f.Cluster == "" || i.Cluster != f.Cluster {
					continue
				}
				s := shape{kind: nodes.EC2, byID: name == id}
				if i.Windows {
					s.kind = nodes.Windows
				}
				x.add(role, s, name, state{ready: n.Ready, unproven: true})
				joined[naming{id, s.byID}], placed[name] = true, role
			}
		}
	}
	for id := range f.Starting {
		i, _ := f.instance(id)
		role := f.role(i)
		s := shape{kind: nodes.EC2, byID: x.namedByID(role)}
		if joined[naming{id, s.byID}] || i.Gone || i.Profile == "" {
			continue // where its Node is named unlike the others, that may be another's doing
		}
		if i.Windows {
			s.kind = nodes.Windows
		}
		x.add(role, s, id, state{joining: true})
	}
	v := &nodes.View{Nodes: make(map[string][]nodes.Set, len(x)), RoleARNs: make(map[string]string, len(x)), Unplaced: x.sets(""), NodesKnown: f.NodesKnown,
		Mode: f.Mode, Entries: make(map[string]nodes.AccessEntry, len(f.Entries)), AccessKnown: f.AccessKnown}
	for kind, roles := range f.Assigned {
		for _, arn := range roles {
			if v.Assigned == nil {
				v.Assigned = map[string][]nodes.Kind{}
			}
			role := awsauth.Subject(arn)
			v.Assigned[role] = append(v.Assigned[role], kind)
		}
	}
	for role := range x {
		if role != "" {
			v.Nodes[role] = x.sets(role)
		}
	}
	for role := range doubtful {
		if v.Doubtful == nil {
			v.Doubtful = map[string][]nodes.Set{}
		}
		v.Doubtful[role] = doubtful.sets(role)
	}
	if v.NodesKnown.Problem == "" {
		v.NodesKnown.Problem = strangers(v.Doubtful)
	}
	for _, arn := range slices.Concat(slices.Collect(maps.Values(f.Profiles)), f.FargateRoles) {
		if role := awsauth.Subject(arn); v.Nodes[role] != nil || v.Doubtful[role] != nil {
			v.RoleARNs[role] = arn
		}
	}
	for _, e := range f.Entries {
		subject := awsauth.Subject(e.ARN)
		e.PrincipalCreated = f.PrincipalCreated[subject]
		v.Entries[subject] = e
	}
	return v
}

// role is the role of an instance as the index has it, "" if it is not known.
func (f *Facts) role(i Instance) string {
	arn := f.Profiles[i.Profile]
	if arn == "" {
		return ""
	}
	return awsauth.Subject(arn)
}

// fargateRoles are the distinct roles that a Fargate node may have.
func (f *Facts) fargateRoles() []string {
	var roles []string
	for _, arn := range f.FargateRoles {
		roles = append(roles, awsauth.Subject(arn))
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// namedByID reports that the nodes on EC2 that have joined with the role are named for their instances: those that
// come will be, too.
func (x index) namedByID(role string) bool {
	byID := false
	for s, set := range x[role] {
		if set.Joining == len(set.Names) {
			continue
		}
		if !s.byID {
			return false
		}
		byID = true
	}
	return byID
}

// knowledge is what was found out at a moment, good for the time that it is worth something.
func knowledge(at time.Time, problem string) nodes.Knowledge {
	k := nodes.Knowledge{At: at, Problem: problem}
	if !at.IsZero() {
		k.Expires = at.Add(staleAfter)
	}
	return k
}
