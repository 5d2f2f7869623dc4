package fake_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// TestServe ends a test while clients dial again and again, and every answer hangs.
func TestServe(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer stop()
	for range 200 {
		t.Run("", func(t *testing.T) {
			hung := make(chan bool, 1)
			url := fake.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusOK)
				w.(http.Flusher).Flush()
				select {
				case hung <- true:
				default:
				}
				<-r.Context().Done()
			}))
			// None of the clients keeps a connection, and none stops at an error before the test ends.
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			for range 4 {
				clients.Go(func() {
					for tries := 0; tries < 100 && ctx.Err() == nil; tries++ {
						req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
						if err != nil {
							t.Error(err)
							return
						}
						resp, err := client.Do(req)
						if err != nil {
							return // the listener is closed
						}
						_, _ = resp.Body.Read(make([]byte, 1)) // until the server ends the answer
						_ = resp.Body.Close()
					}
				})
			}
			<-hung
		})
	}
}
