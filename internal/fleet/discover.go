package fleet

import (
	"bytes"
	"cmp"
	"encoding/pem"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// clusterTag begins the tag by which an instance belongs to a cluster; its value is owned or shared. The others are put on by EKS (Amazon
// EKS user guide, "Tag your resources"). Nobody but AWS can write a tag that begins with aws: (AWS General Reference, "Tagging AWS
// resources").
const (
	clusterTag    = "kubernetes.io/cluster/"
	eksClusterTag = "eks:cluster-name"
	awsClusterTag = "aws:eks:cluster-name"
)

// clusterName is the form of the names that EKS takes, longestName how long they may be (Amazon EKS API reference,
// CreateCluster).
var clusterName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]*$`)

const longestName = 100

// legalName is a name, or "" if it is that of no cluster: tags and labels hold any text.
func legalName(name string) string {
	if len(name) > longestName || !clusterName.MatchString(name) {
		return ""
	}
	return name
}

// regionName is the form of the names of AWS's regions (AWS General Reference, "AWS regions"): the guard signs its requests for hosts
// that are named by it.
var regionName = regexp.MustCompile(`^[a-z]{2,8}(-[a-z]{1,16}){1,3}-[0-9]{1,2}$`)

// legalRegion is a name, or "" if it is that of no region.
func legalRegion(name string) string {
	if !regionName.MatchString(name) {
		return ""
	}
	return name
}

// namesCluster reports that a tag with that key names a cluster.
func namesCluster(key string) bool {
	return key == awsClusterTag || key == eksClusterTag || strings.HasPrefix(key, clusterTag)
}

// clustersOf are the clusters that an instance's tags name, and the one among them that it belongs to, "" if that is not clear. Where AWS
// names one itself, no other counts.
func clustersOf(tags map[string]string) (one string, all []string) {
	if name := legalName(tags[awsClusterTag]); name != "" {
		return name, []string{name}
	}
	for key := range tags {
		if name, ok := strings.CutPrefix(key, clusterTag); ok && legalName(name) != "" {
			all = append(all, name)
		}
	}
	one = legalName(tags[eksClusterTag])
	if one != "" {
		all = append(all, one)
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) == 1 {
		one = all[0]
	}
	return one, all
}

// hybridPlace takes the provider id of a hybrid node apart: eks-hybrid:///REGION/CLUSTER/NAME.
func hybridPlace(providerID string) (region, cluster string) {
	rest, ok := strings.CutPrefix(providerID, hybridProvider)
	parts := strings.Split(strings.TrimPrefix(rest, "/"), "/")
	if !ok || len(parts) != 3 || legalName(parts[1]) == "" {
		return "", ""
	}
	return legalRegion(parts[0]), parts[1]
}

// votes are how many nodes indicate a value: those for which AWS confirms it, those that have been ready, and all.
type votes struct{ confirmed, ready, all int }

func (v votes) compare(o votes) int {
	return cmp.Or(v.confirmed-o.confirmed, v.ready-o.ready, v.all-o.all)
}

// tally counts what nodes speak for.
type tally map[string]votes

func (t tally) add(name string, confirmed, ready bool) {
	if name == "" {
		return
	}
	v := t[name]
	v.all++
	if ready {
		v.ready++
	}
	if confirmed {
		v.confirmed++
	}
	t[name] = v
}

// winner is what most speak for; of equals, favourite or else the first by name.
func (t tally) winner(favourite string) string {
	best := ""
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if c := t[name].compare(t[best]); best == "" || c > 0 || c == 0 && name == favourite {
			best = name
		}
	}
	return best
}

// regionOf is the region that most nodes name.
func regionOf(nodes map[string]Node) string {
	t := tally{}
	for _, n := range nodes {
		t.add(n.place.region, false, !n.NeverReady)
	}
	return t.winner("")
}

// clusterNames are the clusters that nodes speak for: each for that of its instance by its tags, and for what it says itself. An instance
// that is gone has no DNS name any more, so that any Node could name it.
func clusterNames(nodes map[string]Node, instances map[string]Instance) tally {
	t := tally{}
	ready := map[string]bool{} // by instance: it has one vote, however many Nodes name it
	for _, n := range nodes {
		id := n.Instance()
		i, known := instances[id]
		if known && (!n.named(i) || i.Gone) {
			continue
		}
		if i.Cluster != "" {
			ready[id] = ready[id] || !n.NeverReady
		}
		if n.place.cluster != i.Cluster {
			t.add(n.place.cluster, false, !n.NeverReady)
		}
	}
	for id, r := range ready {
		t.add(instances[id].Cluster, true, r)
	}
	return t
}

// sameAuthority compares two bundles of certificates: known is false if one of them has none.
func sameAuthority(a, b []byte) (same, known bool) {
	as, bs := certificates(a), certificates(b)
	return slices.ContainsFunc(as, func(c []byte) bool {
		return slices.ContainsFunc(bs, func(d []byte) bool { return bytes.Equal(c, d) })
	}), len(as) > 0 && len(bs) > 0
}

// certificates are those of a PEM bundle, as DER.
func certificates(bundle []byte) (all [][]byte) {
	for {
		var block *pem.Block
		if block, bundle = pem.Decode(bundle); block == nil {
			return all
		}
		if block.Type == "CERTIFICATE" {
			all = append(all, block.Bytes)
		}
	}
}
