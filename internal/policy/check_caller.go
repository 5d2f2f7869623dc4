package policy

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Everybody is the group that the API server puts every caller in, but those who are in system:unauthenticated.
const Everybody = "system:authenticated"

// Members says of the groups in which callers are by what they are, and not because somebody put them there, who
// that is (Kubernetes documentation, "Authenticating" and "Using RBAC Authorization"; Amazon EKS user guide, node
// roles).
var Members = map[string]string{
	Everybody:                "every authenticated caller",
	"system:unauthenticated": "every caller who is not authenticated",
	"system:serviceaccounts": "every service account",
	"system:nodes":           "every node",
	"system:bootstrappers":   "every node",
	"system:node-proxier":    "every Fargate node",
	"eks:kube-proxy-windows": "every Windows node",
}

// Bootstrappers begin the other groups that a bootstrap token gives ("Authenticating with Bootstrap Tokens").
const Bootstrappers = "system:bootstrappers:"

// Anonymous is the username of every caller who is not authenticated.
const Anonymous = "system:anonymous"

// callerGroups checks groups whose members are never denied or may use approvals. The service accounts of one namespace
// (system:serviceaccounts:NAMESPACE) are not everybody, and RBAC counts the namespace as powerful (package rbac).
func (c *checker) callerGroups(at *field.Path, groups []string) {
	c.callers(at, groups, "group", "aws-auth-break-glass")
	for i, g := range groups {
		who := Members[g]
		if strings.HasPrefix(g, Bootstrappers) {
			who = Members["system:bootstrappers"]
		}
		if who != "" {
			c.fail(at.Index(i), "%s is in %q, want a group to which you add people, such as aws-auth-break-glass", who, g)
		}
	}
}

// callerUsernames checks usernames that are never denied or may use approvals.
func (c *checker) callerUsernames(at *field.Path, usernames []string) {
	c.callers(at, usernames, "username", "system:serviceaccount:NAMESPACE:NAME")
	for i, u := range usernames {
		if u == Anonymous {
			c.fail(at.Index(i), "%s has the username %q, want the username of one caller, such as eks:node-manager",
				Members["system:unauthenticated"], u)
		}
	}
}

// callers rejects what looks like a pattern: names are compared literally.
func (c *checker) callers(at *field.Path, names []string, what, example string) {
	c.texts(at, names)
	for i, n := range names {
		if strings.ContainsRune(n, '*') {
			c.fail(at.Index(i), "%q has a *, and is compared as it is: want the whole %s, such as %s", n, what, example)
		}
	}
}
