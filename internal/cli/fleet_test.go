package cli

import (
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

const fleetRoles = `- rolearn: arn:aws:iam::111122223333:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
- rolearn: arn:aws:iam::111122223333:role/windows
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
- rolearn: arn:aws:iam::111122223333:role/covered
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
- rolearn: arn:aws:iam::111122223333:role/renewed
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
`

// testFleet runs the scripts of testdata/fleet, with nodes of every kind in the cluster and a fake AWS.
func testFleet(t *testing.T, cluster *guarded.Cluster, client kubernetes.Interface) {
	setMapRoles(t, client, fleetRoles)
	create := func(name, provider, os, compute string, ready bool) {
		t.Helper()
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/os": os, "topology.kubernetes.io/region": "us-west-2",
			"eks.amazonaws.com/compute-type": compute}}, Spec: corev1.NodeSpec{ProviderID: provider}}
		made, err := client.CoreV1().Nodes().Create(t.Context(), n, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		made.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
		if !ready { // it was
			made.Status.Conditions[0] = corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", LastTransitionTime: metav1.NewTime(time.Now().Add(time.Hour))}
		}
		if _, err := client.CoreV1().Nodes().UpdateStatus(t.Context(), made, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	seed := fake.Seed{
		Credentials: []fake.Credential{{AccessKeyID: "operator", ARN: "arn:aws:iam::111122223333:user/operator"},
			{AccessKeyID: "half", ARN: "arn:aws:iam::111122223333:user/half", Deny: []string{"iam:GetInstanceProfile", "iam:GetRole", "eks:DescribeAccessEntry"}},
			{AccessKeyID: "stranger", ARN: "arn:aws:iam::111122223333:user/stranger", Deny: []string{"ec2:DescribeInstances", "eks:DescribeCluster"}}},
		Clusters: []fake.Cluster{{Name: "demo", Mode: "API_AND_CONFIG_MAP", AccessEntries: []fake.AccessEntry{
			{Principal: "arn:aws:iam::111122223333:role/eks/covered", Type: "EC2_LINUX"},
			{Principal: "arn:aws:iam::111122223333:role/eks/renewed", Type: "EC2_LINUX", Created: time.Now().AddDate(-2, 0, 0)}, // older than its role
			{Principal: "arn:aws:iam::111122223333:role/hyperpod", Type: "HYPERPOD_LINUX"},
			{Principal: "arn:aws:iam::111122223333:role/admins", Policies: []string{"arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"}}},
			FargateProfiles: []fake.FargateProfile{{Name: "apps", Role: "arn:aws:iam::111122223333:role/pods"}}}},
	}
	for _, role := range []string{"nodes", "windows", "covered", "renewed"} {
		seed.Roles = append(seed.Roles, fake.Role{ARN: "arn:aws:iam::111122223333:role/eks/" + role})
	}
	for i, role := range []string{"nodes", "nodes", "windows", "covered", "nodes", "renewed"} {
		profile := "arn:aws:iam::111122223333:instance-profile/" + role
		launched := time.Now().Add(-24 * time.Hour)
		if i == 4 {
			launched = time.Now().Add(-time.Minute)
		}
		seed.InstanceProfiles = append(seed.InstanceProfiles, fake.InstanceProfile{ARN: profile, Role: "arn:aws:iam::111122223333:role/eks/" + role})
		platform := ""
		if role == "windows" {
			platform = role
		}
		seed.Instances = append(seed.Instances, fake.Instance{ID: fmt.Sprintf("i-0000000%d", i), Profile: profile, Launched: launched, Platform: platform,
			Tags: map[string]string{"kubernetes.io/cluster/demo": "owned"}})
	}
	create("ip-10-0-0-1.us-west-2.compute.internal", "aws:///us-west-2a/i-00000000", "linux", "", true)
	create("ip-10-0-0-2.us-west-2.compute.internal", "aws:///us-west-2a/i-00000001", "linux", "", false)
	create("win.us-west-2.compute.internal", "aws:///us-west-2a/i-00000002", "windows", "", true)
	create("ip-10-0-0-4.us-west-2.compute.internal", "aws:///us-west-2a/i-00000003", "linux", "", true)
	create("fargate-ip-10-0-0-5.us-west-2.compute.internal", "aws:///us-west-2a/1234567890-abcdef/fargate-ip-10-0-0-5.us-west-2.compute.internal", "linux", "fargate", true)
	create("ip-10-0-0-6.us-west-2.compute.internal", "aws:///us-west-2a/i-00000005", "linux", "", true)
	create("hyperpod-i-0123456789abcdef0", "aws:///usw2-az2/sagemaker/cluster/hyperpod-abcd1234-i-0123456789abcdef0", "linux", "", true)
	create("mi-0123456789abcdef0", "eks-hybrid:///us-west-2/demo/mi-0123456789abcdef0", "linux", "hybrid", true)

	aws, err := fake.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(aws)
	t.Cleanup(server.Close) // the scripts run when this function has returned
	runScripts(t, "testdata/fleet", map[string]string{"KUBECONFIG": cluster.Kubeconfig, "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_ENDPOINT_URL_IAM": server.URL, "AWS_ENDPOINT_URL_STS": server.URL, "AWS_ENDPOINT_URL_EC2": server.URL, "AWS_ENDPOINT_URL_EKS": server.URL})
}

// TestFleetDocs holds that docs/fleet.md shows what the command prints.
func TestFleetDocs(t *testing.T) {
	docs, err := os.ReadFile("../../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	script, err := txtar.ParseFile("testdata/fleet/fleet.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if shown := "```\n$ kubectl awsauth fleet\n" + string(script.Files[0].Data) + "```\n"; !strings.Contains(string(docs), shown) {
		t.Errorf("docs/fleet.md does not show\n%s", shown)
	}
}
