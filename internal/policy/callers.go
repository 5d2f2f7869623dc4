package policy

import "strings"

// Everybody is the group that the API server puts every caller in, but those who are in system:unauthenticated.
const Everybody = "system:authenticated"

// members says of the groups in which callers are by what they are, and not because somebody put them there, who that is
// (Kubernetes documentation, "Authenticating" and "Using RBAC Authorization"; Amazon EKS user guide, node roles).
var members = map[string]string{
	Everybody:                "every authenticated caller",
	"system:unauthenticated": "every caller who is not authenticated",
	"system:serviceaccounts": "every service account",
	"system:nodes":           "every node",
	"system:bootstrappers":   "every node",
	"system:node-proxier":    "every Fargate node",
	"eks:kube-proxy-windows": "every Windows node",
}

// bootstrappers begin the other groups that a bootstrap token gives ("Authenticating with Bootstrap Tokens").
const bootstrappers = "system:bootstrappers:"

// anonymous is the username of every caller who is not authenticated.
const anonymous = "system:anonymous"

// callerGroups checks groups whose members the policy spares or lets approve. The service accounts of one namespace
// (system:serviceaccounts:NAMESPACE) are not everybody, and RBAC counts the namespace as powerful (package rbac).
func (c *checker) callerGroups(where []any, groups []string) {
	c.callers(where, groups, "group")
	for i, g := range groups {
		who := members[g]
		if strings.HasPrefix(g, bootstrappers) {
			who = members["system:bootstrappers"]
		}
		if who != "" {
			c.fail(under(where, i), "%s is in %q, want a group to which you add people, such as aws-auth-break-glass", who, g)
		}
	}
}

// callerUsernames checks usernames that the policy spares or lets approve.
func (c *checker) callerUsernames(where []any, usernames []string) {
	c.callers(where, usernames, "username")
	for i, u := range usernames {
		if u == anonymous {
			c.fail(under(where, i), "%s has the username %q, want the username of one caller, such as eks:node-manager", members["system:unauthenticated"], u)
		}
	}
}

// callers refuses what looks like a pattern: names are compared as they are.
func (c *checker) callers(where []any, names []string, what string) {
	c.texts(where, names)
	example := map[string]string{"group": "aws-auth-break-glass", "username": "system:serviceaccount:NAMESPACE:NAME"}[what]
	for i, n := range names {
		if strings.ContainsRune(n, '*') {
			c.fail(under(where, i), "%q has a *, and is compared as it is: want the whole %s, such as %s", n, what, example)
		}
	}
}
