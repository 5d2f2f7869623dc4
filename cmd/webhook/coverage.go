package main

import (
	"context"
	"net/http"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/aws-auth-guard/aws-auth-guard/internal/coverage"
	"github.com/aws-auth-guard/aws-auth-guard/internal/health"
)

// addCoverage reports what the configuration in force leaves out, as a line of the readiness detail that does not
// count, as a metric and in the log. It is no reason to send nobody here: the edits that do come in are judged.
func (o *options) addCoverage(ctx context.Context, mgr manager.Manager, guard *guard) (health.Check, error) {
	w := &coverage.Watch{Log: guard.log, Need: func() coverage.Need {
		p := guard.policy.Load()
		return coverage.Need{Namespace: o.namespace, Name: o.configuration, ExemptUsernames: p.Exempt.Usernames, BreakGlassGroups: p.BreakGlass.Groups}
	}}
	informer, err := mgr.GetCache().GetInformer(ctx, &admissionregistrationv1.ValidatingWebhookConfiguration{})
	if err != nil {
		return health.Check{}, err
	}
	registered, err := informer.AddEventHandler(w.Handler())
	if err != nil {
		return health.Check{}, err
	}
	metrics.Registry.MustRegister(w)
	run := func(ctx context.Context) error { return w.Run(ctx, registered.HasSynced) }
	return health.Check{Name: "coverage", Ask: func(*http.Request) error { return w.Check() }, Informational: true}, mgr.Add(manager.RunnableFunc(run))
}
