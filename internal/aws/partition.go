package aws

import "strings"

// regions says in which region a partition keeps IAM, and how the names of its regions begin (IAM user guide, "IAM
// endpoints"; the SDK's endpoint rules agree, and a test holds them against this table).
var regions = []struct{ partition, iam, prefix string }{
	{"aws-cn", "cn-north-1", "cn-"},
	{"aws-us-gov", "us-gov-west-1", "us-gov-"},
	{"aws-iso", "us-iso-east-1", "us-iso-"},
	{"aws-iso-b", "us-isob-east-1", "us-isob-"},
	{"aws-iso-e", "eu-isoe-west-1", "eu-isoe-"},
	{"aws-iso-f", "us-isof-south-1", "us-isof-"},
	{"aws-eusc", "eusc-de-east-1", "eusc-"},
	{"aws", "us-east-1", ""}, // last: every other region
}

// Partition is the partition that a region is in.
func Partition(region string) string {
	for _, r := range regions {
		if strings.HasPrefix(region, r.prefix) {
			return r.partition
		}
	}
	return ""
}

// IAMRegion is the region for which calls to a partition's IAM are signed.
func IAMRegion(partition string) string {
	for _, r := range regions {
		if r.partition == partition {
			return r.iam
		}
	}
	return ""
}
