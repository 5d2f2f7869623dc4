package metricsauth

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
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
		g := New(clients, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("metrics")) }), logr.Discard())
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
