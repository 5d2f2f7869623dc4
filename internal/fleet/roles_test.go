package fleet_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/fleet"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// nodeLine is a node role's entry in aws-auth.
func nodeLine(name string) line {
	return line{role: name, username: "system:node:{{EC2PrivateDNSName}}", groups: []string{"system:bootstrappers", "system:nodes"}}
}

var viewerLine = line{role: "viewer", username: "viewer", groups: []string{"viewers"}}

// TestRecreatedRoles deletes roles and creates them again under the names that access entries have, and asks whether the
// mapping of their nodes may go. What is known of their ages came over AWS's wire formats.
func TestRecreatedRoles(t *testing.T) {
	at := noon.AddDate(0, -1, 0)
	for name, tt := range map[string]struct {
		entry, role time.Time
		path        string // of the role as it is now
		inert       bool
	}{
		"never":                         {entry: at, role: at.Add(-time.Hour)},
		"in the second of the entry":    {entry: at.Add(400 * time.Millisecond), role: at},
		"one second after the entry":    {entry: at.Add(999 * time.Millisecond), role: at.Add(time.Second), inert: true},
		"long after the entry":          {entry: at, role: at.Add(1000 * time.Hour), inert: true},
		"under another path":            {entry: at, role: at.Add(time.Hour), path: "team/", inert: true},
		"never, and it has a path":      {entry: at, role: at.Add(-time.Hour), path: "team/"},
		"the last day of February 2024": {entry: time.Date(2024, 2, 29, 23, 59, 59, 999e6, time.UTC), role: time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC), inert: true},
	} {
		t.Run(name, func(t *testing.T) {
			atNoon(t, func(t *testing.T) {
				arn := func(role string) string { return "arn:aws:iam::" + account + ":role/" + tt.path + role }
				seed := fake.Seed{Instances: []fake.Instance{instance(1, "nodes")},
					InstanceProfiles: []fake.InstanceProfile{{ARN: profileARN("nodes"), Role: arn("nodes")}},
					Roles:            []fake.Role{{ARN: arn("nodes"), Created: tt.role}, {ARN: arn("hybrid"), Created: tt.role}, {ARN: arn("boss"), Created: tt.role}},
					Users:            []fake.User{{ARN: "arn:aws:iam::" + account + ":user/team/alice", Created: tt.role}},
					Clusters: []fake.Cluster{{Name: "demo", Mode: "API_AND_CONFIG_MAP", AccessEntries: []fake.AccessEntry{
						{Principal: arn("nodes"), Type: "EC2_LINUX", Created: tt.entry}, {Principal: arn("hybrid"), Type: "HYBRID_LINUX", Created: tt.entry},
						{Principal: "arn:aws:iam::" + account + ":user/team/alice", Created: tt.entry},
						{Principal: arn("boss"), Created: tt.entry, Policies: []string{"arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"}}}}}}
				s := newSetup(t, seed, onEC2(1))
				v := s.sync(t, fleet.New(s.options))
				for _, role := range []string{"nodes", "hybrid", "boss"} {
					if e := v.Entries[key(role)]; (v.WhyInert(e) != "") != tt.inert || e.PrincipalCreated.IsZero() {
						t.Errorf("%s: %+v decides about nobody because %q, want that %v", role, e, v.WhyInert(e), tt.inert)
					}
				}
				if e := v.Entries["arn:aws:iam::"+account+":user/team/alice"]; strings.Contains(v.WhyInert(e), "older than the user") != tt.inert || e.PrincipalCreated.IsZero() {
					t.Errorf("the user: %+v decides about nobody because %q, want that %v", e, v.WhyInert(e), tt.inert)
				}
				if r := judge(t, v, []line{nodeLine("nodes"), nodeLine("other"), viewerLine}, []line{nodeLine("other"), viewerLine}); r.Allowed == tt.inert {
					t.Errorf("the mapping of the only running role goes, and is allowed: %v", r.Allowed)
				}
				if n := s.aws.Count("GetRole"); n != 2 {
					t.Errorf("%d calls of iam:GetRole, want 2: the instance profile has the nodes' role", n)
				}
			})
		})
	}
}

// TestRolesInTime follows a role that is deleted and created again while the guard runs.
func TestRolesInTime(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		seed := fake.Seed{Roles: []fake.Role{{ARN: roleARN("hybrid"), Created: noon.AddDate(-1, 0, 0)}}, Clusters: []fake.Cluster{{Name: "demo", Mode: "API_AND_CONFIG_MAP",
			AccessEntries: []fake.AccessEntry{{Principal: roleARN("hybrid"), Type: "HYBRID_LINUX", Created: entriesAt}}}}}
		s := newSetup(t, seed)
		s.options.Cluster, s.options.Region = "demo", "us-west-2"
		f := fleet.New(s.options)
		inert := func() bool { v := s.sync(t, f); return v.WhyInert(v.Entries[key("hybrid")]) != "" }
		if inert() {
			t.Fatal("a role that is older than its entry")
		}
		s.aws.SetRole(fake.Role{ARN: roleARN("hybrid"), Created: noon})
		time.Sleep(2 * time.Minute)
		if inert(); s.aws.Count("GetRole") != 1 {
			t.Errorf("%d calls of iam:GetRole within two minutes", s.aws.Count("GetRole"))
		}
		time.Sleep(8 * time.Minute)
		if !inert() {
			t.Error("ten minutes later the role is still thought to be the old one")
		}
		s.aws.SetCluster(fake.Cluster{Name: "demo", Mode: "API_AND_CONFIG_MAP", AccessEntries: []fake.AccessEntry{{Principal: roleARN("hybrid"), Type: "HYBRID_LINUX", Created: noon.Add(time.Minute)}}})
		time.Sleep(2 * time.Minute)
		if inert() {
			t.Error("two minutes after the entry was created again it is still thought to be the old one")
		}
	})
}

// TestRolesOfOthers: a role of the guard's account says nothing of another account's that has its name, and of a name that IAM
// does not know nothing is known.
func TestRolesOfOthers(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		elsewhere := "arn:aws:iam::444455556666:role/people"
		seed := fake.Seed{Roles: []fake.Role{{ARN: roleARN("people"), Created: noon}}, Clusters: []fake.Cluster{{Name: "demo", Mode: "API_AND_CONFIG_MAP",
			AccessEntries: []fake.AccessEntry{{Principal: elsewhere, Created: entriesAt}, {Principal: roleARN("gone"), Created: entriesAt}, {Principal: "arn:aws:iam::" + account + ":user/people", Created: entriesAt}}}}}
		s := newSetup(t, seed)
		s.options.Cluster, s.options.Region = "demo", "us-west-2"
		v := s.sync(t, fleet.New(s.options))
		for _, e := range v.Entries {
			if !e.PrincipalCreated.IsZero() || v.WhyInert(e) != "" {
				t.Errorf("%+v", e)
			}
		}
		if len(v.Entries) != 3 || s.aws.Count("GetRole") != 1 || v.AccessKnown.Trouble(noon) != "" {
			t.Errorf("%d entries, %d calls of iam:GetRole, trouble %q", len(v.Entries), s.aws.Count("GetRole"), v.AccessKnown.Trouble(noon))
		}
	})
}

// TestManyRoles: the roles of many entries take some rounds, those of nodes first.
func TestManyRoles(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		cluster := fake.Cluster{Name: "demo", Mode: "API_AND_CONFIG_MAP"}
		var seed fake.Seed
		for i := range fleet.MaxPrincipals + 10 {
			e := fake.AccessEntry{Principal: roleARN(fmt.Sprintf("people-%03d", i)), Created: entriesAt}
			if i >= fleet.MaxPrincipals {
				e.Type = "HYBRID_LINUX"
			}
			cluster.AccessEntries = append(cluster.AccessEntries, e)
			seed.Roles = append(seed.Roles, fake.Role{ARN: e.Principal})
		}
		seed.Clusters = []fake.Cluster{cluster}
		s := newSetup(t, seed)
		s.options.Cluster, s.options.Region = "demo", "us-west-2"
		f := fleet.New(s.options)
		known := func(v *nodes.View, kind string) (n int) {
			for _, e := range v.Entries {
				if e.Type == kind && !e.PrincipalCreated.IsZero() {
					n++
				}
			}
			return n
		}
		v := s.sync(t, f)
		if known(v, "HYBRID_LINUX") != 10 || known(v, "STANDARD") != fleet.MaxPrincipals-10 || s.aws.Count("GetRole") != fleet.MaxPrincipals {
			t.Errorf("first round: %d roles of nodes, %d of people, %d calls", known(v, "HYBRID_LINUX"), known(v, "STANDARD"), s.aws.Count("GetRole"))
		}
		time.Sleep(2 * time.Minute)
		if v = s.sync(t, f); known(v, "STANDARD") != fleet.MaxPrincipals || s.aws.Count("GetRole") != fleet.MaxPrincipals+10 {
			t.Errorf("second round: %d roles of people, %d calls", known(v, "STANDARD"), s.aws.Count("GetRole"))
		}
	})
}

// TestFailingRoles: what could not be asked for does not keep the others waiting.
func TestFailingRoles(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		cluster := fake.Cluster{Name: "demo", Mode: "API_AND_CONFIG_MAP"}
		var seed fake.Seed
		for i := range fleet.MaxPrincipals + 3 {
			e := fake.AccessEntry{Principal: roleARN(fmt.Sprintf("people-%03d", i)), Created: entriesAt}
			cluster.AccessEntries = append(cluster.AccessEntries, e)
			seed.Roles = append(seed.Roles, fake.Role{ARN: e.Principal})
		}
		seed.Clusters = []fake.Cluster{cluster}
		s := newSetup(t, seed)
		s.options.Cluster, s.options.Region = "demo", "us-west-2"
		f := fleet.New(s.options)
		if err := s.aws.SetFaults(fake.Faults{Answer: fake.Error500, Actions: []string{"GetRole"}}); err != nil {
			t.Fatal(err)
		}
		s.sync(t, f) // the first three by the alphabet fail
		if err := s.aws.SetFaults(fake.Faults{}); err != nil {
			t.Fatal(err)
		}
		for round, missing := range []int{3, 0} {
			time.Sleep(2 * time.Minute)
			v := s.sync(t, f)
			for i := range fleet.MaxPrincipals + 3 {
				if e := v.Entries[key(fmt.Sprintf("people-%03d", i))]; e.PrincipalCreated.IsZero() != (i < missing) {
					t.Errorf("round %d: %+v", round, e)
				}
			}
		}
	})
}

// TestMayNotReadRoles: without iam:GetRole everything else is known, and a thousand refusals are not asked for.
func TestMayNotReadRoles(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		seed, items := everything()
		for i := range 20 {
			seed.Clusters[0].AccessEntries = append(seed.Clusters[0].AccessEntries, fake.AccessEntry{Principal: roleARN(fmt.Sprintf("people-%03d", i)), Created: entriesAt})
		}
		s := newSetup(t, seed, items...)
		if err := s.aws.SetFaults(fake.Faults{Answer: fake.AccessDenied, Actions: []string{"GetRole"}}); err != nil {
			t.Fatal(err)
		}
		v := s.sync(t, fleet.New(s.options))
		if n := s.aws.Count("GetRole"); n > 3 {
			t.Errorf("%d calls of iam:GetRole", n)
		}
		if e := v.Entries[key("windows")]; e.PrincipalCreated.IsZero() || v.AccessKnown.Doubt(noon) != "" || !strings.Contains(v.AccessKnown.Problem, "role guard lacks iam:GetRole") {
			t.Errorf("%+v, %+v", e, v.AccessKnown)
		}
	})
}

// TestHyperPod runs nodes of SageMaker HyperPod beside others: they are no instances of this account, and no mapping is theirs.
func TestHyperPod(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		const name = "hyperpod-i-0123456789abcdef0"
		seed := fake.Seed{Instances: []fake.Instance{instance(1, "nodes")}, InstanceProfiles: []fake.InstanceProfile{{ARN: profileARN("nodes"), Role: roleARN("nodes")}},
			Clusters: []fake.Cluster{{Name: "demo", Mode: "API_AND_CONFIG_MAP", AccessEntries: []fake.AccessEntry{{Principal: roleARN("hyperpod"), Type: "HYPERPOD_LINUX"}}}}}
		s := newSetup(t, seed, onEC2(1), node(name, "aws:///usw2-az2/sagemaker/cluster/hyperpod-abcd1234-i-0123456789abcdef0", nil))
		v := s.sync(t, fleet.New(s.options))
		if len(v.Unplaced) != 1 || v.Unplaced[0].Kind != nodes.HyperPod || v.NodesKnown.Trouble(noon) != "" {
			t.Errorf("unplaced %+v, trouble %q", v.Unplaced, v.NodesKnown.Trouble(noon))
		}
		all := []line{nodeLine("retired"), nodeLine("nodes"), viewerLine}
		if r := judge(t, v, all, all[1:]); !r.Allowed || len(r.Findings) > 0 {
			t.Errorf("a retired role goes: %+v", r.Findings)
		}
		if r := judge(t, v, all, []line{all[0], viewerLine}); r.Allowed || strings.Contains(r.Findings[0].Message, name) {
			t.Errorf("the role of the node on EC2 goes: %+v", r.Findings)
		}
		alone := newSetup(t, seed, node(name, "aws:///usw2-az2/sagemaker/cluster/hyperpod-abcd1234-i-0123456789abcdef0", nil))
		alone.options.Cluster, alone.options.Region = "demo", "us-west-2"
		v = alone.sync(t, fleet.New(alone.options))
		if r := judge(t, v, []line{nodeLine("retired"), viewerLine}, []line{viewerLine}); !r.Allowed || len(r.Findings) > 0 {
			t.Errorf("the last mapping of a node, which no node uses, goes: %+v", r.Findings)
		}
	})
}

// TestKinds distinguishes nodes by what their kubelets write.
func TestKinds(t *testing.T) {
	for _, tt := range []struct {
		node fleet.Node
		want nodes.Kind
		id   string
	}{
		{fleet.Node{ProviderID: "aws:///us-west-2a/i-0123456789abcdef0"}, nodes.EC2, "i-0123456789abcdef0"},
		{fleet.Node{ProviderID: "aws:///us-west-2a/i-01234567"}, nodes.EC2, "i-01234567"},
		{fleet.Node{ProviderID: "aws:///us-west-2a/i-01234567", Windows: true}, nodes.Windows, "i-01234567"},
		{fleet.Node{ProviderID: ""}, nodes.EC2, ""},
		{fleet.Node{ProviderID: "", Windows: true}, nodes.Windows, ""},
		{fleet.Node{ProviderID: "kwok://fargate-1"}, nodes.Other, ""},
		{fleet.Node{ProviderID: "aws:///us-west-2a/0123456789-abcdef/fargate-ip-10-0-9-9.us-west-2.compute.internal"}, nodes.Fargate, ""},
		{fleet.Node{ProviderID: "eks-hybrid:///us-west-2/demo/mi-0123456789abcdef0"}, nodes.Hybrid, ""},
		{fleet.Node{ProviderID: "aws:///usw2-az2/sagemaker/cluster/hyperpod-abcd1234-i-0123456789abcdef0"}, nodes.HyperPod, ""},
		{fleet.Node{ProviderID: "eks-hybrid:///us-west-2/demo/sagemaker/cluster/hyperpod-x"}, nodes.Hybrid, ""},
		{fleet.Node{ProviderID: "aws:///us-west-2a/something-new"}, nodes.Other, ""},
		{fleet.Node{ProviderID: "aws:///us-west-2a/i-xyz", Windows: true}, nodes.Other, ""},
		{fleet.Node{ProviderID: "kwok://node-1"}, nodes.Other, ""},
		{fleet.Node{ProviderID: "gce://project/zone/i-0123456789abcdef0"}, nodes.Other, ""},
		{fleet.Node{ProviderID: "i-0123456789abcdef0"}, nodes.Other, ""},
	} {
		if got, id := tt.node.Kind(), tt.node.Instance(); got != tt.want || id != tt.id {
			t.Errorf("%+v: %q on %q, want %q on %q", tt.node, got, id, tt.want, tt.id)
		}
	}
}
