package fleet_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/fleet"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// forge has somebody who owns no node write Node objects, labels and tags. It says what was done, and whether an instance without a tag was
// given another cluster's: then nothing shows any more whose it is.
func forge(r *rand.Rand, f *fleet.Facts) (done []string, retagged bool) {
	f.Nodes, f.Instances, f.Starting, f.Absent = maps.Clone(f.Nodes), maps.Clone(f.Instances), maps.Clone(f.Starting), map[string]time.Time{}
	var real []string // instances with a node
	for _, name := range slices.Sorted(maps.Keys(f.Nodes)) {
		if id := f.Nodes[name].Instance(); id != "" && !f.Instances[id].Gone {
			real = append(real, id)
		}
	}
	put := func(n fleet.Node) {
		if _, taken := f.Nodes[n.Name]; taken { // creating fails
			return
		}
		f.Nodes[n.Name] = n
		done = append(done, fmt.Sprintf("node %+v", n))
	}
	for i := range 1 + r.IntN(4) {
		name := fmt.Sprintf("evil-%d", i)
		id := fmt.Sprintf("i-%017x", 0xe000+i)
		stranger := fleet.Instance{Profile: "arn:aws:iam::" + account + ":instance-profile/" + pick(r, roleNames), Windows: r.IntN(4) == 0, DNSName: name + ".example",
			Launched: noon.Add(-time.Hour), Cluster: "other", Clusters: []string{"other"}}
		fresh := fleet.Node{Name: name, NeverReady: true, Windows: r.IntN(2) == 0}
		n := fresh
		switch r.IntN(12) {
		case 0: // no such instance; the status says anything
			n.ProviderID, n.Ready, n.NeverReady = "aws:///us-west-2a/"+id, r.IntN(2) == 0, false
			f.Absent[id] = noon
		case 1: // EC2 has not been asked yet
			n.ProviderID, n.Ready, n.NeverReady = "aws:///us-west-2a/"+id, r.IntN(2) == 0, false
		case 2: // another cluster's instance, by its right name or not
			n.ProviderID, n.Ready, n.NeverReady = "aws:///us-west-2a/"+id, r.IntN(2) == 0, false
			n.Name = pick(r, []string{name, id, stranger.DNSName})
			f.Instances[id] = stranger
		case 3, 4: // a node's instance
			if len(real) == 0 {
				continue
			}
			n.ProviderID, n.Ready, n.NeverReady = "aws:///us-west-2a/"+pick(r, real), true, false
		case 5: // the same, named for it
			if len(real) == 0 {
				continue
			}
			n.Name = pick(r, real)
			n.ProviderID = "aws:///us-west-2a/" + n.Name
		case 6: // an instance that is about to join
			if len(f.Starting) == 0 {
				continue
			}
			n.ProviderID = "aws:///us-west-2a/" + starting
			n.Name = pick(r, []string{name, starting, f.Starting[starting].DNSName})
		case 7:
			n.Name = "mi-" + name
			n.ProviderID = pick(r, []string{"eks-hybrid:///us-west-2/demo/", "eks-hybrid:///us-west-2/other/", "eks-hybrid:///eu-west-1/demo/"}) + n.Name
		case 8: // a hybrid node of another place; the status says anything
			n.ProviderID, n.Ready, n.NeverReady = pick(r, []string{"eks-hybrid:///us-west-2/other/" + name, "eks-hybrid:///us-west-2/demo/another", "eks-hybrid://x"}), true, false
		case 9:
			n.Name = "fargate-" + name
			n.ProviderID = "aws:///us-west-2a/0123456789-abcdef/" + n.Name
		case 10:
			n.ProviderID = pick(r, []string{"", "aws:///us-west-2a/fargate-x", "aws:///usw2-az2/sagemaker/cluster/hyperpod-x-" + id})
		case 11:
			n.ProviderID = "kwok://" + name // whether another provider's node is ready says nothing
		}
		put(n)
	}
	for name, n := range f.Nodes { // labels
		if r.IntN(3) == 0 {
			n.Windows = !n.Windows
			f.Nodes[name] = n
			done = append(done, "label of "+name)
		}
	}
	for _, id := range real { // tags: ec2:CreateTags takes none away
		if i := f.Instances[id]; r.IntN(3) == 0 {
			retagged = retagged || len(i.Clusters) == 0
			i.Cluster, i.Clusters = "other", append(slices.Clone(i.Clusters), "other")
			f.Instances[id] = i
			done = append(done, "tag of "+id)
		}
	}
	return done, retagged
}

// evidence are the findings of AA408.
func evidence(r validate.Report) (lines []string) {
	for _, f := range r.Findings {
		if f.Rule == "AA408" {
			lines = append(lines, string(f.Severity)+" "+f.Message)
		}
	}
	return lines
}

// starting is an instance that has not joined yet.
const starting = "i-0000000000000abcd"

// TestForgedWorlds judges random edits in random worlds twice: as they are, and after somebody who owns no node has written what he
// may into Node objects, labels and tags. He can add warnings. He cannot have an edit denied, nor one allowed that costs a node its way
// in, nor make a role a node's.
func TestForgedWorlds(t *testing.T) {
	t.Parallel()
	kinds := map[string]int{}
	for seed := range uint64(worlds()) {
		r := rand.New(rand.NewPCG(seed, 9))
		w := newWorld(r)
		if r.IntN(2) == 0 {
			w.facts.Starting[starting] = fleet.Instance{Profile: "arn:aws:iam::" + account + ":instance-profile/" + pick(r, roleNames), Launched: noon.Add(-time.Minute),
				DNSName: "ip-10-0-9-9.us-west-2.compute.internal", Cluster: "demo", Clusters: []string{"demo"}}
		}
		honestly := judge(t, w.facts.View(), w.old, w.new)
		done, retagged := forge(r, &w.facts)
		report := judge(t, w.facts.View(), w.old, w.new)
		before, cut, warnedBefore := ofNodes(honestly)
		denied, cutThen, warned := ofNodes(report)
		warned = warned || slices.ContainsFunc(report.Findings, func(f validate.Finding) bool { return f.Rule == "AA508" && !f.Preexisting }) // then an access entry decides
		// The name of a Node shows which username an instance needs that has not joined. It does have the role.
		ofStarting := func(name string) bool { return w.facts.Nodes[name].Instance() == starting || name == starting }
		noNode := !slices.ContainsFunc(slices.Concat(cut, cutThen), func(name string) bool { return !ofStarting(name) })
		// Nothing shows the role of a hybrid node, and somebody who finds an instance with it can cast doubt on that it is one.
		hybrid := !slices.ContainsFunc(cut, func(name string) bool { return !strings.HasPrefix(name, "mi-") })
		goes := slices.ContainsFunc(report.Findings, func(f validate.Finding) bool {
			return f.Rule != "AA505" && f.Severity == validate.Error && len(f.Nodes) > 0
		})
		switch {
		case denied && !before && !noNode && !(retagged && !goes): // one mapping for two kinds of node is of use to those in doubt, too
			t.Errorf("world %d: denied because of forged nodes", seed)
		case before && !denied && !((retagged || noNode || hybrid) && warned):
			t.Errorf("world %d: allowed because of forged nodes (warned: %v)", seed, warned)
		case warnedBefore && !warned && !denied:
			t.Errorf("world %d: silent because of forged nodes", seed)
		}
		for _, line := range evidence(honestly) {
			if !denied && !slices.ContainsFunc(evidence(report), func(l string) bool { return strings.Split(l, ": ")[0] == strings.Split(line, ": ")[0] }) {
				t.Errorf("world %d: forged nodes are taken for evidence: %s", seed, line)
			}
		}
		if t.Failed() {
			describe(t, w, honestly)
			t.Logf("forged: %s", strings.Join(done, "\n"))
			for _, f := range report.Findings {
				t.Logf("then: %s %s", f.Severity, f.Sentence())
			}
			return
		}
		kinds[fmt.Sprintf("denied before %v, and after %v, with a warning %v", before, denied, warned)]++
	}
	t.Log(kinds)
}

// forgedCluster has two nodes and a Fargate node, a role with an access entry that is retired, and an instance of another cluster.
func forgedCluster() (fake.Seed, []corev1.Node) {
	strange := instance(7, "other")
	strange.Tags = map[string]string{"kubernetes.io/cluster/another": "owned"}
	return fake.Seed{
		Roles:            []fake.Role{{ARN: roleARN("retired")}, {ARN: roleARN("nodes")}, {ARN: roleARN("other")}},
		InstanceProfiles: []fake.InstanceProfile{{ARN: profileARN("nodes"), Role: roleARN("nodes")}, {ARN: profileARN("other"), Role: roleARN("other")}},
		Instances:        []fake.Instance{instance(1, "nodes"), instance(2, "nodes"), strange},
		Clusters: []fake.Cluster{{Name: "demo", Mode: "API_AND_CONFIG_MAP", AccessEntries: []fake.AccessEntry{{Principal: roleARN("retired"), Type: "EC2_LINUX"}}},
			{Name: "another", Mode: "API"}},
	}, []corev1.Node{onEC2(1), onEC2(2)}
}

// written is a Node that somebody wrote: no kubelet has ever reported on it.
func written(name, providerID string, labels map[string]string) corev1.Node {
	n := node(name, providerID, labels)
	n.Status = corev1.NodeStatus{}
	return n
}

var (
	hybridLine  = line{role: "hybrid", username: "system:node:{{SessionName}}", groups: []string{"system:bootstrappers", "system:nodes"}}
	windowsLine = line{role: "windows", username: "system:node:{{EC2PrivateDNSName}}", groups: []string{"system:bootstrappers", "system:nodes", "eks:kube-proxy-windows"}}
)

// TestForgedNodes writes one object or tag in each way, in a cluster whose nodes are known, and holds the verdicts on the loss of each
// role. All stays known, whatever is written.
func TestForgedNodes(t *testing.T) {
	t.Parallel()
	all := []line{nodeLine("nodes"), nodeLine("retired"), nodeLine("other"), hybridLine, windowsLine, viewerLine}
	for name, tt := range map[string]struct {
		forge func(s *setup)
		// warns are the roles whose loss gets a warning, beside that of the nodes' role, which is denied unless it is here.
		warns   []string
		denies  string // another role whose loss is denied
		trouble string
	}{
		"nothing": {forge: func(*setup) {}},
		"a label for Windows": {forge: func(s *setup) {
			for i := range s.nodes.items {
				s.nodes.items[i].Labels["kubernetes.io/os"] = "windows"
			}
		}},
		"a label for Fargate": {forge: func(s *setup) {
			for i := range s.nodes.items {
				s.nodes.items[i].Labels["eks.amazonaws.com/compute-type"] = "fargate"
			}
		}},
		"a label for hybrid nodes": {forge: func(s *setup) {
			for i := range s.nodes.items {
				s.nodes.items[i].Labels["eks.amazonaws.com/compute-type"] = "hybrid"
			}
		}},
		"another cluster's instance": {forge: func(s *setup) {
			s.nodes.items = append(s.nodes.items, written("evil", "aws:///us-west-2a/"+instanceID(7), nil))
		}, warns: []string{"other"}, trouble: "evil (the instance is tagged for another cluster)"},
		"another cluster's instance, ready": {forge: func(s *setup) {
			s.nodes.items = append(s.nodes.items, onEC2(7))
		}, warns: []string{"other"}, trouble: "the instance is tagged for another cluster"},
		"no such instance, for Windows": {forge: func(s *setup) {
			s.nodes.items = append(s.nodes.items, written("evil", "aws:///us-west-2a/"+instanceID(99), map[string]string{"kubernetes.io/os": "windows"}))
		}, warns: []string{"windows"}, trouble: "evil (EC2 does not know the instance)"},
		"no such instance, ready": {forge: func(s *setup) {
			s.nodes.items = append(s.nodes.items, onEC2(99))
		}, warns: []string{"other", "windows"}, trouble: "EC2 does not know the instance"},
		"a hybrid node": {forge: func(s *setup) {
			s.nodes.items = append(s.nodes.items, written("evil", "eks-hybrid:///us-west-2/demo/evil", nil))
		}, warns: []string{"hybrid"}},
		"a hybrid node of another cluster": {forge: func(s *setup) {
			s.nodes.items = append(s.nodes.items, node("mi-1", "eks-hybrid:///us-west-2/another/mi-1", nil))
		}, warns: []string{"hybrid"}, trouble: "mi-1 (the provider id is for another node, cluster or region)"},
		"a Fargate node without a profile": {forge: func(s *setup) {
			s.nodes.items = append(s.nodes.items, node("fargate-1", "aws:///us-west-2a/0123456789-abcdef/fargate-1", nil))
		}, trouble: "fargate-1 (the cluster has no Fargate profile)"},
		"a node's instance again": {forge: func(s *setup) {
			s.nodes.items = append(s.nodes.items, node("evil", "aws:///us-west-2a/"+instanceID(1), nil))
		}, trouble: "evil (the name is not that of the instance)"},
		"a node's instance again, by its id": {forge: func(s *setup) {
			s.nodes.items = append(s.nodes.items, written(instanceID(1), "aws:///us-west-2a/"+instanceID(1), nil))
		}, trouble: instanceID(1) + " (another Node names the same instance)"},
		"a tag on an instance": {forge: func(s *setup) {
			for i := 1; i <= 2; i++ {
				tagged := instance(i, "nodes")
				tagged.Tags["eks:cluster-name"], tagged.Tags["kubernetes.io/cluster/another"] = "another", "owned"
				s.aws.Launch(tagged)
			}
		}},
		"a tag that AWS writes": {forge: func(s *setup) {
			tagged := instance(7, "other")
			tagged.Tags["aws:eks:cluster-name"] = "another" // and ours was added
			s.aws.Launch(tagged)
			s.nodes.items = append(s.nodes.items, onEC2(7))
		}, warns: []string{"other"}, trouble: "the instance is tagged for another cluster"},
		"an instance without a tag and a node": {forge: func(s *setup) { // nothing distinguishes it from a node, except for AA408
			untagged := instance(3, "other")
			untagged.Tags = nil
			s.aws.Launch(untagged)
			s.nodes.items = append(s.nodes.items, onEC2(3))
		}, denies: "other"},
		"a tag on one without": {forge: func(s *setup) {
			tagged := instance(3, "other")
			tagged.Tags = map[string]string{"kubernetes.io/cluster/another": "owned"}
			s.aws.Launch(tagged)
			s.nodes.items = append(s.nodes.items, onEC2(3)) // a node in truth
		}, warns: []string{"other"}, trouble: "the instance is tagged for another cluster"},
	} {
		for _, flag := range []string{"demo", ""} {
			t.Run(name+" "+flag, func(t *testing.T) {
				t.Parallel()
				atNoon(t, func(t *testing.T) {
					seed, items := forgedCluster()
					s := newSetup(t, seed, items...)
					s.options.Cluster = flag
					f := fleet.New(s.options)
					s.sync(t, f)
					tt.forge(s)
					time.Sleep(61 * time.Minute) // so that everything is read again
					v := s.sync(t, f)
					if cluster, _ := f.Where(); cluster != "demo" || v.NodesKnown.Doubt(time.Now()) != "" || v.AccessKnown.Doubt(time.Now()) != "" || v.Mode != nodes.BothModes || len(v.Entries) != 1 {
						t.Errorf("cluster %q, nodes %q, access %q, mode %q, entries %v: want all known", cluster, v.NodesKnown.Doubt(time.Now()), v.AccessKnown.Doubt(time.Now()), v.Mode, v.Entries)
					}
					if trouble := v.NodesKnown.Trouble(time.Now()); (trouble == "") != (tt.trouble == "") || !strings.Contains(trouble, tt.trouble) {
						t.Errorf("trouble %q, want one that says %q", trouble, tt.trouble)
					}
					for i, l := range all[:len(all)-1] {
						r := judgeAt(t, time.Now(), v, all, slices.Delete(slices.Clone(all), i, i+1))
						denied, _, warned := ofNodes(r)
						wantDenied, wantWarned := l.role == "nodes" || l.role == tt.denies, slices.Contains(tt.warns, l.role)
						if denied != wantDenied || warned != wantWarned {
							t.Errorf("role %s goes: denied %v, warned %v, want %v, %v: %v", l.role, denied, warned, wantDenied, wantWarned, r.Findings)
						}
					}
					for _, role := range []string{"other", "new"} { // it becomes a node's, and no node has it
						r := judgeAt(t, time.Now(), v, []line{nodeLine("nodes"), viewerLine}, []line{nodeLine("nodes"), nodeLine(role), viewerLine})
						if len(evidence(r)) == 0 {
							t.Errorf("the mapping of role %s gets no warning", role)
						}
					}
				})
			})
		}
	}
}

// judgeAt is judge at another time.
func judgeAt(t testing.TB, now time.Time, view *nodes.View, old, updated []line) validate.Report {
	t.Helper()
	v, err := validate.New(policy.Default(), validate.WithPorts(validate.Ports{Fleet: port{view}}), validate.WithClock(func() time.Time { return now }))
	if err != nil {
		t.Fatal(err)
	}
	return v.Validate(t.Context(), validate.Request{Operation: validate.Update, Old: configMap(old), New: configMap(updated)})
}

// TestForgedAlone has a forged Node be the only one on EC2, in a cluster that EKS shows to be this one. And where most nodes run on another
// cluster's instances, it is the flag that is wrong.
func TestForgedAlone(t *testing.T) {
	t.Parallel()
	ours := authority(t, "kubernetes")
	seed, _ := forgedCluster()
	seed.Clusters[0].CertificateAuthority = ours
	hybrid := node("mi-1", "eks-hybrid:///us-west-2/demo/mi-1", nil)
	for i, state := range []string{"stopped", "terminated"} {
		strange := instance(8+i, "other")
		strange.Tags, strange.PrivateDNSName, strange.State = map[string]string{"kubernetes.io/cluster/another": "owned"}, "", state
		seed.Instances = append(seed.Instances, strange)
	}
	for name, tt := range map[string]struct {
		forged    []corev1.Node
		authority string
		known     bool
	}{
		"another cluster's instance":            {forged: []corev1.Node{onEC2(7)}, authority: ours, known: true},
		"no such instance":                      {forged: []corev1.Node{onEC2(99)}, authority: ours, known: true},
		"another cluster's, never ready":        {forged: []corev1.Node{onEC2(1), written(onEC2(7).Name, onEC2(7).Spec.ProviderID, nil), written("x", onEC2(7).Spec.ProviderID, nil)}, known: true},
		"no such instance, never ready":         {forged: []corev1.Node{written("evil", "aws:///us-west-2a/"+instanceID(99), nil)}, known: true},
		"another cluster's, nothing to compare": {forged: []corev1.Node{onEC2(7)}},
		"no such instance, nothing to compare":  {forged: []corev1.Node{onEC2(99)}},
		"one without a DNS name, many times":    {forged: []corev1.Node{onEC2(1), node("a", onEC2(8).Spec.ProviderID, nil), node("b", onEC2(8).Spec.ProviderID, nil)}, known: true},
		"one that is gone":                      {forged: []corev1.Node{onEC2(9)}, known: true},
	} {
		t.Run(name, func(t *testing.T) {
			atNoon(t, func(t *testing.T) {
				s := newSetup(t, seed, append(tt.forged, hybrid)...)
				s.options.Cluster, s.options.Region, s.options.Authority = "demo", "us-west-2", []byte(tt.authority)
				f := fleet.New(s.options)
				s.sync(t, f)
				v := s.sync(t, f) // once EKS has answered
				if known := v.NodesKnown.Doubt(noon) == "" && v.AccessKnown.Doubt(noon) == ""; known != tt.known {
					t.Errorf("nodes %q, access %q, want them known: %v", v.NodesKnown.Doubt(noon), v.AccessKnown.Doubt(noon), tt.known)
				}
			})
		})
	}
}

// nameless has the strange instance have no DNS name, so that any Node may be its own.
func nameless(seed *fake.Seed) { seed.Instances[2].PrivateDNSName = "" }

func hybridNode(cluster string) corev1.Node {
	return node("mi-9", "eks-hybrid:///us-west-2/"+cluster+"/mi-9", nil)
}

// TestElection finds the cluster's name from nodes some of which lie, and finds it again when the first answer was wrong.
func TestElection(t *testing.T) {
	t.Parallel()
	labelled := func(i int, name string) corev1.Node {
		n := onEC2(i)
		n.Labels["alpha.eksctl.io/cluster-name"] = name
		return n
	}
	liar := node("mi-1", "eks-hybrid:///eu-west-1/another/mi-1", nil)
	untagged := func(seed *fake.Seed) {
		for i := range seed.Instances {
			seed.Instances[i].Tags = nil
		}
	}
	for name, tt := range map[string]struct {
		seed  func(*fake.Seed)
		first []corev1.Node // who is there at the start; the others come later
		then  []corev1.Node
		found string
	}{
		"the liar is one of three":                {first: []corev1.Node{liar, onEC2(1), onEC2(2)}, found: "demo"},
		"the liar was there first":                {first: []corev1.Node{liar}, then: []corev1.Node{liar, onEC2(1), onEC2(2)}, found: "demo"},
		"instances tell more than labels":         {first: []corev1.Node{labelled(1, "another"), onEC2(2)}, found: "demo"},
		"labels alone: most of them":              {seed: untagged, first: []corev1.Node{labelled(1, "demo"), labelled(2, "demo"), liar}, found: "demo"},
		"labels alone: the liar was first":        {seed: untagged, first: []corev1.Node{liar}, then: []corev1.Node{labelled(1, "demo"), labelled(2, "demo"), liar}, found: "demo"},
		"a Node that was never ready":             {seed: untagged, first: []corev1.Node{written("mi-2", "eks-hybrid:///us-west-2/another/mi-2", nil), labelled(1, "demo")}, found: "demo"},
		"EKS does not know the first":             {seed: untagged, first: []corev1.Node{labelled(1, "aaa"), labelled(2, "demo")}, found: "demo"},
		"a strange instance under a name not its": {first: []corev1.Node{onEC2(1), node("a", onEC2(7).Spec.ProviderID, nil), node("b", onEC2(7).Spec.ProviderID, nil)}, found: "demo"},
		"many Nodes of one strange instance": {seed: nameless, first: []corev1.Node{onEC2(1), onEC2(2), node("a", onEC2(7).Spec.ProviderID, nil), node("b", onEC2(7).Spec.ProviderID, nil),
			node("c", onEC2(7).Spec.ProviderID, nil)}, found: "demo"},
		"a strange instance that is gone":           {seed: func(s *fake.Seed) { nameless(s); s.Instances[2].State = "terminated" }, first: []corev1.Node{onEC2(7), hybridNode("demo")}, found: "demo"},
		"a name that is none":                       {seed: untagged, first: []corev1.Node{labelled(1, "no name"), labelled(2, "no name"), labelled(3, "demo")}, found: "demo"},
		"the liar alone, and nothing to compare it": {first: []corev1.Node{liar}, found: "another"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			atNoon(t, func(t *testing.T) {
				seed, _ := forgedCluster()
				if tt.seed != nil {
					tt.seed(&seed)
				}
				s := newSetup(t, seed, tt.first...)
				s.options.Region = "us-west-2"
				f := fleet.New(s.options)
				s.sync(t, f)
				if tt.then != nil {
					if cluster, _ := f.Where(); cluster != "another" {
						t.Fatalf("cluster %q at first, want another", cluster)
					}
					s.nodes.items = tt.then
				}
				var v *nodes.View
				for range 3 {
					time.Sleep(2 * time.Minute)
					v = s.sync(t, f)
				}
				if cluster, _ := f.Where(); cluster != tt.found {
					t.Errorf("cluster %q, want %q", cluster, tt.found)
				}
				if want := map[string]nodes.Mode{"demo": nodes.BothModes, "another": nodes.APIMode}[tt.found]; v.Mode != want {
					t.Errorf("mode %q, want %q", v.Mode, want)
				}
			})
		})
	}
}

// TestNeverReady distinguishes a Node that has been ready from one that has not, and what that is worth while its instance is young.
func TestNeverReady(t *testing.T) {
	born := metav1.NewTime(noon.Add(-time.Hour))
	ready := func(status corev1.ConditionStatus, reason string, after time.Duration) []corev1.NodeCondition {
		return []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status, Reason: reason, LastTransitionTime: metav1.NewTime(born.Add(after))}}
	}
	for name, tt := range map[string]struct {
		conditions []corev1.NodeCondition
		never      bool
	}{
		"ready":                             {ready(corev1.ConditionTrue, "KubeletReady", time.Minute), false},
		"was ready":                         {ready(corev1.ConditionFalse, "KubeletNotReady", time.Minute), false},
		"the kubelet is silent":             {ready(corev1.ConditionUnknown, "NodeStatusUnknown", time.Hour), false},
		"no condition":                      {nil, true},
		"registered":                        {ready(corev1.ConditionFalse, "KubeletNotReady", 0), true},
		"registered, a clock that is ahead": {ready(corev1.ConditionFalse, "KubeletNotReady", 2*time.Second), true},
		"no kubelet":                        {ready(corev1.ConditionUnknown, "NodeStatusNeverUpdated", time.Minute), true},
	} {
		for age, launched := range map[string]time.Duration{"young": time.Hour, "old": 5 * time.Hour} {
			t.Run(name+" "+age, func(t *testing.T) {
				atNoon(t, func(t *testing.T) {
					seed, items := forgedCluster()
					i := instance(3, "other")
					i.Launched = noon.Add(-launched)
					seed.Instances = append(seed.Instances, i)
					n := onEC2(3)
					n.CreationTimestamp, n.Status.Conditions = born, tt.conditions
					s := newSetup(t, seed, append(items, n)...)
					r := oneOfTwoRoles(t, s.sync(t, fleet.New(s.options)))
					denied, _, warned := ofNodes(r)
					if deny := !tt.never || age == "young"; denied != deny || warned == deny {
						t.Errorf("denied %v, warned %v: %v", denied, warned, r.Findings)
					}
					if starting := strings.Contains(r.Findings[0].Message, "still starting"); starting != (tt.never && age == "young") {
						t.Errorf("%s", r.Findings[0].Message)
					}
				})
			})
		}
	}
}

// oneOfTwoRoles has the role other taken away.
func oneOfTwoRoles(t *testing.T, v *nodes.View) validate.Report {
	t.Helper()
	all := []line{nodeLine("other"), nodeLine("nodes"), viewerLine}
	return judge(t, v, all, all[1:])
}

// TestForgedRegion has most Nodes name something as their region that would lead the guard's signed requests to another host.
func TestForgedRegion(t *testing.T) {
	for _, region := range []string{"evil.example.com#", "evil.example.com?", "evil.example.com:443", "a@evil.example.com", "evil.example.com", "us-west-2.evil", "us-west-2\nx", "US-WEST-2", "us west 2", "-1", "us--1",
		strings.Repeat("us-", 30) + "west-2"} {
		t.Run(region, func(t *testing.T) {
			atNoon(t, func(t *testing.T) {
				seed, items := forgedCluster()
				for i := range 5 {
					name := fmt.Sprintf("mi-%d", i)
					items = append(items, node(name, "eks-hybrid:///"+region+"/demo/"+name, nil), node("label-"+name, "", map[string]string{"topology.kubernetes.io/region": region}))
				}
				s := newSetup(t, seed, items...)
				f := fleet.New(s.options)
				s.sync(t, f)
				if _, got := f.Where(); got != "us-west-2" {
					t.Errorf("region %q", got)
				}
			})
		})
	}
}

// TestForgedStatus has somebody who may write the status of Nodes make those that run look as if they had never been Ready.
func TestForgedStatus(t *testing.T) {
	born := metav1.NewTime(noon.Add(-20 * time.Hour))
	for name, conditions := range map[string][]corev1.NodeCondition{
		"no condition": nil,
		"no kubelet":   {{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusNeverUpdated", LastTransitionTime: metav1.NewTime(noon)}},
		"registered":   {{Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "KubeletNotReady", LastTransitionTime: born}},
	} {
		for _, another := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, another Node %v", name, another), func(t *testing.T) {
				atNoon(t, func(t *testing.T) {
					seed, items := forgedCluster()
					for i := range items {
						items[i].UID, items[i].CreationTimestamp = types.UID(fmt.Sprint(i)), born
					}
					s := newSetup(t, seed, items...)
					f := fleet.New(s.options)
					s.sync(t, f)
					for i := range items {
						items[i].Status.Conditions = conditions
						if another {
							items[i].UID += "x"
						}
					}
					s.sync(t, f)
					v := s.sync(t, f)
					all := []line{nodeLine("nodes"), nodeLine("other"), viewerLine}
					if denied, _, warned := ofNodes(judge(t, v, all, all[1:])); denied == another || warned != another {
						t.Errorf("denied %v, warned %v", denied, warned)
					}
				})
			})
		}
	}
}

// TestForgedCrowd has thousands of Nodes name instances that there are not: they cost one call a round, and one of them that EC2 knows
// after all is found.
func TestForgedCrowd(t *testing.T) {
	const crowd = 2000
	for _, cluster := range []string{"demo", ""} {
		t.Run(cluster, func(t *testing.T) {
			atNoon(t, func(t *testing.T) {
				seed, items := forgedCluster()
				for i := range seed.Instances {
					seed.Instances[i].Tags = nil
				}
				for i := range crowd {
					items = append(items, onEC2(1000+i))
				}
				s := newSetup(t, seed, items...)
				s.options.Cluster = cluster
				f := fleet.New(s.options)
				s.sync(t, f)
				late := instance(1000, "other")
				late.Tags = nil
				s.aws.Launch(late)
				found := false
				for range crowd/200 + 1 {
					s.aws.Forget()
					time.Sleep(30 * time.Second)
					found = found || len(s.sync(t, f).Nodes[roleARN("other")]) > 0
					if n := s.aws.Count("DescribeInstances"); n > 2 {
						t.Fatalf("%d calls to EC2 in one round, want one more than without the crowd", n)
					}
					s.aws.Forget()
					if s.sync(t, f); s.aws.Count("DescribeInstances") > 2 {
						t.Fatalf("%d calls to EC2 in the same second", s.aws.Count("DescribeInstances"))
					}
				}
				if !found {
					t.Error("the instance that EC2 knows by now is not found")
				}
			})
		})
	}
}

// longNodes lists Nodes that are created each time, so that only the caller keeps them.
type longNodes struct{ nodeObjects }

func (n *longNodes) Nodes() corev1client.NodeInterface { return n }

func (n *longNodes) List(context.Context, metav1.ListOptions) (*corev1.NodeList, error) {
	list := &corev1.NodeList{}
	for i := range 50 {
		long := strings.Repeat("x", 1<<20)
		list.Items = append(list.Items, written(fmt.Sprintf("evil-%d", i), []string{"aws:///", "kwok://", "eks-hybrid:///"}[i%3]+long, nil))
	}
	return list, nil
}

// TestForgedLength has Nodes with provider ids of a megabyte.
func TestForgedLength(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		s := newSetup(t, fake.Seed{})
		s.options.Nodes, s.options.Cluster, s.options.Region = &longNodes{}, "demo", "us-west-2"
		f := fleet.New(s.options)
		heap := func() uint64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		s.sync(t, f)
		if kept := int64(heap()) - int64(before); kept > 5<<20 {
			t.Errorf("%d bytes kept of 50 Nodes, want 5 MiB at most", kept)
		}
		runtime.KeepAlive(f)
	})
}

// TestProviderIDOfAnother has a running node whose Node names something else than its instance: another instance had the name before, or
// somebody wrote the Node before the node joined. It authenticates by its name anyway.
func TestProviderIDOfAnother(t *testing.T) {
	for what, id := range map[string]string{
		"none":                             "",
		"another provider's":               "kwok://x",
		"one that is too long":             "aws:///us-west-2a/" + strings.Repeat("x", 2000),
		"an instance that EC2 forgot":      "aws:///us-west-2a/" + instanceID(99),
		"an instance that is terminated":   "aws:///us-west-2a/" + instanceID(5),
		"another node's instance":          "aws:///us-west-2a/" + instanceID(1),
		"another cluster's instance":       "aws:///us-west-2a/" + instanceID(7),
		"a hybrid node's":                  "eks-hybrid:///us-west-2/demo/" + onEC2(3).Name,
		"a Fargate node's":                 "aws:///us-west-2a/0123456789-abcdef/fargate-x",
		"HyperPod's":                       "aws:///usw2-az2/sagemaker/cluster/hyperpod-x-" + instanceID(99),
		"the right one, as a counterproof": "aws:///us-west-2a/" + instanceID(3),
	} {
		for age, launched := range map[string]time.Duration{"young": time.Hour, "old": 5 * time.Hour} {
			for naming, name := range map[string]string{"DNS name": onEC2(3).Name, "id": instanceID(3)} {
				t.Run(what+", "+age+", "+naming, func(t *testing.T) {
					atNoon(t, func(t *testing.T) {
						seed, items := forgedCluster()
						real, dead := instance(3, "other"), instance(5, "nodes")
						real.Launched, real.PrivateDNSName = noon.Add(-launched), strings.ToUpper(real.PrivateDNSName)
						dead.State, dead.PrivateDNSName = "terminated", ""
						seed.Instances = append(seed.Instances, real, dead)
						s := newSetup(t, seed, append(items, node(name, id, nil))...)
						f := fleet.New(s.options)
						lost := nodeLine("other")
						if naming == "id" {
							lost.username = "system:node:{{SessionName}}"
						}
						all := []line{lost, nodeLine("nodes"), viewerLine}
						for _, after := range []time.Duration{0, 3 * time.Hour} { // the guard's own pace is what takes time
							time.Sleep(after)
							r := judgeAt(t, time.Now(), s.sync(t, f), all, all[1:])
							if denied, _, _ := ofNodes(r); !denied || !strings.Contains(r.Findings[0].Message, "1 running EC2 node loses access: "+name) {
								t.Fatalf("after %v: denied %v: %v", after, denied, r.Findings)
							}
						}
					})
				})
			}
		}
	}
}

// TestTerminated has a Node be Ready whose instance is terminated, which carries no tag: the name may be another's by now.
func TestTerminated(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		for _, ready := range []corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse} {
			seed, items := forgedCluster()
			dead := instance(5, "other")
			dead.State, dead.PrivateDNSName, dead.Tags = "terminated", "", nil
			seed.Instances = append(seed.Instances, dead)
			n := onEC2(5)
			n.Status.Conditions[0].Status = ready
			s := newSetup(t, seed, append(items, n)...)
			r := oneOfTwoRoles(t, s.sync(t, fleet.New(s.options)))
			if denied, _, warned := ofNodes(r); denied || warned != (ready == corev1.ConditionTrue) {
				t.Errorf("ready %s: denied %v, warned %v: %v", ready, denied, warned, r.Findings)
			}
		}
	})
}

// TestFargateAgain has a forged Fargate node show that there is no profile, and a real one come after a profile was made: it is no
// stranger because of what EKS said long ago.
func TestFargateAgain(t *testing.T) {
	atNoon(t, func(t *testing.T) {
		seed, items := forgedCluster()
		fargate := func(name string) corev1.Node { return node(name, "aws:///us-west-2a/0123456789-abcdef/"+name, nil) }
		s := newSetup(t, seed, append(items, fargate("fargate-evil"))...)
		f := fleet.New(s.options)
		if v := s.sync(t, f); len(v.Doubtful[""]) != 1 {
			t.Fatalf("doubtful %v, want the Fargate node", v.Doubtful)
		}
		s.nodes.items = items
		s.sync(t, f)
		s.nodes.items = append(items, fargate("fargate-ip-10-0-9-9"))
		if err := s.aws.SetFaults(fake.Faults{Answer: fake.Throttling, Actions: []string{"ListFargateProfiles"}}); err != nil { // EKS does not answer this time
			t.Fatal(err)
		}
		if v := s.sync(t, f); len(v.Doubtful) != 0 {
			t.Errorf("doubtful %v, want none", v.Doubtful)
		}
	})
}
