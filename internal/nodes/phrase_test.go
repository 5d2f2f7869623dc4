package nodes_test

import (
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
)

func TestPhrases(t *testing.T) {
	one := []nodes.Set{{Kind: nodes.EC2, Names: []string{"a"}}}
	eight := []nodes.Set{
		{Kind: nodes.Fargate, Maybe: true, Names: []string{"f1", "f2"}, NotReady: 1},
		{Kind: nodes.EC2, Names: []string{"b", "c", "d", "e", "g", "h"}, Joining: 2},
	}
	maybe := eight[:1]
	doubted := []nodes.Set{{Names: []string{"a"}, Doubt: "EC2 does not know the instance"}}
	for _, tt := range []struct{ got, want string }{
		{nodes.Count(one), "1 running EC2 node"},
		{nodes.Count(eight), "6 running EC2 and 2 running Fargate nodes (1 not ready, 2 still starting)"},
		{nodes.Which(one), "a"},
		{nodes.Which(eight), "b, c, d, e, f1 and 3 more"},
		{nodes.Use(one), "uses"},
		{nodes.Use(eight), "use"},
		{nodes.Use(maybe), "may use"},
		{nodes.Agree(one, "is", "are"), "is"},
		{nodes.Agree(eight, "is", "are"), "are"},
		{nodes.Doubted(doubted), "nothing but its Node object shows that nodes of this cluster use it: EC2 does not know the instance"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
