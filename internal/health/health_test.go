package health

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestReadiness: the pod is ready unless a check that counts fails, and the detail says what each found.
func TestReadiness(t *testing.T) {
	fails := func(*http.Request) error { return errors.New("broken") }
	works := func(*http.Request) error { return nil }
	for name, tt := range map[string]struct {
		checks []Check
		status int
		detail string
	}{
		"all is well":          {[]Check{{Name: "a", Ask: works}, {Name: "b", Ask: works, Informational: true}}, 200, "[+] a: ok\n[+] b: ok\n"},
		"one does not count":   {[]Check{{Name: "a", Ask: works}, {Name: "b", Ask: fails, Informational: true}}, 200, "[+] a: ok\n[!] b: broken\n"},
		"one that counts":      {[]Check{{Name: "a", Ask: fails}, {Name: "b", Ask: works}}, 503, "[-] a: broken\n[+] b: ok\n"},
		"one that says more":   {[]Check{{Name: "a", Ask: works, Detail: "off"}, {Name: "b", Ask: fails, Detail: "off"}}, 503, "[+] a: off\n[-] b: broken\n"},
		"both, the latter too": {[]Check{{Name: "a", Ask: fails}, {Name: "b", Ask: fails, Informational: true}}, 503, "[-] a: broken\n[!] b: broken\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			readyz(tt.checks)(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
			if w.Code != tt.status || w.Body.String() != tt.detail {
				t.Errorf("got %d %q, want %d %q", w.Code, w.Body, tt.status, tt.detail)
			}
		})
	}
}

// TestDrain: a guard that stops is not ready, answers anyway, and has each connection closed with its answer.
func TestDrain(t *testing.T) {
	var drain Drain
	handler := drain.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("judged")) }))
	for _, stopping := range []bool{false, true} {
		if stopping {
			drain.Start()
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		closes := w.Header().Get("Connection") == "close"
		if w.Body.String() != "judged" || closes != stopping || (drain.Check(r) != nil) != stopping {
			t.Errorf("stopping %v: %q, closes the connection %v, readiness %v", stopping, w.Body, closes, drain.Check(r))
		}
	}
}
