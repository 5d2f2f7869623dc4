// Package rbac finds out which groups and usernames a cluster's RBAC makes equivalent to cluster-admin.
//
// In go the four kinds of RBAC objects, as they are in the cluster or in files; out come names, each with the chain of
// evidence for a message: group ops -> ClusterRoleBinding ops-admin -> ClusterRole cluster-admin (* on *). What counts is
// the table in powers.go; docs/privileges.md says why, with the source of each.
//
// Of the four, those that could not be read do not take the others with them: what these prove is proven, and the answer says of
// which other names it is not known (privilege.Partial).
//
// The package reads nothing by itself and imports no client: package watch keeps its answer in step with a cluster.
package rbac
