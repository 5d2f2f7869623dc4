//go:build chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

const (
	liveInstance, strangeInstance = "i-00000000000000001", "i-0000000000000000f"
	liveNode                      = "ip-10-0-0-1.eu-west-1.compute.internal"
)

// retirable are the mappings of roles that no node uses, one for each kind of node.
var retirable = []string{
	strings.Replace(nodes, "role/nodes", "role/retired", 1),
	strings.Replace(nodes, "role/nodes", "role/strange", 1),
	strings.Replace(nodes, "role/nodes", "role/windows", 1) + "  - eks:kube-proxy-windows\n",
	strings.NewReplacer("role/nodes", "role/hybrid", "EC2PrivateDNSName", "SessionName").Replace(nodes),
	strings.NewReplacer("role/nodes", "role/fargate", "EC2PrivateDNSName", "SessionName").Replace(nodes) + "  - system:node-proxier\n",
}

// onAWS is a Node with a provider id. Ready: its status says so, which its creator may write.
func onAWS(name, providerID string, ready bool) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{ProviderID: providerID}}
	if ready {
		n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	}
	return n
}

// forgeries are what somebody who owns no node may write, each under a name of its own.
var forgeries = map[string]func(name string, number int) *corev1.Node{
	"another-clusters": func(name string, _ int) *corev1.Node { return onAWS(name, "aws:///eu-west-1a/"+strangeInstance, true) },
	"a-nodes-instance": func(name string, _ int) *corev1.Node { return onAWS(name, "aws:///eu-west-1a/"+liveInstance, true) },
	"its-instance":     func(string, int) *corev1.Node { return onAWS(liveInstance, "aws:///eu-west-1a/"+liveInstance, false) },
	"no-such-instance": func(name string, n int) *corev1.Node {
		return onAWS(name, fmt.Sprintf("aws:///eu-west-1a/i-%017x", 0xe000+n), true)
	},
	"the-same-instance": func(name string, _ int) *corev1.Node {
		return onAWS(name, "aws:///eu-west-1a/i-0eeeeeeeeeeeeeee0", true)
	},
	"hybrid":           func(name string, _ int) *corev1.Node { return onAWS(name, "eks-hybrid:///eu-west-1/demo/"+name, false) },
	"hybrid-elsewhere": func(name string, _ int) *corev1.Node { return onAWS(name, "eks-hybrid:///eu-west-1/other/"+name, true) },
	"fargate": func(name string, _ int) *corev1.Node {
		return onAWS(name, "aws:///eu-west-1a/0123456789-abcdef/fargate-"+name, true)
	},
	"another-provider":    func(name string, _ int) *corev1.Node { return onAWS(name, "kwok://"+name, false) },
	"without-provider-id": func(name string, _ int) *corev1.Node { return onAWS(name, "", false) },
}

// TestForgedNodes: Nodes of every kind that are none come and go, labels and tags change, and edits are judged meanwhile. One that takes
// the running node's role out is refused, one that retires a role is not, and all that is known of the cluster stays known.
func TestForgedNodes(t *testing.T) {
	profile := func(name string) string { return account + "instance-profile/" + name }
	instance := func(id, name, cluster string) fake.Instance {
		return fake.Instance{ID: id, Profile: profile(name), PrivateDNSName: liveNode, Launched: time.Now().Add(-24 * time.Hour), Tags: map[string]string{"kubernetes.io/cluster/" + cluster: "owned"}}
	}
	strange := instance(strangeInstance, "strange", "other")
	strange.PrivateDNSName = "ip-10-0-0-15.eu-west-1.compute.internal"
	seed := fake.Seed{
		Credentials:      []fake.Credential{{AccessKeyID: "guard", ARN: "arn:aws:sts::111122223333:assumed-role/aws-auth-guard/pod"}},
		Roles:            []fake.Role{{ARN: account + "role/aws-auth-guard"}, {ARN: account + "role/nodes"}, {ARN: account + "role/strange"}, {ARN: account + "role/admin"}},
		InstanceProfiles: []fake.InstanceProfile{{ARN: profile("nodes"), Role: account + "role/nodes"}, {ARN: profile("strange"), Role: account + "role/strange"}},
		Instances:        []fake.Instance{instance(liveInstance, "nodes", "demo"), strange},
		Clusters:         []fake.Cluster{{Name: "demo", Mode: "API_AND_CONFIG_MAP"}},
	}
	aws, err := fake.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	api := admins.CoreV1().Nodes()
	remove := func(name string) {
		if err := api.Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	}
	if _, err := api.Create(t.Context(), onAWS(liveNode, "aws:///eu-west-1a/"+liveInstance, true), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove(liveNode) })
	guard.Kubeconfig = cluster.Kubeconfig
	t.Cleanup(func() { guard.Kubeconfig = "" })
	begin(t, setting{aws: fake.Serve(t, aws), flags: []string{"--fleet", "on", "--fleet-cluster-name", "demo"}})
	all := base + strings.Join(retirable, "")
	given(t, all)
	known := func() error {
		for _, what := range []string{"nodes", "access"} {
			if metric(t, fmt.Sprintf("aws_auth_guard_fleet_known{what=%q}", what)) != 1 {
				return fmt.Errorf("the %s are not known", what)
			}
		}
		return nil
	}
	eventually(t, known)

	// Longer than the guard takes to ask EC2 again, even for a short run.
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(share(120, 70))*time.Second)
	defer cancel()
	var forged, edits atomic.Int64
	var group sync.WaitGroup
	for kind, forge := range forgeries {
		group.Go(func() {
			for number := 0; ctx.Err() == nil; number++ {
				n := forge(fmt.Sprintf("evil-%s-%d", kind, number), number)
				if _, err := api.Create(ctx, n, metav1.CreateOptions{}); err != nil && ctx.Err() == nil && !apierrors.IsAlreadyExists(err) {
					t.Errorf("%s: %v", kind, err)
				}
				forged.Add(1)
				stay := 300 * time.Millisecond
				if number%4 == 3 { // this one is asked about
					stay = 35 * time.Second
				}
				select {
				case <-ctx.Done():
				case <-time.After(stay):
				}
				remove(n.Name)
			}
		})
	}
	group.Go(func() { // the running node's labels, and the tags of its instance
		for number := 0; ctx.Err() == nil; number++ {
			labels := []string{`{"kubernetes.io/os":"windows"}`, `{"kubernetes.io/os":"linux","eks.amazonaws.com/compute-type":"hybrid"}`, `{"eks.amazonaws.com/compute-type":"fargate"}`,
				`{"eks.amazonaws.com/compute-type":null,"alpha.eksctl.io/cluster-name":"other"}`}[number%4]
			if _, err := api.Patch(ctx, liveNode, types.MergePatchType, []byte(`{"metadata":{"labels":`+labels+`}}`), metav1.PatchOptions{}); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			tagged := instance(liveInstance, "nodes", "demo")
			if number%2 == 0 {
				tagged.Tags["eks:cluster-name"], tagged.Tags["kubernetes.io/cluster/other"] = "other", "owned"
			}
			aws.Launch(tagged)
			select {
			case <-ctx.Done():
			case <-time.After(500 * time.Millisecond):
			}
		}
	})
	for worker := range 4 {
		group.Go(func() {
			for number := worker; ctx.Err() == nil; number++ {
				gone := retirable[number%len(retirable)]
				err := errors.Join(refused(try(t.Context(), strings.Replace(all, nodes, "", 1)), "AA503"), try(t.Context(), strings.Replace(all, gone, "", 1)))
				if err != nil {
					t.Errorf("edit %d, without\n%s: %v", number, gone, err)
					return
				}
				edits.Add(2)
			}
		})
	}
	for ctx.Err() == nil {
		if err := known(); err != nil {
			t.Error(err)
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	group.Wait()
	measured("forged-nodes", forged.Load())
	measured("forged-nodes-edits", edits.Load())
	if forged.Load() < int64(len(forgeries)) || edits.Load() < 20 {
		t.Errorf("%d nodes were forged, %d edits made", forged.Load(), edits.Load())
	}
	// All stays known, and nothing is left of it.
	eventually(t, func() error {
		if metric(t, `aws_auth_guard_fleet_failing{what="nodes"}`) != 0 {
			return errors.New("something is still the matter with the nodes")
		}
		return known()
	})
}
