package nodes

// Kind is a kind of node. Each authenticates under another username or with other groups (Amazon EKS user guide, node,
// Windows, Fargate and hybrid nodes roles).
type Kind string

// The kinds of node; EC2 is one with Linux, Other one whose provider id the guard does not know. None is no node.
const (
	None     Kind = ""
	EC2      Kind = "EC2"
	Windows  Kind = "Windows"
	Fargate  Kind = "Fargate"
	Hybrid   Kind = "hybrid"
	HyperPod Kind = "HyperPod"
	Other    Kind = "other"
)

// OnEC2 reports that the session name of such nodes is the id of an EC2 instance.
func (k Kind) OnEC2() bool { return k == EC2 || k == Windows }

// mapped reports that nodes of a kind can authenticate by aws-auth. Those of SageMaker HyperPod run in an account of
// SageMaker's and authenticate by an access entry alone: HyperPod takes no cluster in mode CONFIG_MAP (Amazon
// SageMaker developer guide, "Amazon EKS cluster authentication mode").
func (k Kind) mapped() bool { return k != HyperPod }
