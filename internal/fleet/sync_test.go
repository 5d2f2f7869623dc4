package fleet_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/fleet"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// nodes lists what is in it, page by page, as the API server would. The watch is tested on a real one (test/e2e).
type nodeObjects struct {
	corev1client.NodeInterface
	items []corev1.Node
}

func (n *nodeObjects) Nodes() corev1client.NodeInterface { return n }

func (n *nodeObjects) List(_ context.Context, o metav1.ListOptions) (*corev1.NodeList, error) {
	from := 0
	if o.Continue != "" {
		if _, err := fmt.Sscan(o.Continue, &from); err != nil {
			return nil, err
		}
	}
	to := min(from+int(o.Limit), len(n.items))
	list := &corev1.NodeList{}
	for _, item := range n.items[from:to] {
		list.Items = append(list.Items, *item.DeepCopy())
	}
	if to < len(n.items) {
		list.Continue = fmt.Sprint(to)
	}
	return list, nil
}

func node(name, providerID string, labels map[string]string) corev1.Node {
	return corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Spec: corev1.NodeSpec{ProviderID: providerID},
		Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}}}
}

func instanceID(i int) string { return fmt.Sprintf("i-%017x", i) }

func onEC2(i int) corev1.Node {
	return node(fmt.Sprintf("ip-10-0-%d-%d.us-west-2.compute.internal", i/250, i%250), "aws:///us-west-2a/"+instanceID(i),
		map[string]string{"kubernetes.io/os": "linux", "topology.kubernetes.io/region": "us-west-2"})
}

func profileARN(name string) string {
	return "arn:aws:iam::" + account + ":instance-profile/karpenter/" + name
}

func instance(i int, profile string) fake.Instance {
	return fake.Instance{ID: instanceID(i), Profile: profileARN(profile), Launched: noon.Add(-24 * time.Hour), PrivateDNSName: onEC2(i).Name,
		Tags: map[string]string{"kubernetes.io/cluster/demo": "owned", "Name": "worker"}}
}

// setup is a fleet with a fake AWS behind it.
type setup struct {
	aws     *fake.Server
	nodes   *nodeObjects
	options fleet.Options
}

// atNoon runs a test in a world of its own in which it is noon, and in which waiting takes no time.
func atNoon(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(noon))
		test(t)
	})
}

func newSetup(t testing.TB, seed fake.Seed, items ...corev1.Node) *setup {
	t.Helper()
	server, err := fake.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	s := &setup{aws: server, nodes: &nodeObjects{items: items}}
	s.options = fleet.Options{Nodes: s.nodes, Who: func() string { return "role guard" },
		AWS: sdk.Config{APIOptions: []func(*middleware.Stack) error{aws.BoundAnswers}, HTTPClient: fake.Memory{Handler: server},
			Credentials: credentials.NewStaticCredentialsProvider("guard", "secret", "")}}
	return s
}

func (s *setup) sync(t testing.TB, f *fleet.Fleet) *nodes.View {
	t.Helper()
	v, err := f.Sync(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// entriesAt is when all access entries of everything were created.
var entriesAt = noon.AddDate(0, -1, 0).Add(123 * time.Millisecond)

// everything is a cluster with every kind of node.
func everything() (fake.Seed, []corev1.Node) {
	admin := "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
	late := instance(9, "nodes")
	late.Launched = noon.Add(-20 * time.Minute)
	old := instance(8, "nodes")
	stopped := instance(7, "nodes")
	stopped.Launched, stopped.State = noon.Add(-20*time.Minute), "stopped"
	windows := instance(2, "windows")
	windows.Platform, windows.PrivateDNSName = "windows", "win"
	untagged := instance(4, "nodes")
	untagged.Tags = nil
	dead := instance(5, "nodes")
	dead.State = "terminated"
	seed := fake.Seed{
		Roles: []fake.Role{{ARN: roleARN("windows"), Created: noon.AddDate(0, -2, 0)}, {ARN: "arn:aws:iam::" + account + ":role/people/admins", Created: noon.AddDate(0, -3, 0)}},
		InstanceProfiles: []fake.InstanceProfile{{ARN: profileARN("nodes"), Role: "arn:aws:iam::" + account + ":role/team/Nodes"},
			{ARN: profileARN("windows"), Role: roleARN("windows")}},
		Instances: []fake.Instance{instance(1, "nodes"), windows, instance(3, "nodes"), untagged, dead, stopped, old, late},
		Clusters: []fake.Cluster{{Name: "demo", Mode: "API_AND_CONFIG_MAP",
			AccessEntries: []fake.AccessEntry{{Principal: roleARN("windows"), Type: "EC2_WINDOWS", Created: entriesAt}, {Principal: "arn:aws:iam::" + account + ":role/people/admins", Policies: []string{admin}, Created: entriesAt},
				{Principal: roleARN("viewers"), Groups: []string{"viewers"}, Created: entriesAt}},
			FargateProfiles: []fake.FargateProfile{{Name: "system", Role: roleARN("pods")}, {Name: "apps", Role: roleARN("pods")}},
			Nodegroups:      []fake.Nodegroup{{Name: "first", Role: "arn:aws:iam::" + account + ":role/team/New"}, {Name: "second", Role: roleARN("nodes")}}}},
	}
	three := onEC2(3)
	three.Name = instanceID(3)
	three.CreationTimestamp = metav1.NewTime(noon.Add(-20 * time.Hour))
	three.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", LastTransitionTime: metav1.NewTime(noon.Add(-time.Hour))}}
	return seed, []corev1.Node{onEC2(1), node("win", "aws:///us-west-2b/"+instanceID(2), map[string]string{"kubernetes.io/os": "windows"}), three, onEC2(4), onEC2(5), onEC2(6),
		node("fargate-ip-10-0-9-9.us-west-2.compute.internal", "aws:///us-west-2a/0123456789-abcdef/fargate-ip-10-0-9-9.us-west-2.compute.internal", map[string]string{"eks.amazonaws.com/compute-type": "fargate"}),
		node("mi-0123456789abcdef0", "eks-hybrid:///us-west-2/demo/mi-0123456789abcdef0", map[string]string{"eks.amazonaws.com/compute-type": "hybrid"})}
}

func key(name string) string { return strings.ToLower(roleARN(name)) }

func TestSync(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		seed, items := everything()
		s := newSetup(t, seed, items...)
		got := s.sync(t, fleet.New(s.options))
		want := map[string][]nodes.Set{
			key("nodes"): {
				{Kind: nodes.EC2, ByInstanceID: true, Names: []string{instanceID(3)}, NotReady: 1},
				{Kind: nodes.EC2, Names: []string{instanceID(9), items[0].Name, items[3].Name}, Joining: 1, Unproven: 1}, // the one without a tag
			},
			key("windows"): {{Kind: nodes.Windows, Names: []string{"win"}}},
			key("pods"):    {{Kind: nodes.Fargate, Names: []string{items[6].Name}, Unproven: 1}},
		}
		for role, sets := range got.Nodes {
			slices.SortFunc(sets, func(a, b nodes.Set) int { return len(a.Names) - len(b.Names) })
			got.Nodes[role] = sets
		}
		if d := cmp.Diff(want, got.Nodes); d != "" {
			t.Errorf("nodes: want -, got +\n%s", d)
		}
		unplaced := []nodes.Set{{Kind: nodes.Hybrid, Names: []string{"mi-0123456789abcdef0"}, Unproven: 1}}
		if d := cmp.Diff(unplaced, got.Unplaced); d != "" {
			t.Errorf("unplaced: want -, got +\n%s", d)
		}
		doubtful := map[string][]nodes.Set{"": {{Kind: nodes.EC2, Names: []string{items[5].Name}, Unproven: 1, Doubt: "EC2 does not know the instance"}},
			key("nodes"): {{Kind: nodes.EC2, Names: []string{items[4].Name}, Doubt: "EC2 has terminated the instance"}}}
		if d := cmp.Diff(doubtful, got.Doubtful); d != "" {
			t.Errorf("doubtful: want -, got +\n%s", d)
		}
		entries := map[string]nodes.AccessEntry{
			key("windows"): {ARN: roleARN("windows"), Type: "EC2_WINDOWS", Groups: []string{}, Created: entriesAt, PrincipalCreated: noon.AddDate(0, -2, 0)},
			key("admins"):  {ARN: "arn:aws:iam::" + account + ":role/people/admins", Type: "STANDARD", Groups: []string{}, ClusterAdmin: true, Created: entriesAt, PrincipalCreated: noon.AddDate(0, -3, 0)},
			key("viewers"): {ARN: roleARN("viewers"), Type: "STANDARD", Groups: []string{"viewers"}, Created: entriesAt}, // IAM knows no such role
		}
		if d := cmp.Diff(entries, got.Entries); d != "" {
			t.Errorf("access entries: want -, got +\n%s", d)
		}
		assigned := map[string][]nodes.Kind{key("new"): {nodes.EC2}, key("nodes"): {nodes.EC2}, key("pods"): {nodes.Fargate, nodes.Fargate}}
		if d := cmp.Diff(assigned, got.Assigned); d != "" {
			t.Errorf("roles of node groups and Fargate profiles: want -, got +\n%s", d)
		}
		if got.Mode != nodes.BothModes || got.NodesKnown.Doubt(noon) != "" || got.AccessKnown.Doubt(noon) != "" {
			t.Errorf("mode %q, nodes %q, access %q: want all known", got.Mode, got.NodesKnown.Doubt(noon), got.AccessKnown.Doubt(noon))
		}
	})
}

// TestDiscovery finds the cluster's name and region where the flags do not give them.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	tagged := func(tags map[string]string) fake.Seed {
		i := instance(1, "nodes")
		i.Tags = tags
		return fake.Seed{Instances: []fake.Instance{i}, Clusters: []fake.Cluster{{Name: "demo"}}}
	}
	labelled := onEC2(1)
	labelled.Labels["alpha.eksctl.io/cluster-name"] = "demo"
	for name, tt := range map[string]struct {
		seed            fake.Seed
		node            corev1.Node
		flags           fleet.Options
		cluster, region string
		doubt           string
	}{
		"from the instance's tag":      {seed: tagged(map[string]string{"kubernetes.io/cluster/demo": "owned"}), node: onEC2(1), cluster: "demo", region: "us-west-2"},
		"from EKS's own tag":           {seed: tagged(map[string]string{"aws:eks:cluster-name": "demo", "kubernetes.io/cluster/other": "shared"}), node: onEC2(1), cluster: "demo", region: "us-west-2"},
		"from eksctl's label":          {seed: tagged(nil), node: labelled, cluster: "demo", region: "us-west-2"},
		"from a hybrid node":           {seed: tagged(nil), node: node("mi-1", "eks-hybrid:///eu-west-1/demo/mi-1", nil), cluster: "demo", region: "eu-west-1"},
		"from the flags":               {seed: tagged(nil), node: onEC2(1), flags: fleet.Options{Cluster: "demo", Region: "eu-north-1"}, cluster: "demo", region: "eu-north-1"},
		"instances of two clusters":    {seed: tagged(map[string]string{"kubernetes.io/cluster/a": "owned", "kubernetes.io/cluster/b": "owned"}), node: onEC2(1), region: "us-west-2", doubt: "fleet.clusterName"},
		"no tag at all":                {seed: tagged(nil), node: onEC2(1), region: "us-west-2", doubt: "fleet.clusterName"},
		"no region":                    {seed: tagged(nil), node: node("a", "", nil), flags: fleet.Options{Cluster: "demo"}, cluster: "demo", doubt: "fleet.region"},
		"the name of another cluster":  {seed: tagged(map[string]string{"kubernetes.io/cluster/demo": "owned"}), node: onEC2(1), flags: fleet.Options{Cluster: "prod"}, cluster: "prod", region: "us-west-2", doubt: "belong to the cluster demo"},
		"a cluster that EKS has not":   {seed: tagged(nil), node: onEC2(1), flags: fleet.Options{Cluster: "nope"}, cluster: "nope", region: "us-west-2"},
		"another cluster in mode API":  {seed: fake.Seed{Instances: tagged(map[string]string{"kubernetes.io/cluster/demo": "owned"}).Instances, Clusters: []fake.Cluster{{Name: "prod", Mode: "API"}}}, node: onEC2(1), flags: fleet.Options{Cluster: "prod"}, cluster: "prod", region: "us-west-2", doubt: "belong to the cluster demo"},
		"another region, in mode API":  {seed: fake.Seed{Clusters: []fake.Cluster{{Name: "demo", Mode: "API"}}}, node: onEC2(1), flags: fleet.Options{Cluster: "demo", Region: "eu-west-1"}, cluster: "demo", region: "eu-west-1", doubt: "knows none of the nodes' instances"},
		"a cluster of another account": {seed: fake.Seed{Clusters: []fake.Cluster{{Name: "demo", Account: "444455556666"}}}, node: onEC2(1), flags: fleet.Options{Cluster: "demo"}, cluster: "demo", region: "us-west-2", doubt: "in this account"},
	} {
		t.Run(name, func(t *testing.T) {
			atNoon(t, func(t *testing.T) {
				s := newSetup(t, tt.seed, tt.node)
				s.options.Cluster, s.options.Region = tt.flags.Cluster, tt.flags.Region
				f := fleet.New(s.options)
				v := s.sync(t, f)
				if cluster, region := f.Where(); cluster != tt.cluster || region != tt.region {
					t.Errorf("got %q in %q, want %q in %q", cluster, region, tt.cluster, tt.region)
				}
				if doubt := v.NodesKnown.Doubt(noon); (doubt == "") != (tt.doubt == "") || !strings.Contains(doubt, tt.doubt) {
					t.Errorf("doubt about the nodes %q, want one that says %q", doubt, tt.doubt)
				}
				if v.Mode == nodes.APIMode && tt.doubt != "" {
					t.Error("the mode of another cluster is taken for this one's")
				}
				if tt.cluster == "nope" && !strings.Contains(v.AccessKnown.Doubt(noon), `no cluster nope`) {
					t.Errorf("doubt about access %q", v.AccessKnown.Doubt(noon))
				}
			})
		})
	}
}

// TestFaults breaks every call in every way. What could not be asked is reported as not known, with what to do about it; it is
// never taken for "no nodes" or "no access entries".
func TestFaults(t *testing.T) {
	gone := roleARN("nodes") // the role that every edit takes away
	for _, action := range []string{"DescribeInstances", "GetInstanceProfile", "DescribeCluster", "ListAccessEntries", "DescribeAccessEntry", "ListFargateProfiles", "DescribeFargateProfile", "ListNodegroups", "DescribeNodegroup", "GetRole"} {
		for _, answer := range fake.Answers[1:] {
			if answer == fake.SomebodyElse {
				continue // made for IAM's principals
			}
			t.Run(action+" "+string(answer), func(t *testing.T) {
				t.Parallel()
				atNoon(t, func(t *testing.T) {
					seed, items := everything()
					s := newSetup(t, seed, items...)
					s.options.Cluster = "demo"
					if err := s.aws.SetFaults(fake.Faults{Answer: answer, Actions: []string{action}}); err != nil {
						t.Fatal(err)
					}
					v := s.sync(t, fleet.New(s.options))
					nodesDoubt, accessDoubt := v.NodesKnown.Doubt(noon), v.AccessKnown.Doubt(noon)
					names := func(s, api string) bool { return strings.Contains(s, api) || answer == fake.ExpiredToken && s != "" }
					switch action {
					case "DescribeInstances":
						if !names(nodesDoubt, "ec2:DescribeInstances") {
							t.Errorf("doubt about the nodes %q, want one that names ec2:DescribeInstances", nodesDoubt)
						}
					case "GetInstanceProfile":
						if len(v.Nodes[key("nodes")]) > 0 || len(v.Unplaced) < 2 || !names(v.NodesKnown.Problem, "iam:GetInstanceProfile") {
							t.Errorf("nodes %v, unplaced %v, problem %q, want the nodes unplaced", v.Nodes, v.Unplaced, v.NodesKnown.Problem)
						}
					case "ListFargateProfiles", "DescribeFargateProfile":
						if !slices.ContainsFunc(v.Unplaced, func(s nodes.Set) bool { return s.Kind == nodes.Fargate }) {
							t.Errorf("unplaced %v, want the Fargate node among them", v.Unplaced)
						}
					case "ListNodegroups", "DescribeNodegroup": // evidence is missing, and nothing else
						if nodesDoubt+accessDoubt != "" || strings.Contains(v.NodesKnown.Problem+v.AccessKnown.Problem, "Nodegroup") || len(v.Assigned[key("new")]) > 0 || len(v.Assigned[key("pods")]) == 0 {
							t.Errorf("nodes %q, access %q, roles assigned %v, want the pods' alone and no doubt", nodesDoubt, accessDoubt, v.Assigned)
						}
					case "DescribeAccessEntry":
						if e := v.Entries[key("windows")]; accessDoubt != "" || len(v.Entries) != 3 || e.Type != "" || !names(v.AccessKnown.Problem, "eks:DescribeAccessEntry") {
							t.Errorf("entries %v, problem %q, want them without types, and the problem", v.Entries, v.AccessKnown.Problem)
						}
					case "GetRole":
						if e := v.Entries[key("admins")]; accessDoubt != "" || len(v.Entries) != 3 || e.Created.IsZero() || !e.PrincipalCreated.IsZero() || !names(v.AccessKnown.Problem, "iam:GetRole") {
							t.Errorf("entries %v, problem %q, want no role's age, and the problem", v.Entries, v.AccessKnown.Problem)
						}
					default:
						if !names(accessDoubt, "eks:"+action) {
							t.Errorf("doubt about access %q, want one that names eks:%s", accessDoubt, action)
						}
					}
					if answer == fake.AccessDenied && !strings.Contains(nodesDoubt+v.NodesKnown.Problem+v.AccessKnown.Problem, "role guard lacks") && !strings.Contains(action, "Fargate") && !strings.Contains(action, "Nodegroup") {
						t.Errorf("%q and %q, want who lacks what", nodesDoubt, accessDoubt)
					}

					last := line{role: "nodes", username: "system:node:{{EC2PrivateDNSName}}", groups: []string{"system:bootstrappers", "system:nodes"}}
					keep := line{role: "viewer", username: "viewer", groups: []string{"viewers"}}
					if r := judge(t, v, []line{last, keep}, []line{keep}); r.Allowed {
						t.Errorf("the last node mapping (%s) may go: %v", gone, r.Findings)
					}
				})
			})
		}
	}
}

// TestHangingProfiles lets one operation hang for every profile of 40: the round does not wait for each of them, what else there is to know is
// known, and the profiles are as soon as IAM answers.
func TestHangingProfiles(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		seed, items := large()
		s := newSetup(t, seed, items...)
		f := fleet.New(s.options)
		if err := s.aws.SetFaults(fake.Faults{Answer: fake.Hang, Actions: []string{"GetInstanceProfile"}}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		v := s.sync(t, f)
		if took := time.Since(began); took > time.Minute {
			t.Errorf("the round took %v, want a minute at most", took)
		}
		if problem := v.NodesKnown.Problem; problem != "AWS did not answer iam:GetInstanceProfile in time" || v.AccessKnown.Doubt(noon) != "" || len(v.Entries) != manyRoles {
			t.Errorf("nodes %q, access %q, %d entries", problem, v.AccessKnown.Doubt(noon), len(v.Entries))
		}
		if err := s.aws.SetFaults(fake.Faults{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		if v = s.sync(t, f); len(v.Nodes) != manyRoles || v.NodesKnown.Problem != "" {
			t.Errorf("%d roles, problem %q", len(v.Nodes), v.NodesKnown.Problem)
		}
	})
}

// TestRecovery breaks AWS after all was known: what was known is relied on until it is too old, and all is well again once
// AWS answers.
func TestRecovery(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		seed, items := everything()
		s := newSetup(t, seed, items...)
		registry := prometheus.NewPedanticRegistry()
		s.options.Metrics = fleet.NewMetrics(registry)
		f := fleet.New(s.options)
		known := func() float64 {
			t.Helper()
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			for _, family := range families {
				if family.GetName() == "aws_auth_guard_fleet_known" {
					for _, m := range family.GetMetric() {
						sum += m.GetGauge().GetValue()
					}
				}
			}
			return sum
		}
		if known() != 0 {
			t.Error("known before the first sync")
		}
		s.sync(t, f)
		if known() != 2 {
			t.Error("not known after the first sync")
		}
		if err := s.aws.SetFaults(fake.Faults{Answer: fake.AccessDenied}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		v := s.sync(t, f)
		if known() != 2 || len(v.Nodes[key("nodes")]) == 0 || len(v.Entries) != 3 {
			t.Errorf("after 10 minutes without AWS: %+v, want what was known before", v)
		}
		time.Sleep(10 * time.Minute)
		v = s.sync(t, f)
		if known() != 0 || !strings.Contains(v.NodesKnown.Doubt(time.Now()), "last known at 12:00 UTC on 2026-11-24: role guard lacks ec2:DescribeInstances") {
			t.Errorf("after 20 minutes without AWS: %q", v.NodesKnown.Doubt(time.Now()))
		}
		if err := s.aws.SetFaults(fake.Faults{}); err != nil {
			t.Fatal(err)
		}
		s.sync(t, f)
		if known() != 2 {
			t.Error("not known again")
		}
		problems, err := testutil.GatherAndLint(registry)
		if err != nil || len(problems) > 0 {
			t.Errorf("metrics: %v %v", problems, err)
		}
	})
}

// TestChanges follows a fleet that changes: nodes that come and go, another role in a profile, an instance's other profile.
func TestChanges(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		seed, items := everything()
		s := newSetup(t, seed, items...)
		f := fleet.New(s.options)
		s.sync(t, f)
		count := func(v *nodes.View, role string) (n int) {
			for _, set := range v.Nodes[key(role)] {
				n += len(set.Names)
			}
			return n
		}

		time.Sleep(time.Minute)
		s.nodes.items = append(s.nodes.items, onEC2(9)) // the one that was starting
		v := s.sync(t, f)
		if n := count(v, "nodes"); n != 4 {
			t.Errorf("%d nodes after one has joined, want 4 as before", n)
		}
		s.nodes.items = s.nodes.items[1:]
		if n := count(s.sync(t, f), "nodes"); n != 3 {
			t.Errorf("%d nodes after one has gone, want 3", n)
		}
		s.aws.SetProfile(fake.InstanceProfile{ARN: profileARN("nodes"), Role: roleARN("other")})
		time.Sleep(31 * time.Minute)
		if v = s.sync(t, f); count(v, "nodes") != 0 || count(v, "other") != 3 {
			t.Errorf("another role in the profile: %v", v.Nodes)
		}
		s.aws.Launch(instance(9, "windows"))
		time.Sleep(61 * time.Minute)
		if v = s.sync(t, f); count(v, "other") != 2 {
			t.Errorf("another profile on an instance: %v", v.Nodes)
		}
		s.aws.Terminate(instanceID(9), instanceID(4))
		time.Sleep(61 * time.Minute)
		v = s.sync(t, f)
		if doubtful := v.Doubtful[""]; count(v, "other") != 1 || len(doubtful) != 1 || len(doubtful[0].Names) != 3 || !strings.Contains(v.NodesKnown.Problem, onEC2(4).Name) {
			t.Errorf("instances that EC2 has forgotten: %v, doubtful %v, problem %q: want their nodes in doubt until the Node objects go", v.Nodes, v.Doubtful, v.NodesKnown.Problem)
		}
		s.aws.SetCluster(fake.Cluster{Name: "demo", Mode: "API"})
		time.Sleep(3 * time.Minute)
		if v = s.sync(t, f); v.Mode != nodes.APIMode || len(v.Entries) != 0 {
			t.Errorf("mode API: %q, %v", v.Mode, v.Entries)
		}
	})
}
