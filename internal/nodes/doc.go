// Package nodes says through what a node authenticates, a mapping of aws-auth or an access entry, and what an edit of
// aws-auth costs the nodes that run. It is pure: package fleet fills in what is known of them.
package nodes
