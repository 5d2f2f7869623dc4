package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/go-logr/logr"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/approvals"
	"github.com/aws-auth-guard/aws-auth-guard/internal/health"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac/watch"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// The words that --rbac takes beside the name of a file.
const (
	rbacCluster = "cluster"
	rbacOff     = "off"
)

// privileges knows what is equivalent to cluster-admin: from the cluster, from a file, or not at all.
type privileges struct {
	self    rbac.Guard
	watcher *watch.Watcher
	objects *rbac.Objects
	grants  *watch.Grants
	review  *approvals.Reviewer
}

// connectPrivileges reads --rbac.
func (o *options) connectPrivileges(log logr.Logger, validator admission.Validator) (*privileges, error) {
	p := &privileges{self: rbac.Guard{Namespace: o.namespace, PolicyName: o.policyConfigMap, ConfigurationName: o.configuration}}
	if o.tlsMode == tlsSelf {
		p.self.SecretName = o.tlsSecret
	}
	from := o.rbac
	if from == "" {
		from = rbacCluster
		if o.standalone {
			from = rbacOff
		}
	}
	if from != rbacOff && from != rbacCluster {
		data, err := os.ReadFile(from)
		if err == nil {
			p.objects, err = rbac.Decode(data)
		}
		if err != nil {
			return nil, fmt.Errorf("--rbac %s: %w", from, err)
		}
	}
	if o.standalone && from != rbacCluster {
		return p, nil
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("no cluster: %w (use --standalone without --rbac cluster to run without one)", err)
	}
	if p.grants, err = watch.NewGrants(config); err != nil {
		return nil, err
	}
	configMaps, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	p.review = approvals.New(configMaps, validator, log.WithName("policy"), metrics.Registry)
	if from == rbacCluster {
		p.watcher, err = watch.New(config, p.self, log.WithName("rbac"), metrics.Registry)
	}
	return p, err
}

// connect adds the ports that a validator under this policy is to ask.
func (p *privileges) connect(ports *validate.Ports, in *policy.Policy) {
	switch {
	case p.watcher != nil:
		p.watcher.SetGroups(in.PrivilegedGroups())
		p.watcher.SetUsernames(in.PrivilegedUsernames())
		ports.Privileges = p.watcher
	case p.objects != nil:
		self := p.self
		self.Groups, self.Usernames = in.PrivilegedGroups(), in.PrivilegedUsernames()
		ports.Privileges = rbac.Know(p.objects, self)
	}
	if p.grants != nil {
		ports.Grants = p.grants
	}
}

// tasks run beside the server until ctx ends.
func (p *privileges) tasks() (tasks []func(context.Context) error) {
	if p.watcher != nil {
		tasks = append(tasks, p.watcher.Start)
	}
	if p.review != nil {
		tasks = append(tasks, p.review.Run)
	}
	return tasks
}

// checks are the lines of the readiness detail.
func (p *privileges) checks() []health.Check {
	if p.watcher == nil {
		return nil
	}
	return []health.Check{{Name: "rbac", Ask: p.watcher.Check},
		{Name: "rbac access", Ask: func(*http.Request) error { return p.watcher.Err() }, Informational: true}}
}
