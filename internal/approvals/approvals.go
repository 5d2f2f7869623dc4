// Package approvals reports which approvals and waivers of the policy are in use.
package approvals

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// interval is how often the policy is compared with the cluster's aws-auth: approvals and waivers expire by days.
const interval = time.Minute

// Reviewer reports in log and metrics which approvals and waivers nobody uses, and which have expired or soon will.
type Reviewer struct {
	configMaps corev1client.ConfigMapsGetter
	validator  admission.Validator
	log        logr.Logger
	count      *prometheus.GaugeVec
	// logged are the lines that the log has.
	logged map[string]bool
}

// New makes a reviewer for the policy in force, and registers its metric.
func New(
	configMaps corev1client.ConfigMapsGetter, validator admission.Validator, log logr.Logger,
	metrics prometheus.Registerer,
) *Reviewer {
	r := &Reviewer{configMaps: configMaps, validator: validator, log: log,
		count: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "aws_auth_guard_permissions",
			Help: "Approvals and waivers of the policy, by kind and state: " +
				"used, unused, expiring (within two weeks), expired, expired-in-use."}, []string{"kind", "state"})}
	metrics.MustRegister(r.count)
	return r
}

// Run reviews until ctx ends.
func (r *Reviewer) Run(ctx context.Context) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if err := r.review(ctx); err != nil && ctx.Err() == nil {
			r.logNew(map[string]bool{"cannot read aws-auth to review the policy's approvals: " + err.Error(): true})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (r *Reviewer) review(ctx context.Context) error {
	cm, err := r.configMaps.ConfigMaps(admission.Namespace).Get(ctx, admission.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		cm = nil
	case err != nil:
		return err
	}
	r.count.Reset()
	lines := map[string]bool{}
	for _, p := range r.validator().Review(cm) {
		state := describe(p)
		r.count.WithLabelValues(p.Kind, state).Inc()
		if state != "used" {
			lines[fmt.Sprintf("policy line %d: %s of %s: %s", p.Line, p.Kind, p.What, state)] = true
		}
	}
	r.logNew(lines)
	return nil
}

// describe is the state of a permission; one that has expired and is still needed has a state of its own.
func describe(p validate.Permission) string {
	if state := p.State(); state != "expired" || len(p.Used) == 0 {
		return state
	}
	return "expired-in-use"
}

// logNew logs the lines that were not there the last time.
func (r *Reviewer) logNew(lines map[string]bool) {
	for line := range lines {
		if !r.logged[line] {
			r.log.Info(line)
		}
	}
	r.logged = lines
}
