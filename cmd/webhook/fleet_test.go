package main_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

const (
	windowsEntry = "- rolearn: arn:aws:iam::111122223333:role/windows\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes, eks:kube-proxy-windows]\n"
	fargateEntry = "- rolearn: arn:aws:iam::111122223333:role/pods\n  username: system:node:{{SessionName}}\n  groups: [system:bootstrappers, system:nodes, system:node-proxier]\n"
	hybridEntry  = "- rolearn: arn:aws:iam::111122223333:role/hybrid\n  username: system:node:{{SessionName}}\n  groups: [system:bootstrappers, system:nodes]\n"
	coveredEntry = "- rolearn: arn:aws:iam::111122223333:role/covered\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"
	retiredEntry = "- rolearn: arn:aws:iam::111122223333:role/retired\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"
	allEntries   = nodesEntry + windowsEntry + fargateEntry + hybridEntry + coveredEntry + retiredEntry
)

// fleetAWS is an AWS account with an instance for every node on EC2.
func fleetAWS(t *testing.T) *fake.Server {
	t.Helper()
	seed := fake.Seed{Clusters: []fake.Cluster{{Name: "demo", Mode: "API_AND_CONFIG_MAP",
		AccessEntries:   []fake.AccessEntry{{Principal: "arn:aws:iam::111122223333:role/covered", Type: "EC2_LINUX"}},
		FargateProfiles: []fake.FargateProfile{{Name: "pods", Role: "arn:aws:iam::111122223333:role/pods"}}}}}
	for i, role := range []string{"nodes", "nodes", "windows", "covered"} {
		profile := "arn:aws:iam::111122223333:instance-profile/" + role
		seed.InstanceProfiles = append(seed.InstanceProfiles, fake.InstanceProfile{ARN: profile, Role: "arn:aws:iam::111122223333:role/eks/" + role})
		seed.Instances = append(seed.Instances, fake.Instance{ID: fmt.Sprintf("i-0000000%d", i), Profile: profile,
			Launched: time.Now().Add(-24 * time.Hour), Tags: map[string]string{"kubernetes.io/cluster/demo": "owned"}})
	}
	server, err := fake.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(server)
	t.Cleanup(h.Close)
	for _, service := range []string{"IAM", "STS", "EC2", "EKS"} {
		t.Setenv("AWS_ENDPOINT_URL_"+service, h.URL)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "guard")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return server
}

// fleetNodes are nodes of every kind.
func fleetNodes() []*corev1.Node {
	node := func(name, provider string, labels map[string]string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Spec: corev1.NodeSpec{ProviderID: provider}}
	}
	linux := map[string]string{"kubernetes.io/os": "linux", "topology.kubernetes.io/region": "us-west-2"}
	return []*corev1.Node{
		node("ip-10-0-0-1.us-west-2.compute.internal", "aws:///us-west-2a/i-00000000", linux),
		node("ip-10-0-0-2.us-west-2.compute.internal", "aws:///us-west-2a/i-00000001", linux),
		node("win.us-west-2.compute.internal", "aws:///us-west-2b/i-00000002", map[string]string{"kubernetes.io/os": "windows"}),
		node("ip-10-0-0-4.us-west-2.compute.internal", "aws:///us-west-2b/i-00000003", linux),
		node("fargate-ip-10-0-0-5.us-west-2.compute.internal", "aws:///us-west-2a/1234567890-abcdef/fargate-ip-10-0-0-5.us-west-2.compute.internal",
			map[string]string{"eks.amazonaws.com/compute-type": "fargate"}),
		node("mi-0123456789abcdef0", "eks-hybrid:///us-west-2/demo/mi-0123456789abcdef0", map[string]string{"eks.amazonaws.com/compute-type": "hybrid"}),
	}
}

// TestFleetInCluster runs the built webhook with --fleet on in front of a real API server that has nodes of every kind.
func TestFleetInCluster(t *testing.T) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Skip("needs kube-apiserver and etcd: set KUBEBUILDER_ASSETS to the directory that holds them")
	}
	aws := fleetAWS(t)
	c := newCluster(t)
	c.mayReadNodes(t)
	nodes := fleetNodes()
	for _, n := range nodes {
		if err := c.admin.Create(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	c.args = append(c.args, "--fleet=on")
	r := c.start()
	c.waitReady(r)
	c.eventually(t, func() error {
		_, metrics := r.getMetrics()
		for _, want := range []string{`aws_auth_guard_fleet_known{what="access"} 1`, `aws_auth_guard_fleet_known{what="nodes"} 1`, `aws_auth_guard_fleet_nodes{kind="EC2",role_known="true"} 3`} {
			if !strings.Contains(metrics, want+"\n") {
				return fmt.Errorf("no metric %s", want)
			}
		}
		return nil
	})
	eks := c.as(t, "eks:node-manager")
	if err := update(t, eks, allEntries, false); err != nil {
		t.Fatal(err)
	}
	without := func(entry string) string { return strings.Replace(allEntries, entry, "", 1) }

	for name, tt := range map[string]struct {
		edit string
		says []string // nothing: it is let in
	}{
		"EC2 nodes":                      {without(nodesEntry), []string{"AA503", "2 live EC2 nodes (2 not ready) use it: ip-10-0-0-1.us-west-2.compute.internal, ip-10-0-0-2.us-west-2.compute.internal"}},
		"Windows nodes":                  {without(windowsEntry), []string{"AA503", "1 live Windows node"}},
		"Windows nodes lose their group": {strings.Replace(allEntries, ", eks:kube-proxy-windows", "", 1), []string{"AA505", "eks:kube-proxy-windows"}},
		"Fargate nodes":                  {without(fargateEntry), []string{"AA503", "fargate-ip-10-0-0-5"}},
		"Fargate nodes' username":        {strings.Replace(allEntries, "username: system:node:{{SessionName}}\n  groups: [system:bootstrappers, system:nodes, system:node-proxier]", "username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]", 1), []string{"AA505", "Fargate"}},
		"the hybrid node":                {without(hybridEntry), []string{"AA503", "mi-0123456789abcdef0"}},
		"nodes with an access entry":     {without(coveredEntry), nil},
		"a retired role":                 {without(retiredEntry), nil},
		"all but what is needed":         {nodesEntry + windowsEntry + fargateEntry + hybridEntry, nil},
		"several at once":                {retiredEntry, []string{"role/nodes", "role/windows", "role/pods", "role/hybrid"}},
		"an edit that has nothing to do": {allEntries + "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers]\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.edit(tt.edit)
			if tt.says == nil && err != nil {
				t.Errorf("refused: %v", err)
			}
			for _, s := range tt.says {
				if err == nil || !strings.Contains(err.Error(), s) {
					t.Errorf("%v: want it refused with %q", err, s)
				}
			}
		})
	}

	t.Run("what an edit by EKS costs is told", func(t *testing.T) {
		if err := update(t, eks, without(nodesEntry), false); err != nil {
			t.Fatal(err)
		}
		c.eventually(t, func() error {
			return c.event("LetIn", "costs 2 live node(s) their access, which turn NotReady within minutes: ip-10-0-0-1.us-west-2.compute.internal, ip-10-0-0-2")
		})
		if _, metrics := r.getMetrics(); !strings.Contains(metrics, "aws_auth_guard_nodes_lost_total{why=\"exempt\"} 2\n") {
			t.Error("no metric of the lost nodes")
		}
		if err := update(t, eks, allEntries, false); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("nodes that go free their role", func(t *testing.T) {
		for _, n := range nodes[:2] {
			if err := c.admin.Delete(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		c.eventually(t, func() error { return c.edit(without(nodesEntry)) })
	})

	t.Run("calls", func(t *testing.T) {
		calls := map[string]int{}
		for _, call := range aws.Calls() {
			calls[call.Action]++
		}
		t.Logf("%v; resident %d MiB", calls, r.resident()>>20)
		if calls["GetInstanceProfile"] > 3 {
			t.Errorf("%d calls for 3 instance profiles", calls["GetInstanceProfile"])
		}
	})
}

// mayReadNodes gives the guard the rights that the chart gives it with fleet.enabled.
func (c *cluster) mayReadNodes(t *testing.T) {
	t.Helper()
	all := objects(t, strings.Replace(rendered, "defaults", "everything", 1))
	i := slices.IndexFunc(all, func(o *unstructured.Unstructured) bool { return o.GetKind() == "ClusterRole" })
	if i < 0 {
		t.Fatal("the chart renders no ClusterRole")
	}
	rules, _, err := unstructured.NestedSlice(all[i].Object, "rules")
	if err != nil || !slices.ContainsFunc(rules, func(r any) bool { return strings.Contains(fmt.Sprint(r), "nodes") }) {
		t.Fatalf("the chart gives no right on nodes: %v %v", rules, err)
	}
	if err := c.admin.Update(t.Context(), all[i]); err != nil {
		t.Fatal(err)
	}
}
