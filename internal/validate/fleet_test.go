package validate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// view is what a fleet might know: 7 EC2 nodes with the role nodes, and all is fresh.
func view(changes ...func(*nodes.View)) *nodes.View {
	fresh := nodes.Knowledge{At: clock.Add(-time.Minute), Expires: clock.Add(time.Minute)}
	v := &nodes.View{NodesKnown: fresh, AccessKnown: fresh, Mode: nodes.ConfigMapMode, Entries: map[string]nodes.AccessEntry{},
		Nodes: map[string][]nodes.Set{roleKey("nodes"): {{Kind: nodes.EC2, Names: []string{"n1", "n2", "n3", "n4", "n5", "n6", "n7"}}}}}
	for _, change := range changes {
		change(v)
	}
	return v
}

func roleKey(name string) string { return "arn:aws:iam::111122223333:role/" + name }

// with puts nodes with a role there, or takes them away.
func with(role string, sets ...nodes.Set) func(*nodes.View) {
	return func(v *nodes.View) { v.Nodes[roleKey(role)] = sets }
}

// accessEntry gives a principal an access entry, which takes a mode that has any.
func accessEntry(role, kind string, groups ...string) func(*nodes.View) {
	return func(v *nodes.View) {
		v.Mode = nodes.BothModes
		v.Entries[roleKey(role)] = nodes.AccessEntry{ARN: roleKey(role), Type: kind, Groups: groups}
	}
}

// recreated makes the role of an access entry younger than the entry, or as young.
func recreated(role string, after time.Duration) func(*nodes.View) {
	return func(v *nodes.View) {
		e := v.Entries[roleKey(role)]
		e.Created = clock.Add(-24 * time.Hour)
		e.PrincipalCreated = e.Created.Add(after).Truncate(time.Second) // IAM has no fractions
		v.Entries[roleKey(role)] = e
	}
}

// doubtful puts Node objects with a role there, none if it is not known, that may be no nodes.
func doubtful(role string, s nodes.Set) func(*nodes.View) {
	return func(v *nodes.View) {
		if role != "" {
			role = roleKey(role)
		}
		s.Doubt = "never Ready"
		v.Doubtful = map[string][]nodes.Set{role: {s}}
	}
}

// firstSync is a guard that has just started: of the nodes it may know some, of their roles nothing.
func firstSync(v *nodes.View) {
	v.NodesKnown = nodes.Knowledge{}
	for role, sets := range v.Nodes {
		v.Unplaced = append(v.Unplaced, sets...)
		delete(v.Nodes, role)
	}
}

func noAccessYet(v *nodes.View) {
	v.AccessKnown, v.Mode, v.Entries = nodes.Knowledge{}, "", nil
}

func mode(m nodes.Mode) func(*nodes.View) {
	return func(v *nodes.View) { v.Mode = m }
}

func staleNodes(v *nodes.View) {
	v.NodesKnown = nodes.Knowledge{
		At:      clock.Add(-time.Hour),
		Expires: clock.Add(-time.Minute),
		Problem: "AWS answered ec2:DescribeInstances with Throttling",
	}
}

func accessUnknown(v *nodes.View) {
	v.AccessKnown, v.Mode = nodes.Knowledge{Problem: "the guard lacks eks:DescribeCluster"}, ""
}

func hybridNode(v *nodes.View) {
	v.Unplaced = []nodes.Set{{Kind: nodes.Hybrid, Names: []string{"mi-1"}}}
}

var (
	someNodes    = nodes.Set{Kind: nodes.EC2, Names: []string{"a"}}
	maybeFargate = nodes.Set{Kind: nodes.Fargate, Names: []string{"fargate-1"}, Maybe: true}
	startingSet  = nodes.Set{Kind: nodes.EC2, Names: []string{"i-1", "i-2"}, Joining: 2}
	lostSet      = nodes.Set{Kind: nodes.EC2, Names: []string{"n1", "n2"}, NotReady: 2}
	byIDSet      = nodes.Set{Kind: nodes.EC2, ByInstanceID: true, Names: []string{"i-1"}}
)

type fleetPort struct{ view *nodes.View }

func (f fleetPort) View() *nodes.View { return f.view }

// TestStartUp takes a node role away in every state that a guard goes through after its start. While the nodes are not known
// and nothing has failed, that is an error, unless an access entry for nodes is known to cover the role; a role that is known
// to have nodes is always one.
func TestStartUp(t *testing.T) {
	failed := func(v *nodes.View) { firstSync(v); v.NodesKnown.Problem = "AWS did not answer" }
	known := func(*nodes.View) {}
	accessStates := map[string]func(*nodes.View){
		"not known": noAccessYet,
		"none":      known,
		"EC2_LINUX": accessEntry("other-nodes", "EC2_LINUX"),
		"STANDARD":  accessEntry("other-nodes", "STANDARD"),
		"created again": func(v *nodes.View) {
			accessEntry("other-nodes", "EC2_LINUX")(v)
			recreated("other-nodes", time.Hour)(v)
		},
	}
	losses := map[string]string{
		"gone":       nodeRole,
		"for people": nodeRole + item("- rolearn: arn:aws:iam::111122223333:role/other-nodes"),
	}
	for name, nodesState := range map[string]func(*nodes.View){"no view": nil, "nothing": firstSync, "failed": failed, "known": known} {
		for entry, accessState := range accessStates {
			for loss, updated := range losses {
				for _, running := range []bool{false, true} {
					t.Run(fmt.Sprintf("nodes %s, access %s, %s, running %v", name, entry, loss, running), func(t *testing.T) {
						port := fleetPort{}
						if nodesState != nil {
							use := with("other-nodes")
							if running {
								use = with("other-nodes", nodes.Set{Kind: nodes.EC2, Names: []string{"o1"}})
							}
							port.view = view(use, accessState, nodesState)
						}
						ports := validate.WithPorts(validate.Ports{Fleet: port})
						report := update(nodeRole+otherNodes, updated, "", "", "").run(t, ports)
						covered := entry == "EC2_LINUX" && nodesState != nil
						starting := name == "no view" || name == "nothing"
						var want bool // refused
						switch {
						case covered:
						case starting:
							want = true
						case name == "known":
							want = running // ready, so an entry for people does not decide
						case loss == "for people":
							want = true // as ever: what the mapping was is known
						}
						if name == "failed" && entry == "STANDARD" {
							want = false // the entry decides, for all that is known
						}
						if report.Allowed == want {
							t.Errorf("allowed %v, want %v", report.Allowed, !want)
						}
						named := slices.ContainsFunc(report.Findings, func(f validate.Finding) bool {
							return strings.Contains(f.Why, "the guard has just started") &&
								strings.Contains(f.Fix, "try again in a few seconds")
						})
						if starting && want && !named {
							t.Errorf("not a word about the start: %+v", report.Findings)
						}
						if !starting && named {
							t.Error("it has not just started")
						}
						if t.Failed() {
							for _, f := range report.Findings {
								t.Logf("%s %s", f.Severity, f.Sentence())
							}
						}
					})
				}
			}
		}
	}
}

// TestLost holds that a report says which nodes an edit costs, for the metric and the event, whatever the findings are.
func TestLost(t *testing.T) {
	eks := authenticationv1.UserInfo{Username: "eks:node-manager"}
	for name, tt := range map[string]struct {
		fleet    *nodes.View
		op       validate.Operation
		old, new string
		lost     int
	}{
		"the role goes":                     {view(), validate.Update, nodeRole + otherNodes, otherNodes, 7},
		"the value cannot be read any more": {view(), validate.Update, nodeRole, nodeRole + "\t- x\n", 7},
		"deleted":                           {view(), validate.Delete, nodeRole, "", 7},
		"emptied":                           {view(), validate.Update, nodeRole, "[]", 7},
		"stale":                             {view(staleNodes), validate.Update, nodeRole + otherNodes, otherNodes, 7},
		"an access entry covers them":       {view(accessEntry("nodes", "EC2_LINUX")), validate.Update, nodeRole + otherNodes, otherNodes, 0},
		"mode API":                          {view(mode(nodes.APIMode)), validate.Delete, nodeRole, "", 0},
		"they could not sign in before":     {view(), validate.Update, "- x\n" + nodeRole + "\t- x\n", otherNodes, 0},
		"a retired role goes":               {view(), validate.Update, nodeRole + otherNodes, nodeRole, 0},
		"repaired":                          {view(), validate.Update, nodeRole + "\t- x\n", nodeRole, 0},
	} {
		t.Run(name, func(t *testing.T) {
			v := validator(t, "", validate.WithPorts(validate.Ports{Fleet: fleetPort{tt.fleet}}))
			req := validate.Request{Operation: tt.op, User: eks, Old: aconfigmap(map[string]string{awsauth.MapRoles: tt.old})}
			if tt.op != validate.Delete {
				req.New = aconfigmap(map[string]string{awsauth.MapRoles: tt.new})
			}
			if report := v.Validate(context.Background(), req); len(report.Lost) != tt.lost || !report.Allowed {
				t.Errorf("lost %q, allowed %v: want %d, and EKS let through", report.Lost, report.Allowed, tt.lost)
			}
		})
	}
}

// TestManyLosses takes thousands of node roles away at once, each of which any of 10,000 nodes may have. Naming all of these
// nodes for each role would take minutes, and not maxCPU at most.
func TestManyLosses(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a dozen seconds under the race detector")
	}
	var old, updated strings.Builder
	for i := range 5_000 {
		old.WriteString(strings.Replace(otherNodes, "other-nodes", fmt.Sprint("nodes", i), 1))
		updated.WriteString(item("- rolearn: "+roleKey(fmt.Sprint("people", i)), "  username: people"))
	}
	var unplaced []string
	for i := range 10_000 {
		unplaced = append(unplaced, fmt.Sprintf("ip-10-0-%d-%d.us-west-2.compute.internal", i/250, i%250))
	}
	slices.Sort(unplaced)
	port := fleetPort{view(func(v *nodes.View) {
		v.Unplaced = []nodes.Set{{Kind: nodes.EC2, Names: unplaced}}
	})}
	started := cpuTime(t)
	report := update(old.String(), updated.String(), "", "", "").run(t, validate.WithPorts(validate.Ports{Fleet: port}))
	took := cpuTime(t) - started
	t.Logf("%v of CPU time", took)
	const says = "10000 running EC2 nodes may lose access: ip-10-0-0-0.us-west-2.compute.internal"
	if report.Allowed || !strings.Contains(report.Findings[0].Message, says) || took > maxCPU {
		t.Errorf("after %v of CPU time: allowed %v, %q", took, report.Allowed, report.Findings[0].Message)
	}
}
