package main

import (
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/aws-auth-guard/aws-auth-guard/internal/activate"
	"github.com/aws-auth-guard/aws-auth-guard/internal/health"
)

// addActivation has the API server call the guard as soon as nothing else keeps this replica from being ready.
func (o *options) addActivation(mgr manager.Manager, guard *guard, ready []health.Check) (health.Check, error) {
	others := slices.Clone(ready)
	a := &activate.Activator{Client: mgr.GetClient(), Configuration: o.configuration, Log: guard.log,
		Able: func() error { return health.Ready(others) }}
	return health.Check{Name: "active", Ask: a.Check}, mgr.Add(manager.RunnableFunc(a.Run))
}
