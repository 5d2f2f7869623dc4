package nodes_test

import (
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
)

func TestIdentityOf(t *testing.T) {
	const arn = "arn:aws:iam::111122223333:role/ci"
	for name, tt := range map[string]struct {
		arn, username, groups string
		want                  nodes.Identity
	}{
		"none":                         {arn, "ci", "deployers", nodes.Identity{}},
		"a node's":                     {arn, dnsName, "system:bootstrappers, system:nodes", nodes.Identity{Username: dnsName, Nodes: true, Bootstrappers: true}},
		"one node's":                   {arn, "system:node:n1", "[]", nodes.Identity{Username: "system:node:n1"}},
		"the raw session name":         {arn, rawName, "x", nodes.Identity{Username: sessionName}},
		"a session name in the middle": {arn, "system:{{SessionName}}", "x", nodes.Identity{}},
		"a session name in its prefix": {arn, "{{SessionName}}:node:n1", "x", nodes.Identity{Username: "{{SessionName}}:node:n1"}},
		"a group that a user renders":  {"arn:aws:iam::111122223333:user/ci", "ci", "\"system:nodes{{SessionName}}\"", nodes.Identity{Nodes: true}},
		"a group that a role renders":  {arn, "ci", "\"system:nodes{{SessionName}}\"", nodes.Identity{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := nodes.IdentityOf(identity(t, tt.arn, tt.username, tt.groups)); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	ec2, any, one := nodes.Identity{Username: dnsName}, nodes.Identity{Username: sessionName}, nodes.Identity{Username: "system:node:n1"}
	inNodes, boots, both := nodes.Identity{Nodes: true}, nodes.Identity{Bootstrappers: true}, nodes.Identity{Nodes: true, Bootstrappers: true}
	for name, tt := range map[string]struct {
		has, gets nodes.Identity
		want      bool
	}{
		"nothing covers nothing":                 {nodes.Identity{}, nodes.Identity{}, true},
		"nothing covers no username":             {nodes.Identity{}, ec2, false},
		"nothing covers no group":                {nodes.Identity{}, boots, false},
		"a username covers itself":               {ec2, ec2, true},
		"any session name covers that of EC2":    {any, ec2, true},
		"any session name covers one node's":     {any, one, true},
		"EC2 names do not cover a session name":  {ec2, any, false},
		"one node's name does not cover another": {one, nodes.Identity{Username: "system:node:n2"}, false},
		"nodes cover bootstrappers":              {inNodes, both, true},
		"bootstrappers do not cover nodes":       {boots, inNodes, false},
		"a group covers no username":             {both, ec2, false},
		"a username covers no group":             {any, nodes.Identity{Username: sessionName, Nodes: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.has.Covers(tt.gets); got != tt.want {
				t.Errorf("%+v covers %+v: %v, want %v", tt.has, tt.gets, got, tt.want)
			}
		})
	}
}
