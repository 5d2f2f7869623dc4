package fleet_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/fleet"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

const (
	manyNodes, manyRoles = 5000, 40
	perSecond            = 20 // what the fake AWS lets each service be called
)

// large is a cluster of 5,000 nodes with 40 roles.
func large() (fake.Seed, []corev1.Node) {
	var seed fake.Seed
	cluster := fake.Cluster{Name: "demo", Mode: "API_AND_CONFIG_MAP"}
	for i := range manyRoles {
		name := fmt.Sprintf("nodes-%02d", i)
		seed.InstanceProfiles = append(seed.InstanceProfiles, fake.InstanceProfile{ARN: profileARN(name), Role: roleARN(name)})
		seed.Roles = append(seed.Roles, fake.Role{ARN: roleARN(fmt.Sprintf("people-%02d", i))})
		cluster.AccessEntries = append(cluster.AccessEntries, fake.AccessEntry{Principal: roleARN(fmt.Sprintf("people-%02d", i))})
	}
	seed.Clusters = []fake.Cluster{cluster}
	nodeObjects := make([]corev1.Node, 0, manyNodes)
	for i := range manyNodes {
		seed.Instances = append(seed.Instances, instance(i, fmt.Sprintf("nodes-%02d", i%manyRoles)))
		nodeObjects = append(nodeObjects, onEC2(i))
	}
	return seed, nodeObjects
}

// TestLargeFleet prints the figures of a large cluster, and bounds them: calls, a minute, 10 MiB.
func TestLargeFleet(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		seed, items := large()
		s := newSetup(t, seed, items...)
		if err := s.aws.SetFaults(fake.Faults{Rate: perSecond}); err != nil {
			t.Fatal(err)
		}
		heap := func() int64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		before := heap()
		started := time.Now()
		f := fleet.New(s.options)
		v := s.sync(t, f)
		took := time.Since(started)
		memory := heap() - before
		ec2, iam := s.aws.Count("DescribeInstances"), s.aws.Count("GetInstanceProfile")
		t.Logf("first sync of %d nodes with %d roles: %v, %d calls to EC2, %d to IAM, %d in all; %.1f MiB kept", manyNodes, manyRoles, took.Round(time.Millisecond),
			ec2, iam, s.aws.Count(""), float64(memory)/(1<<20))
		if len(v.Nodes) != manyRoles || len(v.Unplaced) != 0 || v.NodesKnown.Doubt(noon) != "" || v.AccessKnown.Doubt(noon) != "" {
			t.Errorf("%d roles, unplaced %v, %q, %q", len(v.Nodes), v.Unplaced, v.NodesKnown.Doubt(noon), v.AccessKnown.Doubt(noon))
		}
		for _, c := range s.aws.Calls() {
			if c.Status != 200 {
				t.Errorf("%s was answered with %d", c.Action, c.Status)
			}
		}
		if ec2 > manyNodes/1000+2 || iam > manyRoles {
			t.Errorf("%d calls to EC2 and %d to IAM, want %d pages and two more, and one for each profile", ec2, iam, manyNodes/1000)
		}
		if memory > 10<<20 {
			t.Errorf("%d bytes kept, want 10 MiB at most", memory)
		}
		if took > time.Minute {
			t.Errorf("the first sync took %v, want a minute at most", took)
		}

		for minute := range 3 {
			s.aws.Forget()
			time.Sleep(time.Minute)
			for i := range 50 {
				n := manyNodes + minute*50 + i
				joining := instance(n, "nodes-00")
				joining.Launched = time.Now().Add(-time.Minute)
				s.aws.Launch(joining)
				s.nodes.items = append(s.nodes.items, onEC2(n))
			}
			v = s.sync(t, f)
			t.Logf("50 nodes joined: %d call to EC2, %d to IAM", s.aws.Count("DescribeInstances"), s.aws.Count("GetInstanceProfile"))
			if s.aws.Count("DescribeInstances") != 1 || s.aws.Count("GetInstanceProfile") != 0 || len(v.Unplaced) != 0 {
				t.Errorf("%d calls to EC2, %d to IAM, unplaced %v: want one call, and all placed", s.aws.Count("DescribeInstances"), s.aws.Count("GetInstanceProfile"), v.Unplaced)
			}
		}
	})
}

// admissions are the same edit judged with and without the fleet: 40 node roles in aws-auth, one of which goes.
func admissions(t testing.TB) map[string]func() {
	t.Helper()
	facts := fleet.Facts{Nodes: map[string]fleet.Node{}, Instances: map[string]fleet.Instance{}, Profiles: map[string]string{},
		Mode: nodes.BothModes, NodesKnown: fresh(), AccessKnown: fresh()}
	var lines []line
	for i := range manyRoles {
		name := fmt.Sprintf("nodes-%02d", i)
		facts.Profiles[profileARN(name)] = roleARN(name)
		lines = append(lines, line{role: name, username: "system:node:{{EC2PrivateDNSName}}", groups: []string{"system:bootstrappers", "system:nodes"}})
	}
	for i := range manyNodes {
		n := onEC2(i)
		facts.Nodes[n.Name] = fleet.Node{Name: n.Name, ProviderID: n.Spec.ProviderID, Ready: true}
		facts.Instances[instanceID(i)] = fleet.Instance{Profile: profileARN(fmt.Sprintf("nodes-%02d", i%manyRoles))}
	}
	all := map[string]func(){}
	for name, fleetPort := range map[string]nodes.Source{"without the fleet": nil, "with the fleet": port{facts.View()}} {
		v, err := validate.New(policy.Default(), validate.WithPorts(validate.Ports{Fleet: fleetPort}), validate.WithClock(func() time.Time { return noon }))
		if err != nil {
			t.Fatal(err)
		}
		req := validate.Request{Operation: validate.Update, Old: configMap(lines), New: configMap(lines[1:])}
		if r := v.Validate(context.Background(), req); r.Allowed == (fleetPort != nil) || fleetPort != nil && !strings.Contains(r.Findings[0].Message, "125 running EC2 nodes lose access") {
			t.Fatalf("%s: %+v", name, r)
		}
		all[name] = func() { v.Validate(context.Background(), req) }
	}
	return all
}

// TestAdmissionCost prints what the fleet adds to an edit, and bounds it to a millisecond. The quickest of many runs counts, so that
// whatever else the machine does does not.
func TestAdmissionCost(t *testing.T) {
	if testing.Short() {
		t.Skip("-short is for make race, whose detector costs more than what is measured here; make test measures it")
	}
	quickest := map[string]time.Duration{}
	all := admissions(t)
	for range 300 {
		for name, judge := range all {
			started := time.Now()
			judge()
			if took := time.Since(started); quickest[name] == 0 || took < quickest[name] {
				quickest[name] = took
			}
		}
	}
	cost := quickest["with the fleet"] - quickest["without the fleet"]
	t.Logf("an edit of %d node roles with %d running nodes: %v with the fleet, %v without it, %v more", manyRoles, manyNodes,
		quickest["with the fleet"], quickest["without the fleet"], cost)
	if cost > time.Millisecond {
		t.Errorf("the fleet adds %v to an admission, want a millisecond at most", cost)
	}
}

func BenchmarkAdmission(b *testing.B) {
	for name, judge := range admissions(b) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				judge()
			}
		})
	}
}

// BenchmarkView is one new view of a large cluster, made in the background.
func BenchmarkView(b *testing.B) {
	seed, items := large()
	s := newSetup(b, seed, items...)
	f := fleet.New(s.options)
	if _, err := f.Sync(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		f.Rebuild()
	}
}
