package watch_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac/watch"
)

// TestStart runs a Watcher before an API server that never answers: it is not known yet what RBAC says, until that has taken
// too long to wait for.
func TestStart(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-ctx.Done():
		}
	}))
	defer server.Close()
	w, err := watch.New(&rest.Config{Host: server.URL}, rbac.Guard{Namespace: "guard"}, logr.Discard(), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- w.Start(ctx) }()
	if _, err := w.Equivalents(); !errors.Is(err, privilege.ErrNotYet) || w.Check(nil) == nil {
		t.Errorf("just started: %v, ready: %v", err, w.Check(nil))
	}
	w.Age(29 * time.Second)
	if _, err := w.Equivalents(); !errors.Is(err, privilege.ErrNotYet) || w.Check(nil) == nil {
		t.Errorf("after 29 s: %v, ready: %v", err, w.Check(nil))
	}
	w.Age(time.Second)
	if _, err := w.Equivalents(); err == nil || errors.Is(err, privilege.ErrNotYet) || !strings.Contains(err.Error(), "within 30s of the start") || w.Check(nil) != nil {
		t.Errorf("after 30 s: %v, ready: %v", err, w.Check(nil))
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
