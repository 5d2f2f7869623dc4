package validate

import (
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
)

// Temporary.
const (
	NotAsked          = principal.NotAsked
	Exists            = principal.Exists
	Missing           = principal.Missing
	Unverified        = principal.Unverified
	Foreign           = principal.Foreign
	Trusted           = principal.Trusted
	ReasonThrottled   = principal.ReasonThrottled
	ReasonDenied      = principal.ReasonDenied
	ReasonUnreachable = principal.ReasonUnreachable
	ReasonTimeout     = principal.ReasonTimeout
	ReasonMalformed   = principal.ReasonMalformed
	ReasonForeign     = principal.ReasonForeign
	TrustNotAsked     = principal.TrustNotAsked
	TrustUnreadable   = principal.TrustUnreadable
	TrustKnown        = principal.TrustKnown
	EC2Node           = nodes.EC2
	WindowsNode       = nodes.Windows
	FargateNode       = nodes.Fargate
	HybridNode        = nodes.Hybrid
	HyperPodNode      = nodes.HyperPod
	OtherNode         = nodes.Other
	ConfigMapMode     = nodes.ConfigMapMode
	BothModes         = nodes.BothModes
	APIMode           = nodes.APIMode
)

var ErrNotYet = privilege.ErrNotYet

type (
	Principal          = principal.Principal
	Existence          = principal.Existence
	Reason             = principal.Reason
	TrustKnowledge     = principal.TrustKnowledge
	Trust              = principal.Trust
	Self               = principal.Self
	Asker              = principal.Asker
	Principals         = principal.Source
	FleetView          = nodes.View
	NodeSet            = nodes.Set
	NodeKind           = nodes.Kind
	AccessEntry        = nodes.AccessEntry
	AuthenticationMode = nodes.Mode
	Knowledge          = nodes.Knowledge
	WayIn              = nodes.WayIn
	Fleet              = nodes.Source
	Equivalents        = privilege.Equivalents
	Partial            = privilege.Partial
	Privileges         = privilege.Source
	Grants             = privilege.Authorizer
)
