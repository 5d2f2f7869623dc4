package fleet

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// Node is what is kept of a Node object.
type Node struct {
	Name       string
	ProviderID string // aws:///us-west-2a/i-0123456789abcdef0
	Compute    string // the label eks.amazonaws.com/compute-type: fargate, hybrid, auto, ec2 or nothing
	Windows    bool
	Ready      bool
}

// Instance is what is kept of an EC2 instance.
type Instance struct {
	Profile string // the ARN of its instance profile; "" if it has none
	Windows bool
	Gone    bool   // it has been terminated
	cluster string // the cluster that it belongs to by its tags
}

// Facts are everything that has been found out. The zero value: nothing.
type Facts struct {
	Nodes map[string]Node // by name
	// Instances are those that Nodes run on, by id; Starting those with the cluster's tag that were launched lately.
	Instances, Starting map[string]Instance
	// Profiles leads from the ARN of an instance profile to that of its role; "" for a profile without one.
	Profiles map[string]string
	// PrincipalCreated is when the roles of nodes and the principals of access entries were created, by the awsauth.Subject of their ARN, as far as
	// that is known.
	PrincipalCreated map[string]time.Time
	// FargateRoles are the pod execution roles of the cluster's Fargate profiles, as ARNs.
	FargateRoles []string
	// Assigned are the roles of managed node groups and Fargate profiles, as ARNs, by the kind of node.
	Assigned map[validate.NodeKind][]string

	Mode    validate.AuthenticationMode
	Entries []validate.AccessEntry

	// NodesKnown is about Nodes and Starting, AccessKnown about Mode and Entries.
	NodesKnown, AccessKnown validate.Knowledge
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
)

// Instance is the id of the EC2 instance that the node runs on, or "".
func (n Node) Instance() string {
	id := n.ProviderID[strings.LastIndexByte(n.ProviderID, '/')+1:]
	if !strings.HasPrefix(n.ProviderID, ec2Provider) || !instanceID.MatchString(id) {
		return ""
	}
	return id
}

// Kind is the kind of node. One that has no provider id yet is taken for EC2.
func (n Node) Kind() validate.NodeKind {
	switch last := n.ProviderID[strings.LastIndexByte(n.ProviderID, '/')+1:]; {
	case n.Compute == "fargate" || strings.HasPrefix(last, "fargate-"):
		return validate.FargateNode
	case n.Compute == "hybrid" || strings.HasPrefix(n.ProviderID, hybridProvider):
		return validate.HybridNode
	case strings.HasPrefix(n.ProviderID, ec2Provider) && strings.Contains(n.ProviderID, hyperPodPart):
		return validate.HyperPodNode
	case n.ProviderID != "" && n.Instance() == "":
		return validate.OtherNode
	case n.Windows:
		return validate.WindowsNode
	}
	return validate.EC2Node
}

// shape is what the nodes of one set have in common.
type shape struct {
	kind  validate.NodeKind
	byID  bool
	maybe bool
}

// index collects nodes by role and shape; the role "" is not known.
type index map[string]map[shape]*validate.NodeSet

func (x index) add(role string, s shape, name string, ready, joining bool) {
	if x[role] == nil {
		x[role] = map[shape]*validate.NodeSet{}
	}
	set := x[role][s]
	if set == nil {
		set = &validate.NodeSet{Kind: s.kind, ByInstanceID: s.byID, Maybe: s.maybe}
		x[role][s] = set
	}
	set.Names = append(set.Names, name)
	switch {
	case joining:
		set.Joining++
	case !ready:
		set.NotReady++
	}
}

// sets are the nodes with a role, in a fixed order.
func (x index) sets(role string) []validate.NodeSet {
	sets := make([]validate.NodeSet, 0, len(x[role]))
	for _, s := range x[role] {
		slices.Sort(s.Names)
		s.Names = slices.Clip(s.Names)
		sets = append(sets, *s)
	}
	slices.SortFunc(sets, func(a, b validate.NodeSet) int {
		return strings.Compare(string(a.Kind)+a.Names[0], string(b.Kind)+b.Names[0])
	})
	return sets
}

// View puts the facts together: nodes by role, without the role's path, and what is known about access entries.
func (f *Facts) View() *validate.FleetView {
	x := index{}
	fargate := f.fargateRoles()
	joined := make(map[string]bool, len(f.Nodes))
	for name, n := range f.Nodes {
		id := n.Instance()
		kind := n.Kind()
		switch {
		case kind == validate.FargateNode && len(fargate) > 0:
			for _, role := range fargate {
				x.add(role, shape{kind: kind, maybe: len(fargate) > 1}, name, n.Ready, false)
			}
		case id == "" || kind == validate.FargateNode || kind == validate.HybridNode:
			x.add("", shape{kind: kind}, name, n.Ready, false)
		default:
			joined[id] = true
			i, known := f.Instances[id]
			if !known {
				i = f.Starting[id]
			}
			if i.Gone {
				continue // the Node object will go as well
			}
			x.add(f.role(i), shape{kind: kind, byID: name == id}, name, n.Ready, false)
		}
	}
	for id, i := range f.Starting {
		if joined[id] || i.Gone || i.Profile == "" {
			continue
		}
		role := f.role(i)
		s := shape{kind: validate.EC2Node, byID: x.namedByID(role)}
		if i.Windows {
			s.kind = validate.WindowsNode
		}
		x.add(role, s, id, false, true)
	}
	v := &validate.FleetView{Nodes: make(map[string][]validate.NodeSet, len(x)), RoleARNs: make(map[string]string, len(x)), Unplaced: x.sets(""), NodesKnown: f.NodesKnown,
		Mode: f.Mode, Entries: make(map[string]validate.AccessEntry, len(f.Entries)), AccessKnown: f.AccessKnown}
	for kind, roles := range f.Assigned {
		for _, arn := range roles {
			if v.Assigned == nil {
				v.Assigned = map[string][]validate.NodeKind{}
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
	for _, arn := range slices.Concat(slices.Collect(maps.Values(f.Profiles)), f.FargateRoles) {
		if role := awsauth.Subject(arn); v.Nodes[role] != nil {
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
func knowledge(at time.Time, problem string) validate.Knowledge {
	k := validate.Knowledge{At: at, Problem: problem}
	if !at.IsZero() {
		k.Expires = at.Add(staleAfter)
	}
	return k
}
