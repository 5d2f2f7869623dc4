package validate

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/nodes"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate/rules"
)

// Ports are what the validator asks about the world outside the two objects. A nil port is not asked.
type Ports struct {
	Principals principal.Source
	Fleet      nodes.Source
	Privileges privilege.Source
	Grants     privilege.Authorizer
}

// Validator judges requests by one policy. It is safe for concurrent use.
type Validator struct {
	policy *policy.Policy
	// severities are those that the policy gives, by rule id.
	severities map[string]Severity
	ports      Ports
	now        func() time.Time
	// last is the version that was read last; see awsauth.Reparse for what it saves.
	last atomic.Pointer[awsauth.Version]
}

// Option changes a Validator under construction.
type Option func(*Validator)

// WithPorts sets the ports; those left nil are not asked.
func WithPorts(p Ports) Option { return func(v *Validator) { v.ports = p } }

// WithClock sets what time it is, for approvals and waivers.
func WithClock(now func() time.Time) Option { return func(v *Validator) { v.now = now } }

// New makes a Validator. It is an error if the policy names a rule that does not exist, or gives one two severities.
func New(p *policy.Policy, options ...Option) (*Validator, error) {
	v := &Validator{policy: p, severities: map[string]Severity{}, now: time.Now}
	for _, name := range slices.Sorted(maps.Keys(p.Rules)) {
		line := p.RuleLines[name]
		r, err := rules.Known(name)
		if err != nil {
			return nil, fmt.Errorf("policy line %d: rules: %w", line, err)
		}
		if _, ok := v.severities[r.ID]; ok {
			return nil, fmt.Errorf("policy line %d: rules: %q is there twice, as %s and as %s", line, name, r.ID, r.Name)
		}
		v.severities[r.ID] = Severity(p.Rules[name])
	}
	for _, w := range p.Waivers {
		if _, err := rules.Known(w.Rule); err != nil {
			return nil, fmt.Errorf("policy line %d: waivers: %w", w.Line, err)
		}
	}
	for _, o := range options {
		o(v)
	}
	return v, nil
}
