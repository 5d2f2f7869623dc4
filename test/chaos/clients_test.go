//go:build chaos

package chaos

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestHostileClients: who keeps the webhook's port busy, by saying nothing, by saying it slowly, or by saying far too much,
// does not stop the others; and is shown out.
func TestHostileClients(t *testing.T) {
	t.Setenv("GOMEMLIMIT", strconv.Itoa(limit<<20)) // as the chart has it
	begin(t, setting{})
	goroutinesBefore := goroutines(t)
	u, err := url.Parse(guard.URL)
	if err != nil {
		t.Fatal(err)
	}
	insecure := &tls.Config{InsecureSkipVerify: true} // a hostile client does not care whom it talks to
	dial := func() net.Conn {
		conn, err := tls.Dial("tcp", u.Host, insecure)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	const head = "POST /validate-aws-auth HTTP/1.1\r\nHost: guard\r\nContent-Type: application/json\r\n"
	kinds := map[string]func() (net.Conn, string){
		"silent": func() (net.Conn, string) { // before the handshake
			conn, err := net.Dial("tcp", u.Host)
			if err != nil {
				t.Fatal(err)
			}
			return conn, ""
		},
		"slow head": func() (net.Conn, string) { return dial(), head + strings.Repeat("X-Slow: loris\r\n", 1000) },
		"slow body": func() (net.Conn, string) {
			return dial(), head + "Content-Length: 100000\r\n\r\n" + strings.Repeat(" ", 100_000)
		},
		"slow large body": func() (net.Conn, string) {
			return dial(), head + "Content-Length: 15000000\r\n\r\n" + strings.Repeat(" ", 100_000)
		},
	}
	each := share(200, 50)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	ended := map[string]chan time.Duration{}
	for kind, open := range kinds {
		ended[kind] = make(chan time.Duration, each)
		for range each {
			conn, text := open()
			context.AfterFunc(ctx, func() { _ = conn.Close() }) // the test is over
			group.Go(func() {
				started := time.Now()
				go func() {
					sent := 0
					if head, _, ok := strings.Cut(text, "\r\n\r\n"); ok { // a body is slow from its beginning
						sent = len(head) + 4
						_, _ = conn.Write([]byte(text[:sent])) // the guard may hang up at any time
					}
					for ; sent < len(text); sent++ {
						time.Sleep(100 * time.Millisecond)
						if _, err := conn.Write([]byte{text[sent]}); err != nil {
							return
						}
					}
				}()
				_, _ = io.Copy(io.Discard, conn) // until it hangs up
				if ctx.Err() == nil {
					ended[kind] <- time.Since(started)
				}
			})
		}
	}
	// Oversized bodies, one after the other on each connection, some of which do not say how large they are.
	flood := guard.Client()
	for i := range 8 {
		group.Go(func() {
			large := strings.Repeat(" ", 20<<20)
			for ctx.Err() == nil {
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, guard.URL, strings.NewReader(large))
				if err != nil {
					t.Error(err)
					return
				}
				if i%2 == 0 {
					req.ContentLength = -1
				}
				if resp, err := flood.Do(req); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			}
		})
	}

	// The others, meanwhile: through the API server, each answered rightly, within the 10 s that the chart's webhook has.
	length := time.Duration(share(20, 5)) * time.Second
	var took []time.Duration
	most := 0
	for begun := time.Now(); time.Since(begun) < length; {
		started := time.Now()
		if err := errors.Join(try(ctx, good), refused(try(ctx, bad), "AA203")); err != nil {
			t.Errorf("beside hostile clients: %v", err)
		}
		took = append(took, time.Since(started)/2)
		most = max(most, resident(t))
	}
	slices.Sort(took)
	measured("hostile-clients", each*len(kinds)+8)
	measured("hostile-edits-beside", 2*len(took))
	measured("hostile-edits-beside-p50", took[len(took)/2])
	measured("hostile-edits-beside-p99", took[len(took)*99/100])
	if slowest := took[len(took)-1]; slowest > 10*time.Second {
		t.Errorf("an edit took %v beside hostile clients, want 10 s at most", slowest)
	}
	for _, kind := range []string{"silent", "slow head", "slow body", "slow large body"} {
		var last time.Duration
		for n := range each {
			select {
			case d := <-ended[kind]:
				last = max(last, d)
			case <-time.After(patience):
				t.Fatalf("%s: only %d of %d are shown out", kind, n, each)
			}
			if n%20 == 0 {
				most = max(most, resident(t))
			}
		}
		measured(fmt.Sprintf("hostile-%s-shown-out-after", strings.ReplaceAll(kind, " ", "-")), last)
	}
	measured("hostile-most-rss-MiB", most)
	if most > limit {
		t.Errorf("the guard takes %d MiB beside hostile clients, want %d at most", most, limit)
	}
	cancel()
	group.Wait()
	flood.CloseIdleConnections()
	measured("hostile-goroutines-before", goroutinesBefore)
	measured("hostile-goroutines-back-after", eventually(t, func() error { return back(t, goroutinesBefore) }))
}
