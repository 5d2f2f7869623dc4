package rbac

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
)

// The namespace whose service accounts are the control plane's own, and the names in it that matter.
const (
	kubeSystem = "kube-system"
	awsAuth    = "aws-auth"
)

// area is where a right makes its holder equivalent to cluster-admin.
type area int

const (
	// cluster: the resource has no namespace, so only a ClusterRoleBinding gives it.
	cluster area = iota
	// powerful: kube-system, the guard's own namespace, and every one with a service account that is itself equivalent to
	// cluster-admin.
	powerful
	// awsAuthPlace: kube-system, for the ConfigMap aws-auth.
	awsAuthPlace
	// policyPlace: the guard's namespace, for its policy and its authority.
	policyPlace
	// named: any namespace, if what the rule names there is equivalent to cluster-admin.
	named
)

// limit says what becomes of a right whose rule is limited by resourceNames.
type limit int

const (
	// anyName: whatever the name, it is enough.
	anyName limit = iota
	// noName: a rule with names is not enough, since a create or list has no name, or since a name does not show what the object is.
	noName
	// theName: those names of the power count.
	theName
	// guardName: the names of the guard's own objects count.
	guardName
	// target: the name counts if what it names is equivalent to cluster-admin.
	target
)

// power is a right that is equivalent to cluster-admin: one of the verbs on the resource, in the area.
type power struct {
	verbs    []string
	group    string
	resource string // or resource/subresource; resource/* for any subresource
	area     area
	limit    limit
	names    []string // for theName
}

const (
	admissionregistration = "admissionregistration.k8s.io"
	authentication        = "authentication.k8s.io"
	certificates          = "certificates.k8s.io"
	guardAPI              = "aws-auth-guard.io"
)

var (
	create  = []string{"create"}
	modify  = []string{"update", "patch"}
	run     = []string{"create", "get"} // get opens a web socket, which ran commands too before Kubernetes 1.35
	read    = []string{"get", "list", "watch"}
	write   = []string{"create", "update", "patch"}
	destroy = []string{"delete", "deletecollection"}
	grants  = []string{"grant"}
	// disclose are the verbs that answer with what an object holds (apiserver pkg/endpoints/handlers): an update and a patch with
	// the new object, which is the old one if they change nothing, a deletecollection with all of them, also as a dry run.
	disclose    = []string{"get", "list", "watch", "update", "patch", "deletecollection"}
	impersonate = []string{"impersonate"}
)

// modes are the ways of constrained impersonation, on by default since Kubernetes 1.36: a right to take somebody's place
// (verb impersonate:MODE), which is good only for what a second right names (verb impersonate-on:MODE:VERB).
// associated-node is none of them: it is for service accounts on their own node.
var modes = map[string][]power{
	"user-info": {
		{[]string{"impersonate:user-info"}, authentication, "groups", cluster, target, nil},
		{[]string{"impersonate:user-info"}, authentication, "users", cluster, target, nil},
	},
	"serviceaccount": {{[]string{"impersonate:serviceaccount"}, authentication, "serviceaccounts", named, target, nil}},
	"arbitrary-node": {{[]string{"impersonate:arbitrary-node"}, authentication, "nodes", cluster, anyName, nil}},
}

// usable are the powers for which the places of a mode can be taken. What a node may do is the node authorizer's to say: it
// reads the secrets of its pods, and gets tokens of their service accounts (plugin/pkg/auth/authorizer/node).
func usable(mode string) []power {
	if mode != "arbitrary-node" {
		return powers
	}
	return slices.DeleteFunc(slices.Clone(powers), func(p power) bool { return p.resource != "serviceaccounts/token" && p.resource != "secrets" })
}

// own is the name of the guard's own object that a power with the limit guardName is about, or "" if it is not known.
func (g Guard) own(p *power) string {
	switch {
	case p.area != policyPlace:
		return g.ConfigurationName
	case p.resource == "secrets":
		return g.SecretName
	}
	return g.PolicyName
}

// clientSigners are the signers whose certificates the API server takes for credentials.
var clientSigners = []string{"kubernetes.io/*", "kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet"}

// powers is the whole list; docs/privileges.md says of each why it is on it, and of every other right of the API server why
// not (TestEveryRight). The evidence names the first that a role has.
var powers = func() []power {
	list := []power{
		{[]string{"escalate"}, rbacv1.GroupName, "clusterroles", cluster, anyName, nil},
		{[]string{"escalate"}, rbacv1.GroupName, "roles", powerful, anyName, nil},
		{[]string{"bind"}, rbacv1.GroupName, "clusterroles", cluster, target, nil},
		{[]string{"bind"}, rbacv1.GroupName, "clusterroles", powerful, target, nil},
		{[]string{"bind"}, rbacv1.GroupName, "roles", powerful, target, nil},
		{impersonate, "", "groups", cluster, target, nil},
		{impersonate, "", "users", cluster, target, nil},
		{impersonate, "", "serviceaccounts", named, target, nil},
		{impersonate, authentication, "uids", cluster, noName, nil},
		{impersonate, authentication, "userextras/*", cluster, noName, nil},
		{write, rbacv1.GroupName, "clusterrolebindings", cluster, noName, nil},
		{write, rbacv1.GroupName, "clusterroles", cluster, noName, nil},
		{write, rbacv1.GroupName, "rolebindings", powerful, noName, nil},
		{write, rbacv1.GroupName, "roles", powerful, noName, nil},
		{create, "", "serviceaccounts/token", named, target, nil},
		{create, "", "pods", powerful, noName, nil},
		{modify, "", "pods", powerful, anyName, nil},
		{disclose, "", "secrets", powerful, noName, nil},
		{create, "", "secrets", powerful, noName, nil},
		{run, "", "pods/exec", powerful, anyName, nil},
		{run, "", "pods/attach", powerful, anyName, nil},
		{modify, "", "pods/ephemeralcontainers", powerful, anyName, nil},
		{run, "", "nodes/proxy", cluster, anyName, nil},
		{create, "", "persistentvolumes", cluster, noName, nil},
		{create, certificates, "certificatesigningrequests/nodeclient", cluster, noName, nil},
		{create, "apiregistration.k8s.io", "apiservices", cluster, noName, nil},
		{modify, "apiregistration.k8s.io", "apiservices", cluster, anyName, nil},
		{grants, guardAPI, "privilegedgroups", cluster, target, nil},
		{grants, guardAPI, "privilegedusernames", cluster, target, nil},
	}
	for _, w := range []struct{ group, resource string }{{"apps", "deployments"}, {"apps", "daemonsets"}, {"apps", "statefulsets"},
		{"apps", "replicasets"}, {"", "replicationcontrollers"}, {"batch", "cronjobs"}} {
		list = append(list, power{create, w.group, w.resource, powerful, noName, nil}, power{modify, w.group, w.resource, powerful, anyName, nil})
	}
	list = append(list, power{create, "batch", "jobs", powerful, noName, nil}, // a job's pod cannot be changed later
		power{create, "apps", "controllerrevisions", powerful, noName, nil}) // nor can a revision's template
	for _, resource := range []string{"mutatingwebhookconfigurations", "validatingwebhookconfigurations", "mutatingadmissionpolicies",
		"mutatingadmissionpolicybindings", "validatingadmissionpolicies", "validatingadmissionpolicybindings"} {
		list = append(list, power{create, admissionregistration, resource, cluster, noName, nil},
			power{modify, admissionregistration, resource, cluster, anyName, nil}, power{destroy, admissionregistration, resource, cluster, guardName, nil})
	}
	return append(list,
		power{[]string{"approve"}, certificates, "signers", cluster, theName, clientSigners},
		power{append(modify, "delete"), "", "configmaps", awsAuthPlace, theName, []string{awsAuth}},
		power{[]string{"create", "deletecollection"}, "", "configmaps", awsAuthPlace, noName, nil},
		power{append(modify, "delete"), "", "configmaps", policyPlace, guardName, nil},
		power{[]string{"create", "deletecollection"}, "", "configmaps", policyPlace, noName, nil},
		power{append(slices.Clone(read), modify...), "", "secrets", policyPlace, guardName, nil},
	)
}()
