package fleet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
)

// Why a Node object alone does not make a node. A node that authenticates by IAM has the name that its credentials give it: on EC2
// the private DNS name or the id of its instance (aws-iam-authenticator pkg/server, {{EC2PrivateDNSName}} and {{SessionName}}; the
// NodeRestriction admission plugin lets no kubelet write another Node).
const (
	neverReady   = "never Ready"
	notAskedYet  = "EC2 has not been asked about the instance yet"
	unknown      = "EC2 does not know the instance"
	foreign      = "the instance is tagged for another cluster"
	otherName    = "the name is not that of the instance"
	claimedTwice = "another Node names the same instance"
	otherPlace   = "the provider id is for another node, cluster or region"
	terminated   = "EC2 has terminated the instance"
	noProfile    = "the cluster has no Fargate profile"
)

// passing are the reasons that time alone resolves, so that they are no trouble to report.
var passing = []string{neverReady, notAskedYet, terminated}

// claim is what the Nodes that name one instance amount to: how many they are, and that one which may be its own has been ready.
type claim struct {
	nodes int
	ready bool
}

// claims are those of all instances, by id.
func (f *Facts) claims() map[string]claim {
	claims := make(map[string]claim, len(f.Nodes))
	for _, n := range f.Nodes {
		if id := n.Instance(); id != "" {
			i, _ := f.instance(id)
			c := claims[id]
			claims[id] = claim{c.nodes + 1, c.ready || !n.NeverReady && n.named(i)}
		}
	}
	return claims
}

// named reports that a Node may be that of the instance by its name. EC2 names none for an instance that is not running yet.
func (n Node) named(i Instance) bool {
	return n.Name == n.Instance() || i.DNSName == "" || strings.EqualFold(n.Name, i.DNSName)
}

// instance is what EC2 says of an instance.
func (f *Facts) instance(id string) (i Instance, known bool) {
	if i, known = f.Instances[id]; !known {
		i, known = f.Starting[id]
	}
	return i, known
}

// young reports that an instance may still be about to become a node.
func (f *Facts) young(i Instance) bool { return f.Now.Sub(i.Launched) < startingFor }

// foreign reports that an instance belongs to other clusters by its tags, and not to this one.
func (i Instance) foreign(cluster string) bool {
	return cluster != "" && len(i.Clusters) > 0 && !slices.Contains(i.Clusters, cluster)
}

// doubt says why a Node object is not enough to take it for a node of this cluster; "" if nothing speaks against it. Such a node may be
// one anyway, so it warns and does not deny.
func (f *Facts) doubt(n Node, claims map[string]claim) string {
	id := n.Instance()
	i, known := f.instance(id)
	last := n.ProviderID[strings.LastIndexByte(n.ProviderID, '/')+1:]
	switch kind := n.Kind(); {
	case known && i.Gone:
		return terminated
	case known && i.foreign(f.Cluster):
		return foreign
	case known && !n.named(i):
		return otherName
	case known && n.NeverReady && claims[id].ready:
		return claimedTwice
	case known && n.NeverReady && f.young(i):
		return ""
	case !known && !f.Absent[id].IsZero():
		return unknown
	case kind == nodes.Fargate && f.NoFargate:
		return noProfile
	case kind == nodes.Fargate && last != n.Name:
		return otherPlace
	case kind == nodes.Hybrid && (last != n.Name || !f.isHybridPlace(n.ProviderID)):
		return otherPlace
	case n.NeverReady:
		return neverReady
	case id != "" && !known && !f.NodesKnown.At.IsZero() && f.NodesKnown.Problem == "":
		return notAskedYet
	}
	return ""
}

// isHybridPlace reports that the provider id of a hybrid node may be one of this cluster's.
func (f *Facts) isHybridPlace(providerID string) bool {
	region, cluster := hybridPlace(providerID)
	return (f.Cluster == "" || cluster == f.Cluster) && (f.Region == "" || region == f.Region)
}

// proven reports that more than the Node object shows a node to be one of this cluster: its instance has the name and the tag, and no
// other Node names it.
func (f *Facts) proven(n Node, i Instance, c claim) bool {
	named := n.Name == n.Instance() || strings.EqualFold(n.Name, i.DNSName)
	return f.Cluster != "" && slices.Contains(i.Clusters, f.Cluster) && named && c.nodes == 1
}

// strangers names the Nodes that something speaks against; "" if there are none.
func strangers(doubtful map[string][]nodes.Set) string {
	why := map[string]string{}
	var names []string
	for _, sets := range doubtful {
		for _, s := range sets {
			if slices.Contains(passing, s.Doubt) {
				continue
			}
			for _, name := range s.Names {
				if why[name] == "" {
					names = append(names, name)
				}
				why[name] = s.Doubt
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	var shown []string
	for _, name := range names[:min(len(names), 3)] {
		shown = append(shown, fmt.Sprintf("%s (%s)", name, why[name]))
	}
	text := "Node objects that are not taken for nodes of this cluster: " + strings.Join(shown, ", ")
	if more := len(names) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
