package nodes_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func known() nodes.Knowledge {
	return nodes.Knowledge{At: now.Add(-time.Minute), Expires: now.Add(time.Minute)}
}

// view knows that nodes of a kind use the role nodes, and what else a test says.
func view(change func(*nodes.View)) *nodes.View {
	v := &nodes.View{NodesKnown: known(), AccessKnown: known(), Mode: nodes.BothModes, Entries: map[string]nodes.AccessEntry{},
		Nodes: map[string][]nodes.Set{roleARN("nodes"): {{Kind: nodes.EC2, Names: []string{"n1", "n2"}}}}}
	if change != nil {
		change(v)
	}
	return v
}

func entryOf(kind string) func(*nodes.View) {
	return func(v *nodes.View) {
		v.Entries[roleARN("nodes")] = nodes.AccessEntry{ARN: roleARN("nodes"), Type: kind}
	}
}

func TestShadow(t *testing.T) {
	for name, tt := range map[string]struct {
		view *nodes.View
		want bool
	}{
		"no view":             {nil, false},
		"no entry":            {view(nil), false},
		"an entry":            {view(entryOf("EC2_LINUX")), true},
		"mode CONFIG_MAP":     {view(func(v *nodes.View) { entryOf("EC2_LINUX")(v); v.Mode = nodes.ConfigMapMode }), false},
		"mode API":            {view(func(v *nodes.View) { entryOf("EC2_LINUX")(v); v.Mode = nodes.APIMode }), true},
		"access not known":    {view(func(v *nodes.View) { entryOf("EC2_LINUX")(v); v.AccessKnown = nodes.Knowledge{Problem: "denied"} }), false},
		"access known before": {view(func(v *nodes.View) { entryOf("EC2_LINUX")(v); v.AccessKnown.Expires = now }), false},
		"an inert entry":      {view(entryOf("STANDARD")), false},
	} {
		t.Run(name, func(t *testing.T) {
			if _, got := tt.view.Shadow(roleARN("nodes"), now); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestInert: an entry decides about nobody if it is older than its principal, or if nodes are ready that could not be by it.
func TestInert(t *testing.T) {
	for name, tt := range map[string]struct {
		entry nodes.AccessEntry
		set   nodes.Set
		why   string // "" if it decides
	}{
		"an entry of their type":              {nodes.AccessEntry{Type: "EC2_LINUX"}, nodes.Set{Kind: nodes.EC2}, ""},
		"an entry for people":                 {nodes.AccessEntry{Type: "STANDARD"}, nodes.Set{Kind: nodes.EC2}, "of type STANDARD"},
		"for people, but none is ready":       {nodes.AccessEntry{Type: "STANDARD"}, nodes.Set{Kind: nodes.EC2, NotReady: 2}, ""},
		"for people, but none has joined":     {nodes.AccessEntry{Type: "STANDARD"}, nodes.Set{Kind: nodes.EC2, Joining: 2}, ""},
		"for people, but it may be no role":   {nodes.AccessEntry{Type: "STANDARD"}, nodes.Set{Kind: nodes.Fargate, Maybe: true}, ""},
		"of Fargate, for EC2":                 {nodes.AccessEntry{Type: "FARGATE_LINUX"}, nodes.Set{Kind: nodes.EC2}, "of type FARGATE_LINUX"},
		"of Fargate, for EC2 named by id":     {nodes.AccessEntry{Type: "FARGATE_LINUX"}, nodes.Set{Kind: nodes.EC2, ByInstanceID: true}, ""},
		"of Fargate, for hybrid":              {nodes.AccessEntry{Type: "FARGATE_LINUX"}, nodes.Set{Kind: nodes.Hybrid}, ""},
		"of EC2, for Fargate":                 {nodes.AccessEntry{Type: "EC2_LINUX"}, nodes.Set{Kind: nodes.Fargate}, "of type EC2_LINUX"},
		"of Linux, for Windows":               {nodes.AccessEntry{Type: "EC2_LINUX"}, nodes.Set{Kind: nodes.Windows}, ""},
		"of a type that is not known":         {nodes.AccessEntry{Type: "NEW"}, nodes.Set{Kind: nodes.EC2}, ""},
		"older than the role":                 {nodes.AccessEntry{Type: "EC2_LINUX", Created: now.Add(-time.Hour), PrincipalCreated: now}, nodes.Set{Kind: nodes.EC2}, "older than the role"},
		"of the same second as the role":      {nodes.AccessEntry{Type: "EC2_LINUX", Created: now, PrincipalCreated: now.Add(time.Millisecond)}, nodes.Set{Kind: nodes.EC2}, ""},
		"the role's creation is not known":    {nodes.AccessEntry{Type: "EC2_LINUX", Created: now}, nodes.Set{Kind: nodes.EC2}, ""},
		"younger than the role, as it should": {nodes.AccessEntry{Type: "EC2_LINUX", Created: now, PrincipalCreated: now.Add(-time.Hour)}, nodes.Set{Kind: nodes.EC2}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tt.set.Names = []string{"n1", "n2"}
			tt.entry.ARN = roleARN("nodes")
			v := view(func(v *nodes.View) { v.Nodes[roleARN("nodes")] = []nodes.Set{tt.set} })
			why := v.WhyInert(tt.entry)
			if got := v.Inert(roleARN("nodes"), tt.entry); got != (tt.why != "") || (why != "") != got || !strings.Contains(why, tt.why) {
				t.Errorf("inert %v because %q, want %q", got, why, tt.why)
			}
		})
	}
}

func TestKnowledge(t *testing.T) {
	for name, tt := range map[string]struct {
		is             nodes.Knowledge
		doubt, trouble string
	}{
		"fresh":            {known(), "", ""},
		"fresh, with care": {nodes.Knowledge{At: now, Expires: now.Add(time.Second), Problem: "denied"}, "", "denied"},
		"not tried yet":    {nodes.Knowledge{}, "not known yet", "not known yet"},
		"never":            {nodes.Knowledge{Problem: "denied"}, "not known: denied", "not known: denied"},
		"too old": {nodes.Knowledge{At: now.Add(-time.Hour), Expires: now, Problem: "denied"},
			"last known at 11:00 UTC on 2026-11-24: denied", "last known at 11:00 UTC on 2026-11-24: denied"},
	} {
		t.Run(name, func(t *testing.T) {
			if doubt, trouble := tt.is.Doubt(now), tt.is.Trouble(now); doubt != tt.doubt || trouble != tt.trouble {
				t.Errorf("doubt %q, trouble %q, want %q and %q", doubt, trouble, tt.doubt, tt.trouble)
			}
		})
	}
}
