// Package nodes says through what a node authenticates.
package nodes

type (
	View  struct{}
	Set   struct{}
	Claim struct{}
)
