package iam

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// regions says in which region a partition keeps IAM, how the names of its regions begin, and under which domain its services
// answer (IAM user guide, "IAM endpoints"; the SDK's endpoint rules agree, and a test holds them against this table).
var regions = []struct{ partition, iam, prefix, suffix string }{
	{"aws-cn", "cn-north-1", "cn-", "amazonaws.com.cn"},
	{"aws-us-gov", "us-gov-west-1", "us-gov-", "amazonaws.com"},
	{"aws-iso", "us-iso-east-1", "us-iso-", "c2s.ic.gov"},
	{"aws-iso-b", "us-isob-east-1", "us-isob-", "sc2s.sgov.gov"},
	{"aws-iso-e", "eu-isoe-west-1", "eu-isoe-", "cloud.adc-e.uk"},
	{"aws-iso-f", "us-isof-south-1", "us-isof-", "csp.hci.ic.gov"},
	{"aws-eusc", "eusc-de-east-1", "eusc-", "amazonaws.eu"},
	{"aws", "us-east-1", "", "amazonaws.com"}, // last: every other region
}

// partitionOf is the partition that a region is in.
func partitionOf(region string) string {
	for _, r := range regions {
		if strings.HasPrefix(region, r.prefix) {
			return r.partition
		}
	}
	return ""
}

// DNSSuffix is the domain under which AWS's services answer in a region: SERVICE.REGION.SUFFIX.
func DNSSuffix(region string) string {
	for _, r := range regions {
		if strings.HasPrefix(region, r.prefix) {
			return r.suffix
		}
	}
	return ""
}

// iamRegion is the region for which calls to a partition's IAM are signed.
func iamRegion(partition string) string {
	for _, r := range regions {
		if r.partition == partition {
			return r.iam
		}
	}
	return ""
}

// region is where STS is asked: what the policy says, what the environment says, or, without either, where the
// partition keeps IAM.
func region(fromPolicy string, cfg aws.Config, partition string) string {
	for _, r := range []string{fromPolicy, cfg.Region} {
		if r != "" {
			return r
		}
	}
	if partition == "" {
		partition = "aws"
	}
	return iamRegion(partition)
}
