package iam

import (
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
)

// For the tests beside this package, which need a connection of their own each.

func NewWithConfig(cfg aws.Config, p *policy.Policy, o Options) *Directory {
	cfg.APIOptions = append(cfg.APIOptions, boundAnswers)
	return newDirectory(cfg, p, o)
}

var (
	TrustOf     = trustOf
	PartitionOf = partitionOf
	IAMRegion   = iamRegion
)

const MissingFor = missingFor

// Nearest is nearest for a list of ARNs by name.
func Nearest(name string, list map[string]string) []string {
	entities := make(map[string]entity, len(list))
	for n, arn := range list {
		entities[n] = entity{arn: arn}
	}
	return nearest(name, entities)
}
