// Package activate has the API server call the guard once a replica can answer.
//
// The chart renders the webhook "guard" without rules, and the API server calls no webhook without them. So an
// installation whose pods never start, because of their image for example, makes no edit of aws-auth fail. The first
// replica that is able to answer writes the rules, and they stay, whatever becomes of the pods: from then on
// failurePolicy counts. Helm and GitOps do not render the field, so applying the chart again leaves it as it is.
package activate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aws-auth-guard/aws-auth-guard/internal/coverage"
)

type (
	configuration = admissionregistrationv1.ValidatingWebhookConfiguration
	webhook       = admissionregistrationv1.ValidatingWebhook
)

const (
	// lookEvery is how often the configuration in force is looked at; the look is into the manager's cache.
	lookEvery = 250 * time.Millisecond
	// againAfter keeps the guard from a race of writes with somebody who removes the rules again and again.
	againAfter = 10 * time.Second
	// fieldOwner owns the rules in the managed fields, as it does caBundle (package certs).
	fieldOwner = "aws-auth-guard"
)

// rules are all edits of ConfigMaps. The webhook's selectors and match conditions, which the chart renders, leave those
// of aws-auth.
func rules() []admissionregistrationv1.RuleWithOperations {
	return []admissionregistrationv1.RuleWithOperations{{
		Operations: []admissionregistrationv1.OperationType{
			admissionregistrationv1.Create, admissionregistrationv1.Update, admissionregistrationv1.Delete},
		Rule: admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"},
			Resources: []string{"configmaps"}, Scope: ptr.To(admissionregistrationv1.NamespacedScope)},
	}}
}

// Activator writes the rules of the webhook "guard" where there are none.
type Activator struct {
	// Client reads from a cache.
	Client client.Client
	// Configuration is the name of the ValidatingWebhookConfiguration.
	Configuration string
	// Able is nil while this replica can answer the API server.
	Able func() error
	Log  logr.Logger

	mu     sync.Mutex
	active bool // there have been rules once
	why    error
	wrote  time.Time
}

// Check makes a replica ready once the webhook has had rules: who installs the chart and waits for the pods has a guard
// that is asked. What happens to the rules later is no reason to send nobody here; package coverage reports it.
func (a *Activator) Check(*http.Request) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.active:
		return nil
	case a.why != nil:
		return a.why
	}
	return errors.New("the webhook configuration has not been read yet")
}

// Run looks at the configuration until ctx ends.
func (a *Activator) Run(ctx context.Context) error {
	for {
		a.note(a.look(ctx))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookEvery):
		}
	}
}

// note keeps what Check says, and logs it once.
func (a *Activator) note(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil && (a.why == nil || a.why.Error() != err.Error()) {
		a.Log.Info("the API server is not known to call the guard", "why", err.Error())
	}
	a.why, a.active = err, a.active || err == nil
}

// look is nil if the webhook has rules, or has been given them.
func (a *Activator) look(ctx context.Context) error {
	live := &configuration{}
	if err := a.Client.Get(ctx, client.ObjectKey{Name: a.Configuration}, live); err != nil {
		return fmt.Errorf("ValidatingWebhookConfiguration: %w", err)
	}
	i := slices.IndexFunc(live.Webhooks, func(w webhook) bool { return w.Name == coverage.Guard })
	if i < 0 {
		return fmt.Errorf("ValidatingWebhookConfiguration %q has no webhook %q", a.Configuration, coverage.Guard)
	}
	if len(live.Webhooks[i].Rules) > 0 {
		return nil
	}
	if err := a.Able(); err != nil {
		return fmt.Errorf("the webhook %q has no rules until a replica can answer: %w", coverage.Guard, err)
	}
	if time.Since(a.wrote) < againAfter {
		return fmt.Errorf("somebody removed the rules of the webhook %q, which are written again after %s", coverage.Guard, againAfter)
	}
	return a.write(ctx, live, i)
}

// write gives the webhook its rules, unless somebody has changed the configuration meanwhile.
func (a *Activator) write(ctx context.Context, live *configuration, i int) error {
	changed := live.DeepCopy()
	changed.Webhooks[i].Rules = rules()
	patch := client.StrategicMergeFrom(live, client.MergeFromWithOptimisticLock{})
	err := a.Client.Patch(ctx, changed, patch, client.FieldOwner(fieldOwner))
	if apierrors.IsConflict(err) {
		return fmt.Errorf("the ValidatingWebhookConfiguration %q has just changed", a.Configuration)
	}
	if err != nil {
		return fmt.Errorf("cannot write the rules of webhook %q, so the API server does not call it: %w", coverage.Guard, err)
	}
	a.wrote = time.Now()
	a.Log.Info("the API server calls the guard from now on", "configuration", a.Configuration)
	return nil
}
