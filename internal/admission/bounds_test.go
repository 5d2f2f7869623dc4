package admission

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
)

// Large bodies wait for each other, and not for ever; small ones wait for nobody.
func TestBounded(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	b := bound(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 1 {
			entered <- struct{}{}
			<-leave
		}
	}))
	b.patience = 10 * time.Millisecond
	post := func(length int64) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, Path, strings.NewReader("x"))
		r.ContentLength = length
		w := httptest.NewRecorder()
		b.ServeHTTP(w, r)
		return w
	}
	done := make(chan struct{})
	for range largeAtOnce {
		go func() { post(largeBody); done <- struct{}{} }()
		<-entered
	}
	for name, length := range map[string]int64{"large": largeBody, "of unknown length": -1} {
		var answer admissionv1.AdmissionReview
		if err := json.Unmarshal(post(length).Body.Bytes(), &answer); err != nil || answer.Response == nil {
			t.Fatalf("one more, %s: %v", name, err)
		}
		if r := answer.Response; r.Allowed || r.Result.Code != http.StatusServiceUnavailable || !strings.Contains(r.Result.Message, "too many large reviews") {
			t.Errorf("one more, %s: allowed %t, %v", name, r.Allowed, r.Result)
		}
	}
	if w := post(1); w.Body.Len() > 0 {
		t.Errorf("a small one is told %s", w.Body)
	}
	if w := post(maxBody + 1); !strings.Contains(w.Body.String(), "too large") {
		t.Errorf("more than there can be is told %s", w.Body)
	}
	close(leave)
	for range largeAtOnce {
		<-done
	}
	b.patience = time.Minute
	go func() { <-entered }()
	if w := post(largeBody); w.Body.Len() > 0 {
		t.Errorf("when there is room again: %s", w.Body)
	}
}
