// Package nodes says how a node authenticates, by a mapping of aws-auth or by an access entry, and which running nodes can
// no longer authenticate after an edit of aws-auth. It is pure: package fleet fills in what is known of the nodes, a View.
//
// Edit.Losses is what the rules judge: the node roles whose mapping an edit removes or breaks, with the nodes that are
// known to use them or may. Lost is only what happens to the running nodes, for the Event and the metrics of an edit.
package nodes
