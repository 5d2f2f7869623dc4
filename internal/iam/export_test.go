package iam

import (
	"maps"
	"slices"

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

// Hold lets no call pass until restore is called, as if others had all of them.
func (d *Directory) Hold() (restore func()) {
	s := d.setup.Load()
	var paces []*pace
	for _, a := range append(slices.Collect(maps.Values(s.assumed)), s.own) {
		paces = append(paces, a.pace)
		a.pace.limiter.SetLimit(1e-6)
		a.pace.limiter.SetBurst(0)
	}
	return func() {
		for _, p := range paces {
			p.limiter.SetLimit(callRate)
			p.limiter.SetBurst(callBurst)
			p.wake()
		}
	}
}

// ForgetUnlisted is what the time does.
func (d *Directory) ForgetUnlisted() { d.caches.unlisted.Purge() }

const MissingFor = missingFor

// Nearest is nearest for a list of ARNs by name.
func Nearest(name string, list map[string]string) []string {
	entities := make(map[string]entity, len(list))
	for n, arn := range list {
		entities[n] = entity{arn: arn}
	}
	return nearest(name, entities)
}
