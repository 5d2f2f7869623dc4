package nodes

import (
	"fmt"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// Source is the port to the running nodes and to the cluster's access entries.
type Source interface {
	// View returns what is known at this moment, at once: it never asks anybody. nil: nothing is known yet.
	View() *View
}

// View is what is known of the running nodes and of the access entries at one moment. It is never changed once it was
// made. A nil view knows nothing.
type View struct {
	// Nodes are the running nodes by the role that they authenticate with: the awsauth.Subject of its ARN, so without its
	// path.
	Nodes map[string][]Set
	// RoleARNs are those roles as IAM or EKS names them, with their paths.
	RoleARNs map[string]string
	// Unplaced are running nodes whose role is not known: hybrid and HyperPod nodes, those of other providers, and those
	// that nothing was found out about yet.
	Unplaced []Set
	// Doubtful are Node objects that something speaks against, by the role that they would authenticate with; "" if that
	// is not known. Somebody who may create nodes can make them, so they deny nothing and prove nothing; but they may be
	// nodes, so a loss is not silent.
	Doubtful map[string][]Set
	// NodesKnown says whether there are no others.
	NodesKnown Knowledge
	// Assigned are the roles that EKS gives the nodes of managed node groups and Fargate profiles, by the awsauth.Subject
	// of their ARN, with the kinds of those nodes. There need be no node yet. What is not there is not known.
	Assigned map[string][]Kind

	Mode Mode
	// Entries are the access entries, by the awsauth.Subject of their principal.
	Entries map[string]AccessEntry
	// AccessKnown is about Mode and Entries.
	AccessKnown Knowledge
}

// Ignored reports that EKS does not look at aws-auth at all. There is no way back from that mode, so it does not
// matter how old that answer is.
func (v *View) Ignored() bool { return v != nil && v.Mode == APIMode }

// Starting reports that the guard has just started and has not yet looked for the running nodes to the end, well or
// not. Then nothing is known, which is not the same as that there is nothing.
func (v *View) Starting() bool {
	return v != nil && v.NodesKnown.At.IsZero() && v.NodesKnown.Problem == ""
}

// KnowsNodes reports that every running node is among Nodes or Unplaced.
func (v *View) KnowsNodes(now time.Time) bool { return v != nil && v.NodesKnown.good(now) }

// KnowsAccess reports that the authentication mode and all access entries are known.
func (v *View) KnowsAccess(now time.Time) bool { return v != nil && v.AccessKnown.good(now) }

// Doubt says why the running nodes are not known.
func (v *View) Doubt(now time.Time) string {
	if v == nil {
		return ""
	}
	return v.NodesKnown.Doubt(now)
}

// Entry is the access entry of a principal, whether it decides or not.
func (v *View) Entry(subject string, now time.Time) (AccessEntry, bool) {
	if v == nil || v.Mode != BothModes && v.Mode != APIMode || !v.AccessKnown.good(now) {
		return AccessEntry{}, false
	}
	e, ok := v.Entries[subject]
	return e, ok
}

// Shadow is the access entry that EKS takes in the place of whatever aws-auth says of a principal.
func (v *View) Shadow(subject string, now time.Time) (AccessEntry, bool) {
	e, ok := v.Entry(subject, now)
	if !ok || v.Inert(subject, e) {
		return AccessEntry{}, false
	}
	return e, true
}

// Inert reports that an access entry decides about nobody: it is older than its principal, or nodes with the role are
// ready that could not be if it decided.
func (v *View) Inert(subject string, e AccessEntry) bool {
	return e.Outlived() || len(v.readyWithoutEntry(subject, e)) > 0
}

// readyWithoutEntry are nodes that are ready although the access entry of their role is none by which they could be.
func (v *View) readyWithoutEntry(subject string, e AccessEntry) []Set {
	return where(v.Nodes[subject], func(s Set) bool { return s.ready() > 0 && e.excludes(s) })
}

// WhyInert says why an access entry decides about nobody; "" if nothing shows that.
func (v *View) WhyInert(e AccessEntry) string {
	if e.Outlived() {
		kind := "role"
		if a, err := awsauth.ParseARN(e.ARN); err == nil && a.Kind == awsauth.KindUser {
			kind = "user"
		}
		return "it is older than the " + kind +
			", which was deleted and created again: EKS keeps the unique id of the old one"
	}
	if sets := v.readyWithoutEntry(awsauth.Subject(e.ARN), e); len(sets) > 0 {
		return fmt.Sprintf("it is of type %s, and %s with the role %s ready: %s",
			e.Type, Count(sets), Agree(sets, "is", "are"), Which(sets))
	}
	return ""
}

// NodeEntry finds an access entry by which nodes of a kind authenticate; of any kind if kind is None.
func (v *View) NodeEntry(kind Kind, now time.Time) bool {
	if !v.KnowsAccess(now) || v.Mode == ConfigMapMode {
		return false
	}
	for key, e := range v.Entries {
		if (kind == None && e.ofNodes() || kind != None && e.covers(kind)) && !v.Inert(key, e) {
			return true
		}
	}
	return false
}

// untyped reports that there is an access entry of a type that is not known, or that could not be read.
func (v *View) untyped() bool {
	for _, e := range v.Entries {
		if _, known := entryTypes[e.Type]; !known {
			return true
		}
	}
	return false
}

// Decides reports that access entries decide about everybody whom aws-auth maps, so that nothing can be lost with it.
func (v *View) Decides(a *awsauth.Access, now time.Time) bool {
	for key := range a.Principals {
		if _, shadowed := v.Shadow(key, now); !shadowed {
			return false
		}
	}
	return len(a.Principals) > 0 && len(a.Accounts) == 0
}
