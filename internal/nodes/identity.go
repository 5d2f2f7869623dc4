package nodes

import (
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// Identity is the part of an awsauth.Identity that only nodes should have: a node's username and groups.
type Identity struct {
	// Username is the template of a username that is, or can become, a node's; "" if it is none.
	Username             string
	Nodes, Bootstrappers bool
}

// IdentityOf is that part of an identity; zero if it has none.
func IdentityOf(id awsauth.Identity) Identity {
	var n Identity
	of, _ := awsauth.ParseARN(id.Canonical) // where it is none, nothing is known of it
	if _, ok := awsauth.ParseTemplate(id.Username, of).CanBegin(awsauth.NodePrefix); ok {
		n.Username = strings.ReplaceAll(id.Username, awsauth.SessionNameRaw, awsauth.SessionName) // no node's name has an @
	}
	for _, g := range id.Groups {
		// Templates that can become one of them are AA403.
		if name, ok := awsauth.Literally(g, id.Canonical); ok {
			n.Nodes = n.Nodes || name == awsauth.GroupNodes
			n.Bootstrappers = n.Bootstrappers || name == awsauth.GroupBootstrappers
		}
	}
	return n
}

// Covers reports that o gives no more than n. Who is in system:nodes can do what system:bootstrappers may: request a
// certificate (Kubernetes documentation, "TLS bootstrapping"). Who chooses the session name can have the name of an
// EC2 node as well.
func (n Identity) Covers(o Identity) bool {
	anyName := n.Username == sessionName && strings.HasPrefix(o.Username, awsauth.NodePrefix)
	username := o.Username == "" || o.Username == n.Username || anyName
	return username && (n.Nodes || !o.Nodes) && (n.Nodes || n.Bootstrappers || !o.Bootstrappers)
}

// NamedByEC2 reports that the username is that of nodes that are named by EC2.
func (n Identity) NamedByEC2() bool { return n.Username == dnsName }

// hasNodePart reports that an identity has a username that is or can become a node's, or a node's group.
func hasNodePart(id awsauth.Identity) bool { return IdentityOf(id) != Identity{} }
