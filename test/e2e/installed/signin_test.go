//go:build e2e

package installed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
	"github.com/aws-auth-guard/aws-auth-guard/test/eks"
)

// lockoutPatience bounds how long it takes until a node that cannot authenticate any more is NotReady: 10 s for which the API
// server remembers its token, and 50 s until the node controller gives it up (node-monitor-grace-period), on a busy machine.
const lockoutPatience = 4 * time.Minute

// The cluster's own kubelet authenticates through aws-auth, as a node of EKS does: with a token of its instance's role, which the
// real aws-iam-authenticator maps. An edit past the guard that takes the mapping away makes the node NotReady. The guard's
// pods go on running, and judge the edit that gives it back.
func TestNodeAuthenticatesThroughAWSAuth(t *testing.T) {
	needsNode(t)
	installed(t)
	node := onAWS(t)
	a := authenticator(t, node)
	withoutNodes := base[strings.Index(base, "- rolearn: arn:aws:iam::111122223333:role/admin"):]

	signInAsEKS(t, a)
	began := time.Now()
	eventually(t, "the node is ready by its mapping", func() error {
		if a.AWS.Count("GetCallerIdentity") == 0 { // a heartbeat of the second before the restart proves nothing
			return errors.New("nobody has asked STS: the kubelet does not authenticate through aws-auth")
		}
		return ready(t.Context(), node.Name, began)
	})

	began = time.Now()
	kubectl(t, edit(withoutNodes, glassBroken...)...).wantIn(t, 0, "configmap/aws-auth patched\n")
	within(t, lockoutPatience, "the node is NotReady", func() error { return notReady(t.Context(), node.Name) })
	measured("mapping-removed-to-not-ready", time.Since(began))

	if err := try(strings.Replace(base, "role/nodes", "role/team/nodes", 1)); err == nil || !strings.Contains(err.Error(), "AA203") {
		t.Errorf("a bad edit while the node is NotReady: %v, want AA203", err)
	}
	began = time.Now()
	kubectl(t, edit(base, somebody...)...).wantIn(t, 0, "configmap/aws-auth patched\n")
	within(t, lockoutPatience, "the node is ready again", func() error { return ready(t.Context(), node.Name, began) })
	measured("mapping-restored-to-ready", time.Since(began))
	eventually(t, "two replicas", func() error { _, err := replicas(t.Context()); return err })
}

// authenticator starts the real one behind the API server, which knows its address already.
func authenticator(t *testing.T, on corev1.Node) *eks.Authenticator {
	t.Helper()
	program, err := exec.LookPath(eks.Program)
	if err != nil {
		t.Fatal(err)
	}
	aws, err := fake.New(fake.Seed{
		Roles:     []fake.Role{{ARN: "arn:aws:iam::111122223333:role/nodes"}},
		Instances: []fake.Instance{{ID: fleetInstance, PrivateDNSName: on.Name}},
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := eks.NewAuthenticator(t.TempDir(), program, eks.Options{AWS: aws, Port: 21362, StateDir: node + "authenticator"})
	t.Cleanup(func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	file := clientcmd.NewDefaultClientConfigLoadingRules().GetDefaultFilename()
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		t.Fatal(err)
	}
	config.WarningHandler = rest.NoWarnings{}
	if err := a.Start(t.Context(), config, file); err != nil {
		t.Fatal(err)
	}
	return a
}

// signInAsEKS gives the kubelet the credentials of its instance's role until the test ends.
func signInAsEKS(t *testing.T, a *eks.Authenticator) {
	t.Helper()
	const kubeconfig = node + "node.kubeconfig"
	before, err := os.ReadFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(os.WriteFile(kubeconfig, before, 0o600), restartKubelet()); err != nil {
			t.Error(err)
		}
		began := time.Now()
		list, err := client.CoreV1().Nodes().List(context.Background(), metav1.ListOptions{})
		if err != nil || len(list.Items) != 1 {
			t.Fatalf("%d nodes, want one: %v", len(list.Items), err)
		}
		within(t, lockoutPatience, "the node is ready as before", func() error { return ready(context.Background(), list.Items[0].Name, began) })
	})
	principals := map[string]eks.Principal{"kubelet": {ARN: "arn:aws:iam::111122223333:role/nodes", Session: fleetInstance}}
	if err := errors.Join(a.WriteKubeconfig(kubeconfig, []string{"kubelet"}, principals), restartKubelet()); err != nil {
		t.Fatal(err)
	}
}

// restartKubelet ends the kubelet; node.sh starts it again.
func restartKubelet() error {
	pid, err := program("kubelet")
	if err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// ready reports that a node is Ready, by a heartbeat since a moment.
func ready(ctx context.Context, name string, since time.Time) error {
	c, err := readiness(ctx, name)
	switch {
	case err != nil:
		return err
	case c.Status != corev1.ConditionTrue || c.LastHeartbeatTime.Time.Before(since.Truncate(time.Second)):
		return fmt.Errorf("node %s: Ready is %s, its last heartbeat %v", name, c.Status, c.LastHeartbeatTime)
	}
	return nil
}

func notReady(ctx context.Context, name string) error {
	c, err := readiness(ctx, name)
	if err == nil && c.Status == corev1.ConditionTrue {
		err = fmt.Errorf("node %s is Ready", name)
	}
	return err
}

func readiness(ctx context.Context, name string) (corev1.NodeCondition, error) {
	n, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return corev1.NodeCondition{}, err
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c, nil
		}
	}
	return corev1.NodeCondition{}, fmt.Errorf("node %s has no condition Ready", name)
}

// within is eventually with another bound.
func within(t *testing.T, bound time.Duration, what string, f func() error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(context.Background(), 100*time.Millisecond, bound, true, func(context.Context) (bool, error) {
		last = f()
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: not within %v: %v", what, bound, last)
	}
}
