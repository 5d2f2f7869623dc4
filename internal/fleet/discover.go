package fleet

import (
	"bytes"
	"encoding/pem"
	"slices"
	"strings"
)

// clusterTag begins the tag by which an instance belongs to a cluster; its value is owned or shared. The others are put on
// by EKS (Amazon EKS user guide, "Tag your resources").
const clusterTag = "kubernetes.io/cluster/"

var clusterNameTags = []string{"aws:eks:cluster-name", "eks:cluster-name"}

// clusterOf is the name of the cluster that an instance's tags tell; "" if they tell none, or several.
func clusterOf(tags map[string]string) string {
	for _, t := range clusterNameTags {
		if name := tags[t]; name != "" {
			return name
		}
	}
	var names []string
	for key := range tags {
		if name, ok := strings.CutPrefix(key, clusterTag); ok && name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 1 {
		return names[0]
	}
	return ""
}

// hybridPlace takes the provider id of a hybrid node apart: eks-hybrid:///REGION/CLUSTER/NAME.
func hybridPlace(providerID string) (region, cluster string) {
	rest, ok := strings.CutPrefix(providerID, hybridProvider)
	parts := strings.Split(strings.TrimPrefix(rest, "/"), "/")
	if !ok || len(parts) != 3 {
		return "", ""
	}
	return parts[0], parts[1]
}

// sameAuthority reports that two bundles of certificates have one in common, or that one of them has none to compare.
func sameAuthority(a, b []byte) bool {
	as, bs := certificates(a), certificates(b)
	return len(as) == 0 || len(bs) == 0 || slices.ContainsFunc(as, func(c []byte) bool {
		return slices.ContainsFunc(bs, func(d []byte) bool { return bytes.Equal(c, d) })
	})
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
