package cli

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// todaysRoles are those of a cluster in use: nodes, a role that somebody has a Node object for, an admin, a team that RBAC makes
// cluster-admin, and a principal of another account.
const todaysRoles = `- rolearn: arn:aws:iam::111122223333:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
- rolearn: arn:aws:iam::111122223333:role/batch
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
- rolearn: arn:aws:iam::111122223333:role/claimed
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
- rolearn: arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789abcdef
  username: admin
  groups: [system:masters]
- rolearn: arn:aws:iam::111122223333:role/ops
  username: ops:{{SessionName}}
  groups: [ops, viewers]
- rolearn: arn:aws:iam::444455556666:role/auditor
  username: auditor
  groups: [viewers]
`

// TestPolicyInit takes a cluster in use, with nodes and a fake AWS, through what README says: policy init, check, and the guard with
// that policy in front of the API server.
func TestPolicyInit(t *testing.T) {
	cluster := guarded.StartFor(t)
	client, err := kubernetes.NewForConfig(cluster.Config)
	if err != nil {
		t.Fatal(err)
	}
	bindOps(t, client)
	t.Setenv("KUBECONFIG", cluster.Kubeconfig)
	const none = "note: the cluster has no aws-auth, so there is nothing to approve and nothing to require"
	if out, code := kubectl("policy", "init", "--fleet", "off"); code != exitAdmitted || !strings.Contains(out, none) || !strings.Contains(out, "approvals: []") {
		t.Errorf("without aws-auth: exit code %d, want %q in\n%s", code, none, out)
	}
	setMapRoles(t, client, todaysRoles)
	server := newWorldOfNodes(t, client)
	env := map[string]string{"KUBECONFIG": cluster.Kubeconfig, "AWS_ACCESS_KEY_ID": "operator", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-west-2",
		"AWS_ENDPOINT_URL_IAM": server.URL, "AWS_ENDPOINT_URL_STS": server.URL, "AWS_ENDPOINT_URL_EC2": server.URL, "AWS_ENDPOINT_URL_EKS": server.URL}
	t.Run("scripts", func(t *testing.T) { runScripts(t, "testdata/policy", env) })
	for name, value := range env {
		t.Setenv(name, value)
	}
	t.Run("guard", func(t *testing.T) { testGuardWithPolicy(t, cluster, client) })
}

// testGuardWithPolicy puts the guard, with the policy that is written for the cluster, in front of it.
func testGuardWithPolicy(t *testing.T, cluster *guarded.Cluster, client kubernetes.Interface) {
	values, code := kubectl("policy", "init", "--expires", "2099-12-31")
	if code != exitAdmitted {
		t.Fatalf("exit code %d\n%s", code, values)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(file, asPolicyFile(t, values), 0o600); err != nil {
		t.Fatal(err)
	}
	startGuard(t, cluster, client, dir, file)
	objects := client.CoreV1().ConfigMaps("kube-system")
	for name, tt := range map[string]struct {
		edit func(mapRoles string) string
		rule string // "": allowed
	}{
		"a viewer":                 {appended("- rolearn: arn:aws:iam::111122223333:role/batch-viewer\n  username: viewer\n  groups: [viewers]\n"), ""},
		"today's admins, again":    {func(s string) string { return "# reviewed\n" + s }, ""},
		"a new admin":              {appended("- rolearn: arn:aws:iam::111122223333:role/new\n  username: new\n  groups: [system:masters]\n"), "AA401"},
		"a new admin by RBAC":      {appended("- rolearn: arn:aws:iam::111122223333:role/new\n  username: new\n  groups: [ops]\n"), "AA402"},
		"more for an admin":        {func(s string) string { return strings.Replace(s, "[ops, viewers]", "[ops, system:masters]", 1) }, "AA401"},
		"a new node role":          {appended("- rolearn: arn:aws:iam::111122223333:role/new\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"), "AA408"},
		"an admin less":            {func(s string) string { return strings.Replace(s, "[ops, viewers]", "[viewers]", 1) }, ""},
		"a node role that is used": {func(s string) string { return strings.Replace(s, "role/nodes\n", "role/nodes-2\n", 1) }, "AA504"},
		"a node role that is not":  {func(s string) string { return strings.Replace(s, nodeEntry("claimed"), "", 1) }, ""},
		"break-glass by aws-auth":  {appended("- rolearn: arn:aws:iam::111122223333:role/new\n  username: new\n  groups: [aws-auth-break-glass]\n"), "AA401"},
	} {
		t.Run(name, func(t *testing.T) {
			cm, err := objects.Get(t.Context(), "aws-auth", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			cm.Data["mapRoles"] = tt.edit(cm.Data["mapRoles"])
			if cm.Data["mapRoles"] == todaysRoles {
				t.Fatal("nothing is edited")
			}
			_, err = objects.Update(t.Context(), cm, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
			if tt.rule == "" && err != nil || tt.rule != "" && (err == nil || !strings.Contains(err.Error(), tt.rule+" ")) {
				t.Errorf("%v, want %q", err, tt.rule)
			}
		})
	}
}

func appended(entry string) func(string) string { return func(s string) string { return s + entry } }

func nodeEntry(role string) string {
	return "- rolearn: arn:aws:iam::111122223333:role/" + role + "\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"
}

// asPolicyFile is the policy in values as a file of its own, as the chart renders it.
func asPolicyFile(t *testing.T, values string) []byte {
	t.Helper()
	var of struct {
		Policy map[string]any `json:"policy"`
	}
	if err := yaml.Unmarshal([]byte(values), &of); err != nil {
		t.Fatal(err)
	}
	of.Policy["apiVersion"], of.Policy["kind"] = policy.APIVersion, policy.Kind
	text, err := yaml.Marshal(of.Policy)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// startGuard starts the guard and has the API server call it until the test ends.
func startGuard(t *testing.T, cluster *guarded.Cluster, client kubernetes.Interface, dir, policyFile string) {
	t.Helper()
	guard, err := guarded.NewGuard(t.Context(), dir, policyFile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := guard.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := guard.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Install(t.Context(), guard); err != nil {
		t.Fatal(err)
	}
	guard.Kubeconfig = cluster.Kubeconfig // it is ready only where it is installed, and reads RBAC then
	if err := errors.Join(guard.Stop(), guard.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		hooks := client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
		if err := hooks.Delete(context.Background(), "aws-auth-guard", metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// TestPolicyInitDocs holds that docs/policy.md shows a part of what the command prints.
func TestPolicyInitDocs(t *testing.T) {
	docs, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	script, err := txtar.ParseFile("testdata/policy/init.txtar")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(docs), "\n## The policy of a cluster in use\n")
	_, shown, _ := strings.Cut(section, "```yaml\n")
	shown, _, ok := strings.Cut(shown, "```\n")
	if !ok || !strings.Contains(string(script.Files[0].Data), "\n"+shown) {
		t.Errorf("the command does not print\n%s", shown)
	}
}

// bindOps makes the group ops cluster-admin.
func bindOps(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "ops-admin"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "ops"}}}
	if _, err := client.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// newWorldOfNodes makes three nodes: two of the cluster, and one that somebody wrote for an instance with the role claimed, which has
// not this cluster's tag. A node group has the role batch.
func newWorldOfNodes(t *testing.T, client kubernetes.Interface) *httptest.Server {
	t.Helper()
	seed := fake.Seed{
		Credentials: []fake.Credential{{AccessKeyID: "operator", ARN: "arn:aws:iam::111122223333:user/operator"}},
		Clusters: []fake.Cluster{{Name: "demo", Mode: "API_AND_CONFIG_MAP", Nodegroups: []fake.Nodegroup{{Name: "batch", Role: "arn:aws:iam::111122223333:role/batch"}},
			AccessEntries: []fake.AccessEntry{{Principal: "arn:aws:iam::111122223333:role/rescue", Groups: []string{"aws-auth-break-glass"}}}}},
	}
	for _, role := range []string{"nodes", "batch", "claimed", "ops", "rescue", "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef"} {
		seed.Roles = append(seed.Roles, fake.Role{ARN: "arn:aws:iam::111122223333:role/" + role})
	}
	for i, role := range []string{"nodes", "nodes", "claimed"} {
		id, name := "i-0000000"+string(rune('0'+i)), "ip-10-0-0-"+string(rune('0'+i))+".us-west-2.compute.internal"
		profile := "arn:aws:iam::111122223333:instance-profile/" + role
		instance := fake.Instance{ID: id, Profile: profile, PrivateDNSName: name, Launched: time.Now().Add(-24 * time.Hour)}
		if role == "nodes" {
			instance.Tags = map[string]string{"kubernetes.io/cluster/demo": "owned"}
		}
		seed.Instances = append(seed.Instances, instance)
		seed.InstanceProfiles = append(seed.InstanceProfiles, fake.InstanceProfile{ARN: profile, Role: "arn:aws:iam::111122223333:role/" + role})
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/os": "linux", "topology.kubernetes.io/region": "us-west-2"}},
			Spec: corev1.NodeSpec{ProviderID: "aws:///us-west-2a/" + id}}
		made, err := client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		made.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
		if _, err := client.CoreV1().Nodes().UpdateStatus(t.Context(), made, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	aws, err := fake.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(aws)
	t.Cleanup(server.Close)
	return server
}
