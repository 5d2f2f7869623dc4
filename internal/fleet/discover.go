package fleet

import (
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
