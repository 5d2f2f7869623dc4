package fake_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// Whatever a handler does over a connection it does in memory, in the time of the test's clock.
func TestMemory(t *testing.T) {
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		within  time.Duration
		status  int
		body    string
		err     error // of the answer, or of its body
		took    time.Duration
	}{
		"an answer": {func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Minute)
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.Copy(w, r.Body) // the client reads it
		}, time.Hour, http.StatusTeapot, "question", nil, time.Minute},
		"nothing to say": {func(http.ResponseWriter, *http.Request) {}, time.Hour, http.StatusOK, "", nil, 0},
		"cut off":        {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, time.Hour, 0, "", io.EOF, 0},
		"cut off halfway": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		}, time.Hour, http.StatusOK, "half", io.ErrUnexpectedEOF, 0},
		"silence": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, time.Second, 0, "", context.DeadlineExceeded, time.Second},
		"an answer too late": {func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Minute)
			_, _ = io.WriteString(w, "late") // to nobody, which must not block
		}, time.Second, 0, "", context.DeadlineExceeded, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.within)
				defer cancel()
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://aws.example.com/", strings.NewReader("question"))
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				status, body := 0, []byte(nil)
				answer, err := fake.Memory{Handler: tt.handler}.Do(r)
				if err == nil {
					status = answer.StatusCode
					body, err = io.ReadAll(answer.Body)
					_ = answer.Body.Close() // read to its end
				}
				if !errors.Is(err, tt.err) || status != tt.status || string(body) != tt.body || time.Since(began) != tt.took {
					t.Errorf("%d %q %v after %v, want %d %q %v after %v", status, body, err, time.Since(began), tt.status, tt.body, tt.err, tt.took)
				}
				time.Sleep(time.Hour) // what still answers comes to its end
			})
		})
	}
}
