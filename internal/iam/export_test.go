package iam

import (
	"maps"
	"slices"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
)

var TrustOf = trustOf

// Hold lets no call pass until restore is called, as if others had all of them.
func (d *Directory) Hold() (restore func()) {
	s := d.setup.Load()
	var limiters []*aws.Limiter
	for _, a := range append(slices.Collect(maps.Values(s.assumed)), s.own) {
		limiters = append(limiters, a.limiter)
		a.limiter.Rate.SetLimit(1e-6)
		a.limiter.Rate.SetBurst(0)
	}
	return func() {
		for _, p := range limiters {
			p.Rate.SetLimit(callRate)
			p.Rate.SetBurst(callBurst)
			p.Serve()
		}
	}
}

// ForgetUnlisted is what the time does.
func (d *Directory) ForgetUnlisted() { d.caches.unlisted.all.Purge() }

const MissingFor = missingFor

// Nearest is nearest for a list of ARNs by name.
func Nearest(name string, list map[string]string) []string {
	entities := make(map[string]entity, len(list))
	for n, arn := range list {
		entities[n] = entity{arn: arn}
	}
	return nearest(name, entities)
}
