package main_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

const (
	windowsEntry = "- rolearn: arn:aws:iam::111122223333:role/windows\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes, eks:kube-proxy-windows]\n"
	fargateEntry = "- rolearn: arn:aws:iam::111122223333:role/pods\n  username: system:node:{{SessionName}}\n  groups: [system:bootstrappers, system:nodes, system:node-proxier]\n"
	hybridEntry  = "- rolearn: arn:aws:iam::111122223333:role/hybrid\n  username: system:node:{{SessionName}}\n  groups: [system:bootstrappers, system:nodes]\n"
	coveredEntry = "- rolearn: arn:aws:iam::111122223333:role/covered\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"
	retiredEntry = "- rolearn: arn:aws:iam::111122223333:role/retired\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"
	renewedEntry = "- rolearn: arn:aws:iam::111122223333:role/renewed\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"
	allEntries   = nodesEntry + windowsEntry + fargateEntry + hybridEntry + coveredEntry + retiredEntry + renewedEntry
)

// fleetAWS is an AWS account with an instance for every node on EC2, and the environment that leads to it.
func fleetAWS(t *testing.T) (*fake.Server, []string) {
	t.Helper()
	seed := fake.Seed{Clusters: []fake.Cluster{{Name: "demo", Mode: "API_AND_CONFIG_MAP",
		AccessEntries: []fake.AccessEntry{{Principal: "arn:aws:iam::111122223333:role/covered", Type: "EC2_LINUX"}, {Principal: "arn:aws:iam::111122223333:role/hyperpod", Type: "HYPERPOD_LINUX"},
			{Principal: "arn:aws:iam::111122223333:role/renewed", Type: "EC2_LINUX", Created: time.Now().AddDate(-2, 0, 0)}}, // older than its role
		FargateProfiles: []fake.FargateProfile{{Name: "pods", Role: "arn:aws:iam::111122223333:role/pods"}}}}}
	for i, role := range []string{"nodes", "nodes", "windows", "covered", "renewed"} {
		profile := "arn:aws:iam::111122223333:instance-profile/" + role
		seed.InstanceProfiles = append(seed.InstanceProfiles, fake.InstanceProfile{ARN: profile, Role: "arn:aws:iam::111122223333:role/eks/" + role})
		platform := ""
		if role == "windows" {
			platform = role
		}
		seed.Instances = append(seed.Instances, fake.Instance{ID: fmt.Sprintf("i-0000000%d", i), Profile: profile, Platform: platform,
			Launched: time.Now().Add(-24 * time.Hour), Tags: map[string]string{"kubernetes.io/cluster/demo": "owned"}})
	}
	server, err := fake.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(server)
	t.Cleanup(h.Close)
	env := []string{"AWS_ACCESS_KEY_ID=guard", "AWS_SECRET_ACCESS_KEY=secret", "AWS_REGION=", "AWS_EC2_METADATA_DISABLED=true"}
	for _, service := range []string{"IAM", "STS", "EC2", "EKS"} {
		env = append(env, "AWS_ENDPOINT_URL_"+service+"="+h.URL)
	}
	return server, env
}

// fleetNodes are nodes of every kind, that were ready.
func fleetNodes() []*corev1.Node {
	node := func(name, provider string, labels map[string]string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Spec: corev1.NodeSpec{ProviderID: provider},
			Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown",
				LastTransitionTime: metav1.NewTime(time.Now().Add(time.Hour))}}}}
	}
	linux := map[string]string{"kubernetes.io/os": "linux", "topology.kubernetes.io/region": "us-west-2"}
	return []*corev1.Node{
		node("ip-10-0-0-1.us-west-2.compute.internal", "aws:///us-west-2a/i-00000000", linux),
		node("ip-10-0-0-2.us-west-2.compute.internal", "aws:///us-west-2a/i-00000001", linux),
		node("win.us-west-2.compute.internal", "aws:///us-west-2b/i-00000002", map[string]string{"kubernetes.io/os": "windows"}),
		node("ip-10-0-0-4.us-west-2.compute.internal", "aws:///us-west-2b/i-00000003", linux),
		node("fargate-ip-10-0-0-5.us-west-2.compute.internal", "aws:///us-west-2a/1234567890-abcdef/fargate-ip-10-0-0-5.us-west-2.compute.internal",
			map[string]string{"eks.amazonaws.com/compute-type": "fargate"}),
		node("ip-10-0-0-6.us-west-2.compute.internal", "aws:///us-west-2b/i-00000004", linux),
		node("hyperpod-i-0123456789abcdef0", "aws:///usw2-az2/sagemaker/cluster/hyperpod-abcd1234-i-0123456789abcdef0", linux),
		node("mi-0123456789abcdef0", "eks-hybrid:///us-west-2/demo/mi-0123456789abcdef0", map[string]string{"eks.amazonaws.com/compute-type": "hybrid"}),
	}
}

// TestFleetInCluster runs the built webhook with --fleet auto and credentials in front of a real API server that has nodes of every kind.
func TestFleetInCluster(t *testing.T) {
	t.Parallel()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Skip("needs kube-apiserver and etcd: set KUBEBUILDER_ASSETS to the directory that holds them")
	}
	aws, env := fleetAWS(t)
	c := newCluster(t)
	c.env = env
	nodes := fleetNodes()
	for _, n := range nodes {
		if err := c.admin.Create(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	c.args = append(c.args, "--iam=off") // and --fleet=auto, as the chart has it
	r := c.start()
	c.waitReady(r)
	c.eventually(t, func() error {
		_, metrics := r.getMetrics()
		for _, want := range []string{`aws_auth_guard_enabled{feature="fleet",reason="environment"} 1`, `aws_auth_guard_enabled{feature="iam",reason="flag"} 0`,
			`aws_auth_guard_fleet_known{what="access"} 1`, `aws_auth_guard_fleet_known{what="nodes"} 1`, `aws_auth_guard_fleet_nodes{kind="EC2",role_known="true"} 4`, `aws_auth_guard_fleet_nodes{kind="HyperPod",role_known="false"} 1`} {
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
		says []string // nothing: it is allowed
	}{
		"EC2 nodes":                        {without(nodesEntry), []string{"AA503", "2 running EC2 nodes (2 not ready) lose access: ip-10-0-0-1.us-west-2.compute.internal, ip-10-0-0-2.us-west-2.compute.internal"}},
		"Windows nodes":                    {without(windowsEntry), []string{"AA503", "1 running Windows node"}},
		"Windows nodes lose their group":   {strings.Replace(allEntries, ", eks:kube-proxy-windows", "", 1), []string{"AA505", "eks:kube-proxy-windows"}},
		"Fargate nodes":                    {without(fargateEntry), []string{"AA503", "fargate-ip-10-0-0-5"}},
		"Fargate nodes' username":          {strings.Replace(allEntries, "username: system:node:{{SessionName}}\n  groups: [system:bootstrappers, system:nodes, system:node-proxier]", "username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]", 1), []string{"AA505", "Fargate"}},
		"the hybrid node":                  {without(hybridEntry), []string{"AA503", "mi-0123456789abcdef0"}},
		"nodes with an access entry":       {without(coveredEntry), nil},
		"nodes with an entry that is dead": {without(renewedEntry), []string{"AA503", "1 running EC2 node (1 not ready) loses access: ip-10-0-0-6", "it is older than the role"}},
		"a retired role":                   {without(retiredEntry), nil},
		"all but what is needed":           {nodesEntry + windowsEntry + fargateEntry + hybridEntry + renewedEntry, nil},
		"several at once":                  {retiredEntry, []string{"role/nodes", "role/windows", "role/pods", "role/hybrid"}},
		"an edit that has nothing to do":   {allEntries + "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers]\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.edit(tt.edit)
			if tt.says == nil && err != nil {
				t.Errorf("refused: %v", err)
			}
			for _, s := range tt.says {
				if err == nil || !strings.Contains(strings.Join(strings.Fields(err.Error()), " "), s) { // lines are wrapped
					t.Errorf("%v: want it denied with %q", err, s)
				}
			}
		})
	}

	t.Run("the nodes that an edit by EKS cuts off are reported", func(t *testing.T) {
		if err := update(t, eks, without(nodesEntry), false); err != nil {
			t.Fatal(err)
		}
		c.eventually(t, func() error {
			return c.event("AllowedDespiteError", "2 nodes lose access and turn NotReady within minutes: ip-10-0-0-1.us-west-2.compute.internal, ip-10-0-0-2")
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

	t.Run("below 16 MiB of memory beside the program", func(t *testing.T) {
		if testing.Short() {
			t.Skip("what the race detector adds is no figure of the guard's")
		}
		c.eventually(t, func() error {
			if n := r.anonymous(); n >= 16<<20 {
				return fmt.Errorf("%d bytes of its own, %d resident", n, r.resident())
			}
			return nil
		})
		t.Logf("%d MiB of its own, %d MiB resident", r.anonymous()>>20, r.resident()>>20)
	})

	t.Run("calls", func(t *testing.T) {
		calls := map[string]int{}
		for _, call := range aws.Calls() {
			calls[call.Action]++
		}
		t.Log(calls)
		if calls["GetInstanceProfile"] > 4 || calls["GetRole"] > 3 {
			t.Errorf("%d calls for 4 instance profiles, %d for the roles of 3 access entries", calls["GetInstanceProfile"], calls["GetRole"])
		}
	})
}

// TestFleetStarts has AWS not answer while a guard starts: it is not ready and lets no node role go until it knows that there is
// no answer. Then it is ready, says so, and goes by the mappings alone.
func TestFleetStarts(t *testing.T) {
	t.Parallel()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Skip("needs kube-apiserver and etcd: set KUBEBUILDER_ASSETS to the directory that holds them")
	}
	aws, env := fleetAWS(t)
	if err := aws.SetFaults(fake.Faults{Answer: fake.Hang}); err != nil {
		t.Fatal(err)
	}
	c := newCluster(t)
	c.env = env
	for _, n := range fleetNodes() {
		if err := c.admin.Create(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	c.args = append(c.args, "--iam=off", "--fleet=on", "--fleet-cluster-name=demo")
	r := c.start()
	c.eventually(t, func() error {
		status, detail := r.get("/readyz")
		if status != http.StatusServiceUnavailable || !strings.Contains(detail, "[+] webhook: ok") || !strings.Contains(detail, "[-] fleet: the nodes are not known yet") {
			return fmt.Errorf("readiness %d: %s", status, detail)
		}
		return nil
	})
	c.waitReady(r)
	if r.readyAfter > 40*time.Second {
		t.Errorf("ready after %v", r.readyAfter)
	}
	if _, detail := r.get("/readyz"); !strings.Contains(detail, "[+] fleet: on; --fleet=on\n") || !strings.Contains(detail, "[!] fleet known: nodes not known: ") {
		t.Errorf("readiness:\n%s", detail)
	}
	if _, metrics := r.getMetrics(); !strings.Contains(metrics, "aws_auth_guard_fleet_known{what=\"nodes\"} 0\n") {
		t.Error("no metric")
	}
	if err := update(t, c.as(t, "eks:node-manager"), allEntries, false); err != nil {
		t.Fatal(err)
	}
	if err := c.edit(strings.Replace(allEntries, retiredEntry, "", 1)); err != nil {
		t.Errorf("where nothing can be known, one of several node roles may go: %v", err)
	}
	if err := aws.SetFaults(fake.Faults{}); err != nil {
		t.Fatal(err)
	}
}
