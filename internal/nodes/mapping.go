package nodes

import (
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// Mapping is a username template with groups.
type Mapping struct {
	Username string
	Groups   []string
}

const (
	dnsName     = awsauth.NodePrefix + awsauth.EC2PrivateDNSName
	sessionName = awsauth.NodePrefix + awsauth.SessionName
	// sessionNameRaw differs from sessionName for session names with an @, and no node has one.
	sessionNameRaw = awsauth.NodePrefix + awsauth.SessionNameRaw
)

// needs are the mappings of every kind (Amazon EKS user guide, node roles).
var needs = map[Kind]Mapping{
	EC2:     {dnsName, []string{awsauth.GroupBootstrappers, awsauth.GroupNodes}},
	Windows: {dnsName, []string{awsauth.GroupBootstrappers, awsauth.GroupNodes, awsauth.GroupWindows}},
	Fargate: {sessionName, []string{awsauth.GroupBootstrappers, awsauth.GroupNodes, awsauth.GroupNodeProxier}},
	Hybrid:  {sessionName, []string{awsauth.GroupBootstrappers, awsauth.GroupNodes}},
	// What does not run on EC2 can use no other.
	Other: {sessionName, []string{awsauth.GroupBootstrappers, awsauth.GroupNodes}},
}

// Needs are the username template and the groups that nodes of the kind need; those of HyperPod need none.
func (k Kind) Needs() Mapping { return needs[k] }

// Needs are the username template and the groups that nodes of the set need.
func (s Set) Needs() Mapping {
	m := s.Kind.Needs()
	if s.ByInstanceID {
		m.Username = sessionName
	}
	return m
}

// HasGroups reports that an identity has the groups without which nodes do not work. EKS asks for system:bootstrappers
// besides, and new entries are held to that; the API server's Node authorizer does not, and maps without it keep
// clusters alive.
func (m Mapping) HasGroups(id awsauth.Identity) bool {
	return !slices.ContainsFunc(m.Groups, func(g string) bool { return g != awsauth.GroupBootstrappers && !id.Has(g) })
}

// IsUsername reports the username templates under which nodes authenticate.
func IsUsername(username string) bool {
	return username == dnsName || username == sessionName || username == sessionNameRaw
}

// KindOf is the kind of node that can authenticate by this identity, None if none can.
func KindOf(id awsauth.Identity) Kind {
	kind := KindMeant(id)
	if kind != None && !kind.OnEC2() && id.Sessions() != awsauth.AnySession {
		return None // a group keeps all out that are not on EC2
	}
	return kind
}

// KindMeant is the kind of node that an identity is for, by its username and the groups that nodes need.
func KindMeant(id awsauth.Identity) Kind {
	if !id.Has(awsauth.GroupNodes) {
		return None
	}
	if a, err := awsauth.ParseARN(id.Canonical); err != nil || a.Kind != awsauth.KindRole {
		return None
	}
	switch id.Username {
	case dnsName:
		if id.Has(awsauth.GroupWindows) {
			return Windows
		}
		return EC2
	case sessionName, sessionNameRaw:
		if id.Has(awsauth.GroupNodeProxier) {
			return Fargate
		}
		return Hybrid
	}
	return None
}

// serves reports that nodes of that kind can authenticate by an identity.
func serves(id awsauth.Identity, kind Kind) bool {
	got := KindOf(id)
	switch kind {
	case EC2:
		return got == EC2 || got == Windows
	case Hybrid:
		return got == Hybrid || got == Fargate
	}
	return got == kind
}

// SignsIn reports that nodes of the set can authenticate by the identity. The session name of nodes on EC2 is their
// instance's id, whatever they are named for.
func SignsIn(id awsauth.Identity, s Set) bool {
	need := s.Needs()
	username := id.Username
	if username == sessionNameRaw {
		username = sessionName
	}
	return need.HasGroups(id) && username == need.Username && (s.Kind.OnEC2() || id.Sessions() == awsauth.AnySession)
}

// signInByAny reports that nodes can authenticate by one of the identities of a role.
func signInByAny(ids []awsauth.Identity, s Set) bool {
	return s.Kind.mapped() && slices.ContainsFunc(ids, func(id awsauth.Identity) bool { return SignsIn(id, s) })
}

// Barring is the index of the first group that EKS can render only for EC2 instances, so that nobody else can
// authenticate; -1 if there is none.
func Barring(groups []string) int {
	return slices.IndexFunc(groups, func(g string) bool { return strings.Contains(g, awsauth.EC2PrivateDNSName) })
}
