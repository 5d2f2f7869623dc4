package nodes

import (
	"slices"
	"time"
)

// Mode says what EKS looks at when a principal authenticates. Modes change in the order of the constants, never
// back (Amazon EKS user guide, "Change authentication mode to use access entries").
type Mode string

// The modes, as eks:DescribeCluster spells them. The zero value: not known.
const (
	ConfigMapMode Mode = "CONFIG_MAP"
	BothModes     Mode = "API_AND_CONFIG_MAP" // an access entry wins over aws-auth
	APIMode       Mode = "API"                // aws-auth is ignored
)

// AccessEntry is how a principal authenticates without aws-auth.
type AccessEntry struct {
	ARN  string // the principal, as the entry has it
	Type string // STANDARD, EC2_LINUX, ..., see entryTypes; "" if it could not be read
	// Groups are the Kubernetes groups; ClusterAdmin says that the entry has AmazonEKSClusterAdminPolicy.
	Groups       []string
	ClusterAdmin bool
	// Created is when the entry was created, PrincipalCreated when the role or user was that has the principal's name
	// now. Zero: not known.
	Created, PrincipalCreated time.Time
}

// entryType is what a type of access entry is for.
type entryType struct {
	covers []Kind // the kinds of node that authenticate by it
	onEC2  bool   // it denies every session but those of EC2 instances; else the session name is the node's name
}

// entryTypes are the types that are known (Amazon EKS user guide, "Create access entries"; EC2 is that of Auto Mode).
// By STANDARD no node authenticates: EKS takes no username or group that begins with system: there.
var entryTypes = map[string]entryType{
	"STANDARD":       {},
	"EC2_LINUX":      {[]Kind{EC2}, true},
	"EC2_WINDOWS":    {[]Kind{EC2, Windows}, true},
	"EC2":            {[]Kind{EC2}, true},
	"FARGATE_LINUX":  {[]Kind{Fargate}, false},
	"HYBRID_LINUX":   {[]Kind{Hybrid}, false},
	"HYPERPOD_LINUX": {[]Kind{HyperPod}, false},
}

// Outlived reports that the entry is older than its principal. EKS keeps the principal's unique id with an entry, so a
// role or user that was deleted and created again under the same name is not covered by it, and EKS goes on to
// aws-auth (aws/containers-roadmap#2441; aws-iam-authenticator pkg/mapper/dynamicfile, userIDStrict). EKS has
// milliseconds and IAM seconds, so an entry of the same second counts as the younger.
func (e AccessEntry) Outlived() bool {
	return !e.Created.IsZero() && !e.PrincipalCreated.IsZero() &&
		e.Created.Truncate(time.Second).Before(e.PrincipalCreated.Truncate(time.Second))
}

// ofNodes reports that nodes authenticate by the entry, as far as its type is known.
func (e AccessEntry) ofNodes() bool { return len(entryTypes[e.Type].covers) > 0 }

// covers reports that nodes of a kind authenticate by the entry. A type that is not known is never taken for one that
// covers them.
func (e AccessEntry) covers(kind Kind) bool {
	return slices.Contains(entryTypes[e.Type].covers, kind)
}

// excludes reports that no node of the set can be ready by the entry, if the entry decides. A missing group does not
// keep a node from being ready, another username does.
func (e AccessEntry) excludes(s Set) bool {
	t, known := entryTypes[e.Type]
	switch {
	case !known || s.Maybe:
		return false
	case len(t.covers) == 0:
		return true
	case t.onEC2:
		return !s.Kind.OnEC2()
	}
	return s.Kind.OnEC2() && !s.ByInstanceID // the session name is another than the node's
}
