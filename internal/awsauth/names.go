package awsauth

// The groups that the API server or EKS itself gives a meaning (Kubernetes documentation, "Using RBAC Authorization";
// Amazon EKS user guide, node roles).
const (
	GroupNodes         = "system:nodes"
	GroupBootstrappers = "system:bootstrappers"
	GroupNodeProxier   = "system:node-proxier"
	GroupWindows       = "eks:kube-proxy-windows"

	// GroupUnauthenticated keeps the API server from putting a caller into everybody's group, system:authenticated
	// (k8s.io/apiserver pkg/authentication/group, AuthenticatedGroupAdder).
	GroupUnauthenticated = "system:unauthenticated"
)

// NodePrefix begins the username of every node (Kubernetes documentation, "Using Node Authorization").
const NodePrefix = "system:node:"
