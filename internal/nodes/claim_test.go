package nodes_test

import (
	"slices"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
)

func TestClaims(t *testing.T) {
	const basic = "system:bootstrappers, system:nodes"
	ec2, ci := mapping("nodes", dnsName, basic), mapping("ci", "ci", "deployers")
	for name, tt := range map[string]struct {
		old, updated string
		want         []string // the names of their roles
	}{
		"nothing changes":                 {ec2 + ci, ec2 + ci, nil},
		"a new node role":                 {ec2, ec2 + mapping("pods", sessionName, basic), []string{"pods"}},
		"no node role":                    {ec2, ec2 + ci, nil},
		"a role gets a node's group":      {ec2 + ci, ec2 + mapping("ci", "ci", "system:nodes"), []string{"ci"}},
		"a node role gets a group more":   {ec2, mapping("nodes", dnsName, basic+", eks:kube-proxy-windows"), nil},
		"a node role gets any name":       {ec2, mapping("nodes", sessionName, basic), []string{"nodes"}},
		"any name becomes that of EC2":    {mapping("nodes", sessionName, basic), ec2, nil},
		"bootstrappers beside nodes":      {mapping("nodes", dnsName, "system:nodes"), ec2, nil},
		"nodes beside bootstrappers":      {mapping("nodes", dnsName, "system:bootstrappers"), ec2, []string{"nodes"}},
		"an ARN that matched nobody":      {mapping("team/nodes", dnsName, basic), ec2, []string{"nodes"}},
		"another letter case":             {ec2, mapping("NODES", dnsName, basic), nil},
		"created":                         {"", ec2 + ci, []string{"nodes"}},
		"another entry for the role wins": {ec2, ec2 + mapping("nodes", "system:node:n1", "x"), []string{"nodes"}},
		"the first of two loses":          {ec2, mapping("nodes", "system:node:n1", "x") + ec2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var old *awsauth.Version
			if tt.old != "" {
				old = read(t, tt.old)
			}
			var got []string
			for _, c := range nodes.Claims(old, read(t, tt.updated), false) {
				a, _ := c.Entry.Principal()
				got = append(got, a.Name)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := nodes.Claims(nil, read(t, ec2), true); got != nil {
		t.Errorf("%v although EKS ignores aws-auth", got)
	}
	if got := nodes.Claims(read(t, ec2), nil, false); got != nil {
		t.Errorf("%v although aws-auth is deleted", got)
	}
}

// TestClaimsOfUnreadable: an entry that EKS cannot read at the moment exists already.
func TestClaimsOfUnreadable(t *testing.T) {
	ec2 := mapping("nodes", dnsName, "system:bootstrappers, system:nodes")
	broken := awsauth.Read(nil, map[string]string{awsauth.MapRoles: ec2 + "\t- x\n"})
	if !broken.Unreadable[awsauth.MapRoles] {
		t.Fatal("EKS reads it")
	}
	if got := nodes.Claims(broken, read(t, ec2), false); got != nil {
		t.Errorf("%v by a repair", got)
	}
	if got := nodes.Claims(nil, broken, false); len(got) != 1 {
		t.Errorf("%v by a text to be repaired, want one", got)
	}
}

func TestUsedByNodes(t *testing.T) {
	const basic = "system:bootstrappers, system:nodes"
	claim := func(username string) nodes.Claim {
		return nodes.Claims(nil, read(t, mapping("nodes", username, basic)), false)[0]
	}
	with := func(sets ...nodes.Set) *nodes.View {
		return view(func(v *nodes.View) { v.Nodes[roleARN("nodes")] = sets })
	}
	assigned := func(kind nodes.Kind) *nodes.View {
		return view(func(v *nodes.View) { v.Nodes, v.Assigned = nil, map[string][]nodes.Kind{roleARN("nodes"): {kind}} })
	}
	entry := func(kind string) *nodes.View {
		return view(func(v *nodes.View) { entryOf(kind)(v); v.Nodes = nil })
	}
	two := []string{"n1", "n2"}
	for name, tt := range map[string]struct {
		view     *nodes.View
		username string
		unsure   bool
		want     bool
	}{
		"no view":                         {nil, dnsName, false, false},
		"running nodes":                   {with(nodes.Set{Kind: nodes.EC2, Names: two}), dnsName, true, true},
		"another username":                {with(nodes.Set{Kind: nodes.EC2, Names: two}), sessionName, false, false},
		"Node objects alone":              {with(nodes.Set{Kind: nodes.EC2, Names: two, Unproven: 2}), dnsName, false, false},
		"one is proven":                   {with(nodes.Set{Kind: nodes.EC2, Names: two, Unproven: 1}), dnsName, false, true},
		"none has joined":                 {with(nodes.Set{Kind: nodes.EC2, Names: two, Joining: 2}), dnsName, false, true},
		"none has joined, IAM is unsure":  {with(nodes.Set{Kind: nodes.EC2, Names: two, Joining: 2}), dnsName, true, false},
		"a guess how it will be named":    {with(nodes.Set{Kind: nodes.EC2, ByInstanceID: true, Names: two, Joining: 2}), sessionName, false, false},
		"of a managed node group":         {assigned(nodes.EC2), dnsName, true, true},
		"of a Fargate profile, for EC2":   {assigned(nodes.Fargate), dnsName, false, false},
		"an access entry of EC2":          {entry("EC2_LINUX"), dnsName, true, true},
		"an access entry of EC2, session": {entry("EC2_LINUX"), sessionName, true, false},
		"an access entry of hybrid nodes": {entry("HYBRID_LINUX"), sessionName, true, true},
		"an access entry of HyperPod":     {entry("HYPERPOD_LINUX"), sessionName, true, false},
		"an access entry for people":      {entry("STANDARD"), dnsName, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.view.UsedByNodes(claim(tt.username), tt.unsure, now); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
