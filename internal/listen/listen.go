// Package listen keeps what a port costs within bounds: how many connections there are, how long each may take to say
// what it wants, and how large its header may be. Nobody is asked who they are before that, so anybody can take these
// things.
package listen

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// most is how many connections a port has at once. An API server keeps 25 idle ones to a webhook (client-go transport,
// idleConnsPerHost): this is enough for ten of them. A connection with a TLS session and a full header takes less than
// 64 KiB.
const most = 256

// What the server of every port has in common. No honest client is near any of it: an API server's header has some
// hundred bytes and comes in one piece with its handshake.
const (
	maxHeader     = 16 << 10
	headerTimeout = 5 * time.Second // for the handshake, and again for each header
	idleTimeout   = 90 * time.Second
	// answerTimeout is for the whole of a request. No API server waits longer than 30 s (timeoutSeconds).
	answerTimeout = 40 * time.Second
)

// few is how many a port for probes and metrics has.
const few = 32

// Server is what answers on any port. There is no HTTP/2: API servers speak HTTP/1.1 with webhooks (apiserver
// pkg/util/webhook, client.go), and streams would be a second thing to count in each connection.
func Server(ctx context.Context, handler http.Handler) *http.Server {
	s := &http.Server{
		Handler:           handler,
		Protocols:         new(http.Protocols),
		MaxHeaderBytes:    maxHeader,
		ReadHeaderTimeout: headerTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		// A request's context ends with its connection, and not when the server is stopped.
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ConnContext: remember,
		ErrorLog:    log.New(&paced{limit: rate.NewLimiter(1, 10)}, "", log.LstdFlags),
	}
	s.Protocols.SetHTTP1(true)
	return s
}

// paced writes to the standard error what the server has to say of connections, as often as it may: a failed
// handshake is worth a line, ten thousand of them are not.
type paced struct{ limit *rate.Limiter }

func (p *paced) Write(line []byte) (int, error) {
	if p.limit.Allow() {
		return os.Stderr.Write(line)
	}
	return len(line), nil
}

// ServeTLS answers on l until ctx ends, and then lets what is on its way be answered for up to a minute.
func ServeTLS(ctx context.Context, l net.Listener, config *tls.Config, handler http.Handler) error {
	config = config.Clone()
	config.NextProtos = []string{"http/1.1"}
	server := Server(ctx, handler)
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		stopped <- server.Shutdown(patience)
	})
	err := server.Serve(tls.NewListener(Limit(l, most), config))
	if stop() {
		return err // it ended by itself
	}
	return <-stopped
}

// Plain is a server without TLS, for few clients. The flag of its address begins with its name.
func Plain(ctx context.Context, name, address string, handler http.Handler) (*manager.Server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--%s-address: %w", name, err)
	}
	server := Server(ctx, handler)
	server.WriteTimeout = 10 * time.Second // nothing here takes long
	return &manager.Server{Name: name, Server: server, Listener: Limit(l, few)}, nil
}

// Listener accepts a limited number of connections at once. Where there is no room for one more, it takes the place of
// one that is not being answered: of the address that has the most connections, the one that has been silent for the
// longest. So a client that fills the port closes its own connections, and not those of the API servers.
type Listener struct {
	net.Listener
	most int

	mu    sync.Mutex
	open  map[*conn]struct{}
	hosts map[string]int
	// clock counts what happened, which orders the connections by their last activity without reading the time.
	clock uint64
}

// Limit makes a Listener of most connections.
func Limit(l net.Listener, most int) *Listener {
	return &Listener{Listener: l, most: most, open: map[*conn]struct{}{}, hosts: map[string]int{}}
}

// conn is one connection of a Listener.
type conn struct {
	net.Conn
	listener *Listener
	host     string
	// heard is when something was last done for it, answers how many of its requests are being answered, answered that
	// one ever was. The listener's mutex guards all.
	heard    uint64
	answers  int
	answered bool
}

// Accept never waits for another connection to end.
func (l *Listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(accepted.RemoteAddr().String())
	if err != nil {
		host = accepted.RemoteAddr().String()
	}
	c := &conn{Conn: accepted, listener: l, host: host}
	l.mu.Lock()
	l.clock++
	c.heard = l.clock
	l.open[c] = struct{}{}
	l.hosts[host]++
	var victim *conn
	if len(l.open) > l.most {
		victim = l.victim()
		l.forget(victim)
	}
	l.mu.Unlock()
	if victim != nil {
		_ = victim.Conn.Close() // who it was knows best
	}
	return c, nil
}

// victim is the connection to close: the newest itself where all others are being answered. One that
// was never answered goes before one that was, which is an API server's more likely, and may carry a request at this
// moment; unless they are less than a quarter of that address, among which is everybody who has just come.
func (l *Listener) victim() *conn {
	var oldest, unanswered *conn
	fresh := 0
	for c := range l.open {
		if c.answers == 0 && (oldest == nil || l.hosts[c.host] > l.hosts[oldest.host] || l.hosts[c.host] == l.hosts[oldest.host] && c.heard < oldest.heard) {
			oldest = c
		}
	}
	for c := range l.open {
		if c.answers == 0 && !c.answered && c.host == oldest.host {
			if fresh++; unanswered == nil || c.heard < unanswered.heard {
				unanswered = c
			}
		}
	}
	if 4*fresh > l.hosts[oldest.host] {
		return unanswered
	}
	return oldest
}

// forget takes a connection off the list. The caller holds l.mu.
func (l *Listener) forget(c *conn) {
	if _, known := l.open[c]; !known {
		return
	}
	delete(l.open, c)
	if l.hosts[c.host]--; l.hosts[c.host] == 0 {
		delete(l.hosts, c.host)
	}
}

// Close is called more than once.
func (c *conn) Close() error {
	c.listener.mu.Lock()
	c.listener.forget(c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

type connKey struct{}

// remember puts a connection into the context of its requests.
func remember(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if c, ok := c.(*conn); ok {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

// Answering says that a request is complete and being answered: its connection keeps its place until done.
func Answering(ctx context.Context) (done func()) {
	c, ok := ctx.Value(connKey{}).(*conn)
	if !ok {
		return func() {}
	}
	count := func(n int) {
		c.listener.mu.Lock()
		defer c.listener.mu.Unlock()
		c.listener.clock++
		c.heard = c.listener.clock
		c.answers += n
		c.answered = true
	}
	count(1)
	return func() { count(-1) }
}

// Host is the address that a request came from, without its port.
func Host(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}
