package privilege

import (
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// ReservedPrefixes are what the authenticator and EKS keep for themselves (Amazon EKS user guide, access entries,
// "username": system:, eks:, aws:, amazon:, iam:).
var ReservedPrefixes = []string{"system:", "eks:", "aws:", "amazon:", "iam:"}

// ReservedPrefix is the one that a username begins with, or "".
func ReservedPrefix(username string) string {
	for _, r := range ReservedPrefixes {
		if strings.HasPrefix(username, r) {
			return r
		}
	}
	return ""
}

// privilegedByName are what a template must never become, beside the privileged groups: node identities, and the
// control plane's own users, whom the default RBAC lets do nearly everything.
var privilegedByName = []string{awsauth.GroupNodes, awsauth.GroupBootstrappers,
	"system:kube-controller-manager", "system:kube-scheduler"}

// groupsOfNodes are what a node's mapping has. Whether its role belongs to nodes is another question.
var groupsOfNodes = []string{awsauth.GroupNodes, awsauth.GroupBootstrappers, awsauth.GroupNodeProxier, awsauth.GroupWindows}
