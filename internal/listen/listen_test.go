package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/util/cert"
)

// addressed is a connection that says to come from somewhere.
type addressed struct {
	net.Conn
	from   string
	closed bool
}

func (a *addressed) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.ParseIP(a.from), Port: 1}
}

func (a *addressed) Close() error {
	a.closed = true
	return nil
}

// arrivals is a listener that hands out what it is given.
type arrivals struct {
	net.Listener
	next []*addressed
}

func (a *arrivals) Accept() (net.Conn, error) {
	if len(a.next) == 0 {
		return nil, net.ErrClosed
	}
	c := a.next[0]
	a.next = a.next[1:]
	return c, nil
}

// When the port is full, who has the most connections loses the one that has been silent for the longest; what is being answered is never closed.
func TestWhoGivesWay(t *testing.T) {
	for name, tt := range map[string]struct {
		come   string // addresses, in their order; the port has room for 4
		answer string // those of them that are being answered, by their place
		gone   string // those that are closed at the end
	}{
		"there is room":                         {"aabb", "", ""},
		"the one with the most":                 {"abbbc", "", "1"},
		"its oldest first":                      {"abbbcd", "", "12"},
		"as many each: the oldest of all":       {"abcde", "", "0"},
		"one that is answered stays":            {"abbbc", "1", "2"},
		"all are answered: the newcomer":        {"abbbc", "0123", "4"},
		"a flood closes itself":                 {"abcxxxxxxxxxx", "", "3456789ab"},
		"a flood from where the honest are too": {"aaaaa", "", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			all := &arrivals{}
			for i := range tt.come {
				all.next = append(all.next, &addressed{from: fmt.Sprint("10.0.0.", tt.come[i])})
			}
			come := all.next
			l := Limit(all, 4)
			for i := range tt.come {
				c, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(tt.answer, fmt.Sprintf("%x", i)) {
					Answering(remember(t.Context(), c))
				}
			}
			gone := ""
			for i, c := range come {
				if c.closed {
					gone += fmt.Sprintf("%x", i)
				}
			}
			if gone != tt.gone {
				t.Errorf("closed: %q, want %q", gone, tt.gone)
			}
			if want := min(len(tt.come), 4); len(l.open) != want {
				t.Errorf("%d are open, want %d", len(l.open), want)
			}
		})
	}
}

// Where strangers come from an API server's own address, its idle connection stays as long as others were never answered,
// and newcomers are not shown out at once.
func TestIdleConnectionsStay(t *testing.T) {
	all := &arrivals{}
	for range 100 {
		all.next = append(all.next, &addressed{from: "10.0.0.1"})
	}
	come := all.next
	l := Limit(all, 16)
	for i := range come {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if i < 2 {
			Answering(remember(t.Context(), c))()
		}
		if i >= 4 && come[i-3].closed {
			t.Errorf("the %dth is shown out when only three more have come", i-3)
		}
	}
	if come[0].closed || come[1].closed || !come[2].closed {
		t.Error("idle connections have gone before those that were never answered")
	}
}

// A place is free when its connection is closed, however often; and the one that was heard of last is not the next to go.
func TestPlaces(t *testing.T) {
	all := &arrivals{next: []*addressed{{from: "10.0.0.1"}, {from: "10.0.0.1"}, {from: "10.0.0.1"}, {from: "10.0.0.1"}}}
	come := all.next
	l := Limit(all, 2)
	var accepted []net.Conn
	accept := func() {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		accepted = append(accepted, c)
	}
	accept()
	accept()
	Answering(remember(t.Context(), accepted[0]))() // it is idle again
	accept()
	if come[0].closed || !come[1].closed {
		t.Error("the one that was answered last has gone, and not the other")
	}
	_ = accepted[2].Close()
	_ = accepted[2].Close()
	_ = accepted[1].Close() // which was closed for it
	accept()
	if come[0].closed || len(l.open) != 2 || l.hosts["10.0.0.1"] != 2 {
		t.Errorf("%d open, %v", len(l.open), l.hosts)
	}
}

// server is one on the loopback interface.
func server(t *testing.T, handler http.Handler) (address string) {
	t.Helper()
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- ServeTLS(ctx, l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}, handler)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func client() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}, Timeout: 10 * time.Second}
}

func TestServeTLS(t *testing.T) {
	address := server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer Answering(r.Context())()
		fmt.Fprint(w, Host(r), " ", r.Proto)
	}))
	get := func(c *http.Client, header string) (status int, text string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Header", header)
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close() //nolint:errcheck // read to its end
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	honest := client()
	defer honest.CloseIdleConnections()
	if _, text := get(honest, ""); text != "127.0.0.1 HTTP/1.1" {
		t.Errorf("got %q", text)
	}
	if status, _ := get(honest, strings.Repeat("x", 2*maxHeader)); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of %d bytes: %d", 2*maxHeader, status)
	}
	if conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}); err == nil {
		_ = conn.Close()
		t.Error("HTTP/2 is spoken")
	}
	// More connections than there is room for, and the honest client goes on, on the connection that it has or on a new one.
	var strangers []net.Conn
	for range most + 50 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		strangers = append(strangers, c)
	}
	for range 3 {
		started := time.Now()
		if status, _ := get(honest, ""); status != http.StatusOK || time.Since(started) > 2*time.Second {
			t.Errorf("beside strangers: %d after %v", status, time.Since(started))
		}
	}
	// The first of them was shown out at once.
	_ = strangers[0].SetReadDeadline(time.Now().Add(time.Second))
	if _, err := strangers[0].Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the oldest stranger: %v", err)
	}
	for _, c := range strangers {
		_ = c.Close()
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
