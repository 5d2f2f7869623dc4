package fleet

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
)

// Node is what is kept of a Node object. The right to create nodes is enough to write any of it, a kubelet can write at least its own
// labels and status: docs/fleet.md, "What a forged Node can do".
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

// Kind is the kind of node by its provider id, which can be set once and never changed. One that has none yet counts as EC2. The
// label that names the operating system counts only until EC2 has answered.
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

// kind is that of the node on an instance.
func (i Instance) kind() nodes.Kind {
	if i.Windows {
		return nodes.Windows
	}
	return nodes.EC2
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
