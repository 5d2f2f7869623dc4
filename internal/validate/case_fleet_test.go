package validate_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
)

// fleetHead is the fleet of a case. What it does not mention does not exist, and all of it is known.
type fleetHead struct {
	Mode    nodes.Mode  `yaml:"mode"`
	Nodes   []setHead   `yaml:"nodes"`
	Entries []entryHead `yaml:"entries"`
	// NodesKnown and AccessKnown say how much of the nodes and of the access entries is known; all if they are missing.
	NodesKnown  *knowledgeHead `yaml:"nodesKnown"`
	AccessKnown *knowledgeHead `yaml:"accessKnown"`
	Starting    bool           `yaml:"starting"` // both are {}
}

// knowledgeHead is a nodes.Knowledge; with nothing in it, nobody has found out anything yet.
type knowledgeHead struct {
	At      time.Time `yaml:"at"`
	Expires time.Time `yaml:"expires"`
	Problem string    `yaml:"problem"`
}

// setHead is a nodes.Set. Without a role it is one of the view's Unplaced, with a doubt one of its Doubtful.
type setHead struct {
	Role     string     `yaml:"role"` // its name
	Kind     nodes.Kind `yaml:"kind"`
	Names    []string   `yaml:"names"`
	ByID     bool       `yaml:"byInstanceID"`
	Maybe    bool       `yaml:"maybe"`
	Starting int        `yaml:"starting"`
	NotReady int        `yaml:"notReady"`
	Doubt    string     `yaml:"doubt"`
}

// entryHead is a nodes.AccessEntry.
type entryHead struct {
	ARN              string    `yaml:"arn"`
	Type             string    `yaml:"type"`
	Groups           []string  `yaml:"groups"`
	ClusterAdmin     bool      `yaml:"clusterAdmin"`
	Created          time.Time `yaml:"created"`
	PrincipalCreated time.Time `yaml:"principalCreated"`
}

// check finds what no fleet has. What an access entry may have is not checked: a type can be one that the guard does not know.
func (h *fleetHead) check() error {
	if h == nil {
		return nil
	}
	kinds := []nodes.Kind{nodes.EC2, nodes.Windows, nodes.Fargate, nodes.Hybrid, nodes.HyperPod, nodes.Other}
	for i, n := range h.Nodes {
		if !slices.Contains(kinds, n.Kind) {
			return fmt.Errorf("fleet: nodes[%d]: kind %q is not known, want one of %q", i, n.Kind, kinds)
		}
		if len(n.Names) == 0 {
			return fmt.Errorf("fleet: nodes[%d]: it has no names", i)
		}
	}
	return nil
}

func (h *fleetHead) view() *nodes.View {
	v := view(func(v *nodes.View) { v.Nodes = map[string][]nodes.Set{} })
	if h.Mode != "" {
		v.Mode = h.Mode
	}
	for _, n := range h.Nodes {
		n.join(v)
	}
	for _, e := range h.Entries {
		v.Entries[awsauth.Subject(e.ARN)] = nodes.AccessEntry(e)
	}
	if h.Starting {
		h.NodesKnown, h.AccessKnown = &knowledgeHead{}, &knowledgeHead{}
	}
	if h.NodesKnown != nil {
		v.NodesKnown = nodes.Knowledge(*h.NodesKnown)
	}
	if h.AccessKnown != nil {
		v.AccessKnown = nodes.Knowledge(*h.AccessKnown)
	}
	if v.AccessKnown.At.IsZero() {
		v.Mode = h.Mode // it is part of what is not known
	}
	return v
}

// join adds the nodes to a view.
func (n setHead) join(v *nodes.View) {
	set := nodes.Set{Kind: n.Kind, ByInstanceID: n.ByID, Maybe: n.Maybe, Names: n.Names, NotReady: n.NotReady,
		Joining: n.Starting, Doubt: n.Doubt}
	role := ""
	if n.Role != "" {
		role = roleKey(n.Role)
	}
	switch {
	case n.Doubt != "":
		if v.Doubtful == nil {
			v.Doubtful = map[string][]nodes.Set{}
		}
		v.Doubtful[role] = append(v.Doubtful[role], set)
	case role == "":
		v.Unplaced = append(v.Unplaced, set)
	default:
		v.Nodes[role] = append(v.Nodes[role], set)
	}
}
