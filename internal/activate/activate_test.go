package activate

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/aws-auth-guard/aws-auth-guard/internal/coverage"
)

const name = "aws-auth-guard"

// rendered is as the chart renders it, for what counts here.
func rendered() *configuration {
	return &configuration{ObjectMeta: metav1.ObjectMeta{Name: name}, Webhooks: []admissionregistrationv1.ValidatingWebhook{
		{Name: coverage.Guard, FailurePolicy: new(admissionregistrationv1.Fail)},
		{Name: coverage.Witness, FailurePolicy: new(admissionregistrationv1.Ignore), Rules: rules()},
	}}
}

// activator is one over a cluster that holds these objects.
func activator(t *testing.T, patch func() error, objects ...client.Object) *Activator {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := admissionregistrationv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, options ...client.PatchOption) error {
			if err := patch(); err != nil {
				return err
			}
			return c.Patch(ctx, o, p, options...)
		}}).Build()
	return &Activator{Client: c, Configuration: name, Log: logr.Discard(), Able: func() error { return nil }}
}

func works() error { return nil }

// has reads the rules of both webhooks.
func has(t *testing.T, a *Activator) (guard, witness []admissionregistrationv1.RuleWithOperations) {
	t.Helper()
	c := &configuration{}
	if err := a.Client.Get(t.Context(), client.ObjectKey{Name: name}, c); err != nil {
		t.Fatal(err)
	}
	return c.Webhooks[0].Rules, c.Webhooks[1].Rules
}

// TestRulesFollowReadiness: none before a replica can answer, then all that coverage asks for, and they stay when no replica
// can answer any more.
func TestRulesFollowReadiness(t *testing.T) {
	a := activator(t, works, rendered())
	able := errors.New("certificate: not trusted")
	a.Able = func() error { return able }
	a.note(a.look(t.Context()))
	if guard, _ := has(t, a); guard != nil || a.Check(nil) == nil || !strings.Contains(a.Check(nil).Error(), able.Error()) {
		t.Errorf("while the replica cannot answer: rules %v, readiness %v", guard, a.Check(nil))
	}
	able = nil
	a.note(a.look(t.Context()))
	guard, witness := has(t, a)
	if diff := cmp.Diff(rules(), guard); diff != "" || a.Check(nil) != nil {
		t.Errorf("once it can: readiness %v, rules (-want +got):\n%s", a.Check(nil), diff)
	}
	if diff := cmp.Diff(rules(), witness); diff != "" {
		t.Errorf("the other webhook's rules (-want +got):\n%s", diff)
	}
	able = errors.New("stopping")
	a.note(a.look(t.Context()))
	if guard, _ := has(t, a); guard == nil || a.Check(nil) != nil {
		t.Errorf("when it stops: rules %v, readiness %v", guard, a.Check(nil))
	}
}

// TestNoRaceOfWrites: rules that somebody removes are written again, but not at once and again at once.
func TestNoRaceOfWrites(t *testing.T) {
	writes := 0
	a := activator(t, func() error { writes++; return nil }, rendered())
	remove := func() {
		c := &configuration{}
		if err := a.Client.Get(t.Context(), client.ObjectKey{Name: name}, c); err != nil {
			t.Fatal(err)
		}
		c.Webhooks[0].Rules = nil
		if err := a.Client.Update(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		a.note(a.look(t.Context()))
		remove()
	}
	if writes != 1 || a.Check(nil) != nil {
		t.Errorf("%d writes, want 1; readiness %v", writes, a.Check(nil))
	}
	a.wrote = time.Now().Add(-againAfter)
	a.note(a.look(t.Context()))
	if guard, _ := has(t, a); guard == nil || writes != 2 {
		t.Errorf("after the pause: rules %v, %d writes", guard, writes)
	}
}

// TestUnable: what keeps the guard from writing is said, and the replica is not ready.
func TestUnable(t *testing.T) {
	resource := schema.GroupResource{Group: "admissionregistration.k8s.io", Resource: "validatingwebhookconfigurations"}
	without := rendered()
	without.Webhooks = without.Webhooks[1:]
	for what, tt := range map[string]struct {
		patch func() error
		there *configuration
		want  string
	}{
		"no right":                {func() error { return apierrors.NewForbidden(resource, name, errors.New("patch")) }, rendered(), "so the API server does not call it"},
		"somebody else is faster": {func() error { return apierrors.NewConflict(resource, name, errors.New("changed")) }, rendered(), "has just changed"},
		"no webhook":              {works, without, `has no webhook "guard.aws-auth-guard.io"`},
		"no configuration":        {works, &configuration{ObjectMeta: metav1.ObjectMeta{Name: "other"}}, "not found"},
	} {
		a := activator(t, tt.patch, tt.there)
		if a.Check(nil) == nil {
			t.Errorf("%s: ready before the first look", what)
		}
		a.note(a.look(t.Context()))
		if err := a.Check(nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", what, err, tt.want)
		}
	}
}
