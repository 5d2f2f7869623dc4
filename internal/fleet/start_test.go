package fleet_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/fleet"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// closed is an API server that lets nobody read its nodes.
type closed struct{ corev1client.NodeInterface }

func (c closed) Nodes() corev1client.NodeInterface { return c }

func (closed) List(context.Context, metav1.ListOptions) (*corev1.NodeList, error) {
	return nil, errors.New("nodes is forbidden")
}

func (closed) Watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	return nil, errors.New("nodes is forbidden")
}

// oneOfTwo has the first of two node roles taken away.
func oneOfTwo(t *testing.T, v *nodes.View) validate.Report {
	t.Helper()
	all := []line{nodeLine("nodes"), nodeLine("other"), viewerLine}
	return judge(t, v, all, all[1:])
}

// TestFirstLook follows a guard from its start to the end of its first look at the fleet, well or not, or to the moment when it is
// no longer waited for. Until then it is not ready, and no node role may go.
func TestFirstLook(t *testing.T) {
	t.Parallel()
	seed, items := everything()
	check := func(t *testing.T, f *fleet.Fleet, ready, allowed bool, trouble string) {
		t.Helper()
		if err := f.Check(nil); (err == nil) != ready {
			t.Errorf("ready: %v, want %v", err, ready)
		}
		if r := oneOfTwo(t, f.View()); r.Allowed != allowed {
			t.Errorf("a node role goes, and is allowed: %v, want %v; %v", r.Allowed, allowed, r.Findings)
		}
		if err := f.Trouble(); (err == nil) != (trouble == "") || err != nil && !strings.Contains(err.Error(), trouble) {
			t.Errorf("trouble %v, want %q", err, trouble)
		}
	}
	t.Run("well", func(t *testing.T) {
		atNoon(t, func(t *testing.T) {
			s := newSetup(t, seed, items...)
			f := fleet.New(s.options)
			check(t, f, false, false, "nodes not known yet; access entries not known yet")
			f.Rebuild()
			check(t, f, false, false, "nodes not known yet")
			s.sync(t, f)
			if err := f.Check(nil); err != nil {
				t.Error(err)
			}
			if r := oneOfTwo(t, f.View()); r.Allowed || !strings.Contains(r.Findings[0].Message, "3 running EC2 nodes (1 still starting) lose access") {
				t.Errorf("%v", r.Findings)
			}
		})
	})
	t.Run("not well", func(t *testing.T) {
		atNoon(t, func(t *testing.T) {
			s := newSetup(t, seed, items...)
			s.options.Region, s.options.Cluster = "us-west-2", "demo"
			if err := s.aws.SetFaults(fake.Faults{Answer: fake.AccessDenied}); err != nil {
				t.Fatal(err)
			}
			f := fleet.New(s.options)
			s.sync(t, f)
			check(t, f, true, true, "nodes not known: role guard lacks ec2:DescribeInstances")
		})
	})
	t.Run("too slow", func(t *testing.T) {
		atNoon(t, func(t *testing.T) {
			s := newSetup(t, seed, items...)
			f := fleet.New(s.options)
			time.Sleep(29 * time.Second)
			f.Rebuild()
			check(t, f, false, false, "not known yet")
			time.Sleep(time.Second)
			f.Rebuild()
			check(t, f, true, true, "nodes not known: the first look has not ended within 30s of the start")
			s.sync(t, f)
			if trouble := f.Trouble(); strings.Contains(trouble.Error(), "first look") {
				t.Errorf("it has ended since: %v", trouble)
			}
		})
	})
	t.Run("nodes cannot be read", func(t *testing.T) {
		atNoon(t, func(t *testing.T) {
			s := newSetup(t, seed)
			s.options.Nodes = closed{}
			s.options.Region, s.options.Cluster = "us-west-2", "demo"
			f := fleet.New(s.options)
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- f.Run(ctx) }()
			for end := time.Now().Add(20 * time.Second); f.View().NodesKnown.Problem == ""; time.Sleep(20 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("not a word about it")
				}
			}
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if problem := f.View().NodesKnown.Problem; problem != "cannot list the cluster's nodes: nodes is forbidden" {
				t.Errorf("problem %q", problem)
			}
			if r := oneOfTwo(t, f.View()); !r.Allowed || !strings.Contains(r.Findings[0].Why, "nodes is forbidden") {
				t.Errorf("%v", r.Findings)
			}
		})
	})
}

// authority is the certificate of an authority of its own, as PEM.
func authority(t *testing.T, name string) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: noon.AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestStrangers has a Node object name another cluster of the account, whose mode would make the guard blind to every loss. Its
// certificate authority gives it away.
func TestStrangers(t *testing.T) {
	t.Parallel()
	ours, theirs := authority(t, "kubernetes"), authority(t, "kubernetes")
	labelled := func(n corev1.Node) corev1.Node {
		n.Labels = map[string]string{"alpha.eksctl.io/cluster-name": "another", "topology.kubernetes.io/region": "us-west-2"}
		return n
	}
	hybrid := node("mi-1", "eks-hybrid:///us-west-2/another/mi-1", nil)
	untagged := instance(1, "nodes")
	untagged.Tags = nil
	for name, tt := range map[string]struct {
		nodes     []corev1.Node
		instance  fake.Instance
		authority string // the guard's
		flag      string
		cluster   string
		mode      nodes.Mode
		trouble   string
	}{
		"a label, and the instance's tag":     {nodes: []corev1.Node{labelled(onEC2(1))}, instance: instance(1, "nodes"), authority: ours, cluster: "demo", mode: nodes.BothModes},
		"a label alone":                       {nodes: []corev1.Node{labelled(onEC2(1))}, instance: untagged, authority: ours, trouble: "name another, which has another certificate authority than this cluster, so set fleet.clusterName"},
		"a hybrid node, and an instance":      {nodes: []corev1.Node{onEC2(1), hybrid}, instance: instance(1, "nodes"), authority: ours, cluster: "demo", mode: nodes.BothModes},
		"a hybrid node alone":                 {nodes: []corev1.Node{hybrid}, instance: untagged, authority: ours, trouble: "name another"},
		"one of several authorities is ours":  {nodes: []corev1.Node{onEC2(1)}, instance: instance(1, "nodes"), authority: theirs + ours, cluster: "demo", mode: nodes.BothModes},
		"the operator names it":               {nodes: []corev1.Node{hybrid}, instance: untagged, authority: ours, flag: "another", cluster: "another", mode: nodes.APIMode},
		"the guard knows no authority":        {nodes: []corev1.Node{hybrid}, instance: untagged, cluster: "another", mode: nodes.APIMode},
		"a label that is right":               {nodes: []corev1.Node{labelled(onEC2(1))}, instance: untagged, authority: theirs, cluster: "another", mode: nodes.APIMode},
		"the tag names a stranger, as well":   {nodes: []corev1.Node{onEC2(1)}, instance: instance(1, "nodes"), authority: theirs, trouble: "name demo"},
		"a stranger's label and stranger tag": {nodes: []corev1.Node{labelled(onEC2(1))}, instance: instance(1, "nodes"), authority: authority(t, "kubernetes"), trouble: "name demo and another"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			atNoon(t, func(t *testing.T) {
				s := newSetup(t, fake.Seed{Instances: []fake.Instance{tt.instance}, InstanceProfiles: []fake.InstanceProfile{{ARN: profileARN("nodes"), Role: roleARN("nodes")}},
					Clusters: []fake.Cluster{{Name: "demo", Mode: "API_AND_CONFIG_MAP", CertificateAuthority: ours}, {Name: "another", Mode: "API", CertificateAuthority: theirs}}}, tt.nodes...)
				s.options.Authority, s.options.Cluster = []byte(tt.authority), tt.flag
				f := fleet.New(s.options)
				var v *nodes.View
				for range 4 {
					v = s.sync(t, f)
					if v.Mode != tt.mode && v.Mode != "" {
						t.Errorf("mode %q", v.Mode)
					}
				}
				cluster, _ := f.Where()
				if trouble := v.AccessKnown.Trouble(noon); cluster != tt.cluster || v.Mode != tt.mode || (trouble == "") != (tt.trouble == "") || !strings.Contains(trouble, tt.trouble) {
					t.Errorf("cluster %q in mode %q, trouble %q", cluster, v.Mode, trouble)
				}
				if nodeObjects := v.NodesKnown.Doubt(noon); tt.cluster == "demo" && nodeObjects != "" || tt.trouble != "" && nodeObjects == "" {
					t.Errorf("doubt about the nodes %q", nodeObjects)
				}
			})
		})
	}
}
