package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
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

// privileges knows what is as good as system:masters: from the cluster, from a file, or not at all.
type privileges struct {
	self    rbac.Guard
	watcher *watch.Watcher
	objects *rbac.Objects
	grants  *watch.Grants
	review  *reviewer
}

// connectPrivileges reads --rbac.
func (o *options) connectPrivileges(log logr.Logger) (*privileges, error) {
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
	if p.review, err = newReviewer(config, log.WithName("policy")); err != nil {
		return nil, err
	}
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
func (p *privileges) tasks(validator admission.Validator) (tasks []func(context.Context) error) {
	if p.watcher != nil {
		tasks = append(tasks, p.watcher.Start)
	}
	if p.review != nil {
		tasks = append(tasks, func(ctx context.Context) error { return p.review.run(ctx, validator) })
	}
	return tasks
}

// checks are the lines of the readiness detail.
func (p *privileges) checks() []check {
	if p.watcher == nil {
		return nil
	}
	return []check{{name: "rbac", ask: p.watcher.Check},
		{name: "rbac access", ask: func(*http.Request) error { return p.watcher.Err() }, tells: true}}
}

// reviewEvery is how often the policy's approvals and waivers are held against the live object: they end by days.
const reviewEvery = time.Minute

// reviewer says in log and metrics which approvals and waivers nobody needs, and which have ended or soon will.
type reviewer struct {
	client corev1client.ConfigMapInterface
	log    logr.Logger
	count  *prometheus.GaugeVec
	// told are the lines that the log has.
	told map[string]bool
}

func newReviewer(config *rest.Config, log logr.Logger) (*reviewer, error) {
	client, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	r := &reviewer{client: client.ConfigMaps(admission.Namespace), log: log, told: map[string]bool{},
		count: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "aws_auth_guard_permissions",
			Help: "Approvals and waivers of the policy, by kind and state: used, unused, expiring (within two weeks), expired, expired-in-use."}, []string{"kind", "state"})}
	metrics.Registry.MustRegister(r.count)
	return r, nil
}

func (r *reviewer) run(ctx context.Context, validator admission.Validator) error {
	ticker := time.NewTicker(reviewEvery)
	defer ticker.Stop()
	for {
		if err := r.once(ctx, validator()); err != nil && ctx.Err() == nil {
			r.tell(map[string]bool{"cannot read aws-auth to review the policy's approvals: " + err.Error(): true})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (r *reviewer) once(ctx context.Context, v *validate.Validator) error {
	cm, err := r.client.Get(ctx, admission.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		cm = nil
	case err != nil:
		return err
	}
	r.count.Reset()
	news := map[string]bool{}
	for _, p := range v.Review(cm) {
		state := p.State()
		if state == "expired" && len(p.Used) > 0 {
			state = "expired-in-use"
		}
		r.count.WithLabelValues(p.Kind, state).Inc()
		if state != "used" {
			news[fmt.Sprintf("policy line %d: %s of %s: %s", p.Line, p.Kind, p.What, state)] = true
		}
	}
	r.tell(news)
	return nil
}

// tell logs what is new since the last time.
func (r *reviewer) tell(news map[string]bool) {
	for line := range news {
		if !r.told[line] {
			r.log.Info(line)
		}
	}
	r.told = news
}
