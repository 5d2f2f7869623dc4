//go:build e2e

package installed

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

const (
	fleetInstance = "i-0123456789abcdef0"
	retired       = `- rolearn: arn:aws:iam::111122223333:role/retired
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
`
)

// The cluster's own kubelet is a running node: its role stays, and another role may go. AWS is a fake that listens on the node's
// address, the rest is as on a real cluster.
func TestFleet(t *testing.T) {
	needsNode(t)
	node := onAWS(t)
	url := fakeAWS(t, node)
	installed(t)
	environment, err := json.Marshal([]corev1.EnvVar{{Name: "AWS_ENDPOINT_URL", Value: url}, {Name: "AWS_EC2_METADATA_DISABLED", Value: "true"},
		{Name: "AWS_ACCESS_KEY_ID", Value: "guard"}, {Name: "AWS_SECRET_ACCESS_KEY", Value: "secret"}})
	if err != nil {
		t.Fatal(err)
	}
	helm(t, append(upgrade("fleet.enabled=true", "iam.enabled=false"), "--set-json", "extraEnv="+string(environment))...)
	given(t, base+retired)
	withoutLive := base[strings.Index(base, "- rolearn: arn:aws:iam::111122223333:role/admin"):] + retired

	eventually(t, "every replica knows the node", func() error {
		return all(t.Context(), func(p corev1.Pod) error {
			if allowed, err := judges(t.Context(), p.Name, withoutLive); err != nil || allowed {
				return fmt.Errorf("pod %s lets the node's role go: %v, %w", p.Name, allowed, err)
			}
			return nil
		})
	})
	if err := try(withoutLive); err == nil || !says(err.Error(), "AA503") || !says(err.Error(), "1 running EC2 node loses access: "+node.Name) {
		t.Errorf("without the node's role: %v: want it refused with the node's name", err)
	}
	kubectl(t, edit(base, "--dry-run=server")...).want(t, "configmap/aws-auth patched\n", 0)
	for _, p := range wantReplicas(t) {
		memory(t, p, "fleet-rss-mib")
	}
	// What EKS does passes, and the witness says what it costs.
	kubectl(t, edit(withoutLive, nodeManager...)...).wantIn(t, 0, "Warning: ", "AA503", "configmap/aws-auth patched\n")
	eventually(t, "the Event names the node", func() error {
		list, err := client.EventsV1().Events(metav1.NamespaceSystem).List(t.Context(), metav1.ListOptions{FieldSelector: "reason=AllowedDespiteError"})
		if err != nil {
			return err
		}
		for _, e := range list.Items {
			if strings.Contains(e.Note, "1 node loses access and turns NotReady within minutes: "+node.Name) {
				return nil
			}
		}
		return errors.New("no such Event")
	})
}

// onAWS makes the cluster's node look as if it ran on EC2: a provider id can be given to a node that has none.
func onAWS(t *testing.T) corev1.Node {
	t.Helper()
	list, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("%d nodes, want one: %v", len(list.Items), err)
	}
	patch := fmt.Sprintf(`{"metadata":{"labels":{"topology.kubernetes.io/region":"us-west-2"}},"spec":{"providerID":"aws:///us-west-2a/%s"}}`, fleetInstance)
	node, err := client.CoreV1().Nodes().Patch(t.Context(), list.Items[0].Name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return *node
}

// fakeAWS serves an account with the node's instance where the guard's pods can reach it.
func fakeAWS(t *testing.T, node corev1.Node) (url string) {
	t.Helper()
	const profile = "arn:aws:iam::111122223333:instance-profile/nodes"
	aws, err := fake.New(fake.Seed{
		Instances: []fake.Instance{{ID: fleetInstance, Profile: profile, Launched: time.Now().Add(-24 * time.Hour),
			Tags: map[string]string{"kubernetes.io/cluster/demo": "owned"}}},
		InstanceProfiles: []fake.InstanceProfile{{ARN: profile, Role: "arn:aws:iam::111122223333:role/eks/nodes"}},
		Clusters:         []fake.Cluster{{Name: "demo", Mode: "CONFIG_MAP"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + serveOnNode(t, node, aws, nil)
}

// serveOnNode serves where the guard's pods can reach it, over TLS if there is a certificate, until the test ends.
func serveOnNode(t *testing.T, node corev1.Node, handler http.Handler, certificates *tls.Config) (address string) {
	t.Helper()
	for _, a := range node.Status.Addresses {
		if a.Type != corev1.NodeInternalIP {
			continue
		}
		listener, err := net.Listen("tcp", net.JoinHostPort(a.Address, "0"))
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: handler, TLSConfig: certificates, ReadHeaderTimeout: time.Minute}
		if certificates == nil {
			go server.Serve(listener) //nolint:errcheck // ends with Close
		} else {
			go server.ServeTLS(listener, "", "") //nolint:errcheck // ends with Close
		}
		t.Cleanup(func() { server.Close() }) //nolint:errcheck // nothing is left to lose
		return listener.Addr().String()
	}
	t.Fatal("the node has no address")
	return ""
}
