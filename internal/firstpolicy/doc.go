// Package firstpolicy proposes the policy of a cluster that is already in use: what aws-auth, RBAC and the running
// nodes are today, written as values of the Helm chart for somebody to read and to apply.
//
//	propose.go    from what is known of a cluster to a Proposal
//	approvals.go  who is equivalent to cluster-admin
//	nodes.go      the roles of nodes
//	accounts.go   the other accounts
//	values.go     the Proposal as text, with comments
//	yaml.go       YAML of which each line is known
//
// All of it may come from somebody who was able to edit aws-auth, RBAC or nodes before there was a guard. So no name is
// approved that a reader cannot see as it is, and none ends a comment or a string.
package firstpolicy
