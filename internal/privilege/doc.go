// Package privilege says what is equivalent to cluster-admin: a group or a username by the policy or by the cluster's
// RBAC, and a template that can become one. It says who has it, who gets it by an edit, and what the policy approves
// of that.
package privilege
