package fake

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Serve serves a handler on loopback until the test ends, and returns its URL. An answer that hangs by order ends with the
// server. To close the connections is not enough for that: a client that dials again before the listener is closed would hang
// on, and the test with it.
func Serve(t testing.TB, handler http.Handler) string {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	s := httptest.NewUnstartedServer(handler)
	s.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	s.Start()
	t.Cleanup(func() {
		end()
		s.Close()
	})
	return s.URL
}
