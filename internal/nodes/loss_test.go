package nodes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
)

const basic = "system:bootstrappers, system:nodes"

// described is what losses come to, one line a loss: the role, gone or broken, what becomes of how many nodes, and fatal.
func described(l nodes.Losses) []string {
	var lines []string
	for word, losses := range map[string][]nodes.Loss{"gone": l.Gone, "broken": l.Broken} {
		for _, loss := range losses {
			a, _ := awsauth.ParseARN(loss.Was.Canonical)
			line := a.Name + " " + word
			for _, of := range []struct {
				what string
				sets []nodes.Set
			}{{"cut", loss.Cut}, {"maybe", loss.Maybe}, {"doubt", loss.Doubt}, {"ready", loss.Ready}} {
				n := 0
				for _, s := range of.sets {
					n += len(s.Names)
				}
				if n > 0 {
					line += fmt.Sprintf(" %s=%d", of.what, n)
				}
			}
			if loss.Fatal {
				line += " fatal"
			}
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

func edit(t *testing.T, v *nodes.View, old, updated string) nodes.Edit {
	t.Helper()
	return nodes.Edit{View: v, Now: now, Old: read(t, old).InForce, New: read(t, updated).Restored,
		MatchesNobody: func(e *awsauth.Entry) bool { return strings.Contains(e.ARN.Value, ":1111:") }}
}

func notDeleted(awsauth.ARN) bool { return false }

func TestLosses(t *testing.T) {
	ec2, more, pods := mapping("nodes", dnsName, basic), mapping("more", dnsName, basic), mapping("pods", sessionName, basic+", system:node-proxier")
	ci := mapping("ci", "ci", "deployers")
	set := func(kind nodes.Kind, n int) nodes.Set {
		s := nodes.Set{Kind: kind}
		for i := range n {
			s.Names = append(s.Names, fmt.Sprintf("%s-%d", kind, i))
		}
		return s
	}
	unplaced := func(sets ...nodes.Set) *nodes.View {
		return view(func(v *nodes.View) { v.Nodes, v.Unplaced = map[string][]nodes.Set{}, sets })
	}
	doubtful := func(role string) *nodes.View {
		return view(func(v *nodes.View) {
			v.Nodes, v.Doubtful = map[string][]nodes.Set{}, map[string][]nodes.Set{role: {set(nodes.EC2, 3)}}
		})
	}
	unknown := view(func(v *nodes.View) { v.Nodes, v.NodesKnown = nil, nodes.Knowledge{Problem: "denied"} })
	starting := view(func(v *nodes.View) { v.Nodes, v.NodesKnown = nil, nodes.Knowledge{} })
	for name, tt := range map[string]struct {
		view         *nodes.View
		old, updated string
		want         []string
	}{
		"nothing changes":                     {view(nil), ec2 + ci, ec2 + ci, nil},
		"a role of running nodes goes":        {view(nil), ec2 + more, more, []string{"nodes gone cut=2 fatal"}},
		"a role that no node has goes":        {view(nil), ec2 + more, ec2, nil},
		"no role of nodes goes":               {view(nil), ec2 + ci, ec2, nil},
		"a role moves to another case":        {view(nil), ec2, mapping("NODES", dnsName, basic), nil},
		"another username":                    {view(nil), ec2, mapping("nodes", sessionName, basic), []string{"nodes broken cut=2 fatal"}},
		"a group goes":                        {view(nil), ec2, mapping("nodes", dnsName, "system:bootstrappers"), []string{"nodes broken cut=2 fatal"}},
		"bootstrappers goes":                  {view(nil), ec2, mapping("nodes", dnsName, "system:nodes"), nil},
		"an access entry decides":             {view(entryOf("EC2_LINUX")), ec2 + more, more, nil},
		"an access entry for people":          {view(entryOf("STANDARD")), ec2 + more, more, []string{"nodes gone cut=2 fatal"}},
		"ready without the mapping":           {view(func(v *nodes.View) { v.Nodes[roleARN("nodes")][0].Kind = nodes.Fargate }), ec2 + more, more, []string{"nodes gone ready=2"}},
		"the nodes are not known, one of two": {unknown, ec2 + more, more, []string{"nodes gone"}},
		"the nodes are not known, all":        {unknown, ec2 + more + ci, ci, []string{"more gone fatal", "nodes gone fatal"}},
		"the nodes are not known, broken":     {unknown, ec2 + more, mapping("nodes", "ci", "x") + more, []string{"nodes broken"}},
		"a new role helps no running node":    {unknown, ec2, more, []string{"nodes gone fatal"}},
		"no fleet, one of two":                {nil, ec2 + more, more, []string{"nodes gone"}},
		"no fleet, all":                       {nil, ec2 + ci, ci, []string{"nodes gone fatal"}},
		"no fleet, Windows to Linux":          {nil, mapping("nodes", dnsName, basic+", eks:kube-proxy-windows") + more, ec2 + more, []string{"nodes broken"}},
		"no fleet, Linux to Windows":          {nil, ec2 + more, mapping("nodes", dnsName, basic+", eks:kube-proxy-windows") + more, nil},
		"just started":                        {starting, ec2 + more, more, []string{"nodes gone fatal"}},
		"a role that matched nobody goes":     {unknown, strings.Replace(ec2, "111122223333", "1111", 1) + ci, ec2 + ci, []string{"nodes gone"}},
		"doubtful nodes":                      {doubtful(roleARN("nodes")), ec2 + more, more, []string{"nodes gone doubt=3"}},
		"doubtful nodes of any role":          {doubtful(""), ec2 + more, more, []string{"nodes gone doubt=3"}},
		"unplaced, another way":               {unplaced(set(nodes.EC2, 3)), ec2 + more, more, []string{"nodes gone maybe=3"}},
		"unplaced, no other way":              {unplaced(set(nodes.EC2, 3)), ec2 + ci, ci, []string{"nodes gone cut=3 fatal"}},
		"unplaced, two roles":                 {unplaced(set(nodes.EC2, 3)), ec2 + more + ci, ci, []string{"more gone cut=3 fatal", "nodes gone cut=3 fatal"}},
		"unplaced of another provider":        {unplaced(set(nodes.Other, 3)), pods + ci, ci, []string{"pods gone maybe=3"}},
		"unplaced HyperPod":                   {unplaced(set(nodes.HyperPod, 3)), pods + ci, ci, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := described(edit(t, tt.view, tt.old, tt.updated).Losses(notDeleted)); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestLossOfOneOfSeveralRoles: where nodes may have had several of the roles that go, each loss says so.
func TestLossOfOneOfSeveralRoles(t *testing.T) {
	v := view(func(v *nodes.View) { v.Nodes, v.Unplaced = nil, []nodes.Set{{Kind: nodes.EC2, Names: []string{"n1"}}} })
	a, b, ci := mapping("a", dnsName, basic), mapping("b", dnsName, basic), mapping("ci", "ci", "x")
	for _, tt := range []struct {
		old   string
		maybe bool
	}{{a + ci, false}, {a + b + ci, true}} {
		l := edit(t, v, tt.old, ci).Losses(notDeleted)
		for _, loss := range l.Gone {
			if len(loss.Cut) != 1 || loss.Cut[0].Maybe != tt.maybe {
				t.Errorf("%+v, want one set that may use the role: %v", loss.Cut, tt.maybe)
			}
		}
		if v.Unplaced[0].Maybe {
			t.Error("the view has changed")
		}
	}
}

func TestMayBeDeleted(t *testing.T) {
	ec2, more, ci := mapping("nodes", dnsName, basic), mapping("more", dnsName, basic), mapping("ci", "ci", "x")
	unknown := view(func(v *nodes.View) { v.Nodes, v.NodesKnown = nil, nodes.Knowledge{Problem: "denied"} })
	for name, tt := range map[string]struct {
		view         *nodes.View
		old, updated string
		unreadable   bool
		want         int
	}{
		"the nodes are known":                   {view(nil), ec2, more, false, 0},
		"all move":                              {unknown, ec2, more, false, 1},
		"one stays":                             {unknown, ec2 + more, more, false, 0},
		"none is mapped any more":               {unknown, ec2 + ci, ci, false, 0},
		"EKS cannot read it":                    {unknown, ec2, more, true, 0},
		"mode API":                              {view(func(v *nodes.View) { v.Mode, v.NodesKnown = nodes.APIMode, nodes.Knowledge{} }), ec2, more, false, 0},
		"an ARN that IAM cannot be asked about": {unknown, strings.Replace(ec2, "role/nodes", "role/n!des", 1), more, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := edit(t, tt.view, tt.old, tt.updated)
			e.Unreadable = tt.unreadable
			if got := e.MayBeDeleted(); len(got) != tt.want {
				t.Errorf("asks about %v, want %d", got, tt.want)
			}
		})
	}
	e := edit(t, unknown, ec2, more)
	for _, deleted := range []bool{false, true} {
		l := e.Losses(func(a awsauth.ARN) bool { return deleted && a.Name == "nodes" })
		if len(l.Gone) != 1 || l.Fatal() == deleted {
			t.Errorf("deleted %v: %q", deleted, described(l))
		}
	}
}

func TestLost(t *testing.T) {
	ec2, more := mapping("nodes", dnsName, basic), mapping("more", dnsName, basic)
	broken := awsauth.Read(nil, map[string]string{awsauth.MapRoles: ec2 + "\t- x\n"})
	for name, tt := range map[string]struct {
		view         *nodes.View
		old, updated *awsauth.Version
		want         []string
	}{
		"no view":          {nil, read(t, ec2), nil, nil},
		"created":          {view(nil), nil, read(t, more), nil},
		"deleted":          {view(nil), read(t, ec2), nil, []string{"n1", "n2"}},
		"stays":            {view(nil), read(t, ec2), read(t, ec2+more), nil},
		"goes":             {view(nil), read(t, ec2+more), read(t, more), []string{"n1", "n2"}},
		"EKS reads none":   {view(nil), read(t, ec2), broken, []string{"n1", "n2"}},
		"an entry decides": {view(entryOf("EC2_LINUX")), read(t, ec2), nil, nil},
		"mode API":         {view(func(v *nodes.View) { v.Mode = nodes.APIMode }), read(t, ec2), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := nodes.Lost(tt.view, tt.old, tt.updated, now); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestUnserved(t *testing.T) {
	ec2 := nodes.Set{Kind: nodes.EC2, Names: []string{"n1"}}
	hybrid := nodes.Set{Kind: nodes.Hybrid, Names: []string{"mi-1"}}
	guess := nodes.Set{Kind: nodes.EC2, ByInstanceID: true, Names: []string{"i-1"}, Joining: 1}
	have := func(running, doubtful []nodes.Set) *nodes.View {
		return view(func(v *nodes.View) {
			v.Nodes[roleARN("nodes")] = running
			v.Doubtful = map[string][]nodes.Set{roleARN("nodes"): doubtful}
		})
	}
	for name, tt := range map[string]struct {
		view             *nodes.View
		username         string
		sets             int
		doubtful, serves bool
	}{
		"no view":                     {nil, dnsName, 0, false, false},
		"they can":                    {have([]nodes.Set{ec2}, nil), dnsName, 0, true, false},
		"they cannot":                 {have([]nodes.Set{ec2}, nil), sessionName, 1, false, false},
		"others can":                  {have([]nodes.Set{ec2, hybrid}, nil), sessionName, 1, false, true},
		"a guess is no other":         {have([]nodes.Set{ec2, guess}, nil), sessionName, 1, false, false},
		"doubtful nodes cannot":       {have(nil, []nodes.Set{ec2}), sessionName, 1, true, false},
		"running nodes come first":    {have([]nodes.Set{ec2}, []nodes.Set{hybrid}), sessionName, 1, false, false},
		"an access entry decides":     {view(entryOf("EC2_LINUX")), sessionName, 0, false, false},
		"EKS does not look at it":     {view(func(v *nodes.View) { v.Mode = nodes.APIMode }), sessionName, 0, false, false},
		"nobody has the role":         {view(func(v *nodes.View) { v.Nodes = map[string][]nodes.Set{"x": {ec2}} }), sessionName, 0, false, false},
		"those who may have it alone": {have([]nodes.Set{{Kind: nodes.Fargate, Maybe: true, Names: []string{"f"}}}, nil), dnsName, 1, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := read(t, mapping("nodes", tt.username, basic)).Entries()[0]
			got := tt.view.Unserved(e, now)
			if len(got.Sets) != tt.sets || got.ServesOthers != tt.serves || tt.sets > 0 && got.Doubtful != tt.doubtful {
				t.Errorf("got %+v", got)
			}
		})
	}
}
