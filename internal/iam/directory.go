package iam

import (
	"cmp"
	"sync/atomic"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/go-logr/logr"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
)

const (
	// defaultCallTimeout bounds one call, defaultTimeout all calls for one request, unless the policy says otherwise.
	defaultCallTimeout = 2 * time.Second
	defaultTimeout     = 5 * time.Second
)

// Options are what a Directory needs beside the policy. The zero value logs and counts nothing.
type Options struct {
	Log     logr.Logger
	Metrics *Metrics
}

// Directory looks principals up. It is safe for concurrent use.
type Directory struct {
	cfg     sdk.Config
	log     logr.Logger
	metrics *Metrics
	caches  caches
	// flights let those who ask the same thing at the same time share one answer.
	flights      *flights
	setup        atomic.Pointer[setup]
	self         atomic.Pointer[principal.Self]
	unidentified atomic.Pointer[unidentified]
}

// setup is what a policy makes of a Directory.
type setup struct {
	policy    *policy.Policy
	region    string
	partition string // that of the region
	sts       aws.STS
	own       *account
	assumed   map[string]*account // by id
}

// New makes a Directory that asks with cfg's credentials. It makes no call.
func New(cfg sdk.Config, p *policy.Policy, o Options) *Directory {
	d := &Directory{cfg: cfg, log: o.Log, metrics: o.Metrics, caches: newCaches(), flights: newFlights()}
	d.Configure(p)
	return d
}

// Configure applies a changed policy. Connections stay where nothing changed for them, and so does what is known.
func (d *Directory) Configure(p *policy.Policy) {
	last := d.setup.Load()
	cfg := d.cfg.Copy()
	cfg.Region = region(p, d.cfg)
	s := &setup{policy: p, region: cfg.Region, partition: aws.Partition(cfg.Region), assumed: map[string]*account{}}
	same := last != nil && last.region == s.region
	if same {
		s.sts, s.own = last.sts, last.own
	} else {
		s.sts = aws.NewSTS(cfg)
		s.own = d.newOwn(cfg)
	}
	for _, a := range p.Accounts {
		switch {
		case a.RoleARN == "":
		case same && last.assumed[a.ID] != nil && last.assumed[a.ID].roleARN == a.RoleARN && last.assumed[a.ID].externalID == a.ExternalID:
			s.assumed[a.ID] = last.assumed[a.ID]
		default:
			s.assumed[a.ID] = d.newAssumed(a, cfg, s.sts)
		}
	}
	if last != nil {
		for id := range last.assumed {
			if s.assumed[id] == nil {
				d.metrics.forget(id)
			}
		}
	}
	d.setup.Store(s)
}

// region is where STS is asked: what the policy says, what the environment says, or, without either, where the
// partition keeps IAM.
func region(p *policy.Policy, cfg sdk.Config) string {
	return cmp.Or(p.IAM.Region, cfg.Region, aws.IAMRegion(cmp.Or(p.Partition, "aws")))
}

func (d *Directory) callTimeout() time.Duration {
	if t := d.setup.Load().policy.IAM.Timeouts.Call.Duration(); t > 0 {
		return t
	}
	return defaultCallTimeout
}

func (d *Directory) timeout() time.Duration {
	if t := d.setup.Load().policy.IAM.Timeouts.Total.Duration(); t > 0 {
		return t
	}
	return defaultTimeout
}
