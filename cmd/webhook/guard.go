package main

import (
	"context"
	"sync/atomic"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/events"
	"github.com/aws-auth-guard/aws-auth-guard/internal/fleet"
	"github.com/aws-auth-guard/aws-auth-guard/internal/iam"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// guard holds what changes while the server runs.
type guard struct {
	validator atomic.Pointer[validate.Validator]
	policy    atomic.Pointer[policy.Policy]
	// iam and nodes say what AWS is asked about.
	iam, nodes asked
	directory  *iam.Directory // nil: IAM is not asked
	fleet      *fleet.Fleet   // nil: nobody looks at the nodes
	// privileges knows what is equivalent to cluster-admin.
	privileges *privileges
	log        logr.Logger
	// events is nil without a cluster.
	events *events.Events
}

// handler answers the API server.
func (g *guard) handler() *admission.Handler {
	h := &admission.Handler{Validator: g.validator.Load, Log: g.log, Metrics: admission.NewMetrics(metrics.Registry)}
	if g.events != nil {
		h.Excused = g.events.Excused
	}
	return h
}

// open reads the policy and keeps the validator in step with it. A nil store: there is no file.
func (g *guard) open(path string) (*policy.Store, error) {
	if path == "" {
		return nil, g.apply(policy.Default())
	}
	return policy.Open(path, g.apply, g.reloaded)
}

// reloaded reports a changed policy; err: why it is not in force.
func (g *guard) reloaded(err error) {
	if err != nil {
		g.log.Error(err, "the new policy is invalid: keeping the previous one")
	} else {
		g.log.Info("the new policy is in force")
	}
	if g.events != nil {
		g.events.PolicyChanged(err)
	}
}

func (g *guard) apply(p *policy.Policy) error {
	var ports validate.Ports
	g.privileges.connect(&ports, p)
	if g.directory != nil {
		ports.Principals = g.directory
	}
	if g.fleet != nil {
		ports.Fleet = g.fleet
	}
	v, err := validate.New(p, validate.WithPorts(ports))
	if err != nil {
		return err
	}
	if g.directory != nil {
		g.directory.Configure(p)
	}
	g.validator.Store(v)
	g.policy.Store(p)
	return nil
}

// background is what runs beside the server until ctx ends: the watch over RBAC, and finding out who the guard is at
// AWS. It does not wait for the latter: a guard without AWS access is ready too.
func (g *guard) background() []func(context.Context) error {
	tasks := g.privileges.tasks()
	if g.directory != nil {
		tasks = append(tasks, g.directory.Run)
	}
	if g.fleet != nil {
		tasks = append(tasks, g.fleet.Run)
	}
	return tasks
}
