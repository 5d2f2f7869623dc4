package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	clientevents "k8s.io/client-go/tools/events"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
)

// Metrics are for those whom the cluster knows and lets read them; it is asked once a minute about each.
func TestMetricsGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clients := fake.NewClientset()
		asked := 0
		clients.PrependReactor("create", "tokenreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
			asked++
			r, _ := a.(clienttesting.CreateAction).GetObject().(*authenticationv1.TokenReview)
			if r.Spec.Token == "stranger" {
				return true, r, nil
			}
			r.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{Username: r.Spec.Token, Groups: []string{"scrapers"}}}
			return true, r, nil
		})
		clients.PrependReactor("create", "subjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
			r, _ := a.(clienttesting.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview)
			of := r.Spec.NonResourceAttributes
			r.Status.Allowed = r.Spec.User == "prometheus" && len(r.Spec.Groups) == 1 && of.Path == "/metrics" && of.Verb == "get"
			return true, r, nil
		})
		g := newGate(clients, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("metrics")) }), logr.Discard())
		get := func(method, header string) int {
			r := httptest.NewRequestWithContext(context.Background(), method, "/metrics", nil)
			r.Header.Set("Authorization", header)
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			if (w.Code == http.StatusOK) != (w.Body.String() == "metrics") {
				t.Errorf("status %d with %q", w.Code, w.Body)
			}
			return w.Code
		}
		for range 3 {
			for header, want := range map[string]int{"": 401, "Basic x": 401, "Bearer ": 401, "Bearer stranger": 401, "Bearer somebody": 403, "Bearer prometheus": 200} {
				if got := get(http.MethodGet, header); got != want {
					t.Errorf("%q: %d, want %d", header, got, want)
				}
			}
		}
		if asked != 3 {
			t.Errorf("asked %d times about 3 tokens", asked)
		}
		if got := get(http.MethodPost, "Bearer prometheus"); got != 403 {
			t.Errorf("another verb: %d", got)
		}
		time.Sleep(2 * knownFor)
		if get(http.MethodGet, "Bearer prometheus"); asked != 5 {
			t.Errorf("asked %d times, want once more after a minute", asked)
		}
		// Who guesses tokens does not make the guard ask more often than it may.
		before := asked
		for i := range 100 {
			get(http.MethodGet, "Bearer guess"+string(rune('a'+i%26))+string(rune('a'+i/26)))
		}
		if asked-before > reviewsASec {
			t.Errorf("asked %d times", asked-before)
		}
		if got := get(http.MethodGet, "Bearer prometheus"); got != 200 {
			t.Errorf("beside them: %d", got)
		}
	})
}

// actions keeps the action of each Event, which the fake recorder leaves out.
type actions struct {
	clientevents.EventRecorder
	all []string
}

func (a *actions) Eventf(_, _ runtime.Object, _, _, action, note string, args ...any) {
	a.all = append(a.all, action, fmt.Sprintf(note, args...))
}

// A username is whatever an identity provider says. An Event is read on a terminal.
func TestEventsArePrintable(t *testing.T) {
	for _, name := range []string{"a\nb", "\x1b[31mred", "\u202eevil", "\u2028", "zero\u200bwidth", "%s%d", strings.Repeat("\u202e", 1000)} {
		recorder := &actions{}
		e := newEvents(recorder, "guard", logr.Discard())
		e.excused(admission.Excused{Operation: "UPDATE", Username: name, Why: "audit", Rules: "AA203", Nodes: []string{"node1"}})
		if len(recorder.all) != 2 {
			t.Fatalf("%q: %d texts of an Event, want its action and its note", name, len(recorder.all))
		}
		for _, text := range recorder.all {
			if at := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); at >= 0 || strings.Contains(text, "%!") {
				t.Errorf("%q: the Event says %q", name, text)
			}
		}
		if len(recorder.all[0]) > maxAction || len(recorder.all[1]) > maxNote {
			t.Errorf("%.20q: the texts have %d and %d bytes", name, len(recorder.all[0]), len(recorder.all[1]))
		}
	}
}

// Whoever says that he is exempt, under a thousand names, does not fill the cluster with Events.
func TestEventsHaveAPace(t *testing.T) {
	recorder := clientevents.NewFakeRecorder(2000)
	e := newEvents(recorder, "guard", logr.Discard())
	for i := range 1000 {
		e.excused(admission.Excused{Operation: "UPDATE", Username: fmt.Sprint(i, strings.Repeat("x", 100_000)), Why: "audit", Rules: "AA203"})
	}
	if n := len(recorder.Events); n < 60 || n > 65 {
		t.Errorf("%d Events", n)
	}
	for len(recorder.Events) > 0 {
		if event := <-recorder.Events; len(event) > 2*maxNote {
			t.Fatalf("an Event of %d bytes", len(event))
		}
	}
}
