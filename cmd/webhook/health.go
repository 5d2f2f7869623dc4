package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/aws-auth-guard/aws-auth-guard/internal/listen"
)

// check is one line of the readiness detail.
type check struct {
	name string
	ask  healthz.Checker
	// tells makes it a detail that is told and does not count: what is wrong there is no reason to send nobody here.
	tells bool
}

// readyz answers 200 if every check that counts is content, and says in its body what each found.
func readyz(checks []check) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		var detail strings.Builder
		for _, c := range checks {
			err := c.ask(r)
			switch {
			case err == nil:
				fmt.Fprintf(&detail, "[+] %s: ok\n", c.name)
			case c.tells:
				fmt.Fprintf(&detail, "[!] %s: %s\n", c.name, err)
			default:
				status = http.StatusServiceUnavailable
				fmt.Fprintf(&detail, "[-] %s: %s\n", c.name, err)
			}
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(detail.String())) // the probe has gone: nobody to tell
	}
}

// healthServer serves /healthz and /readyz. Under a manager it is the first to start and the last to stop.
func healthServer(ctx context.Context, address string, ready []check) (*manager.Server, error) {
	mux := http.NewServeMux()
	mux.Handle("/healthz", healthz.CheckHandler{Checker: healthz.Ping})
	mux.Handle("/readyz", readyz(ready))
	return plainServer(ctx, "health", address, mux)
}

// plainServer is one without TLS, for few clients.
func plainServer(ctx context.Context, name, address string, handler http.Handler) (*manager.Server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--%s-address: %w", name, err)
	}
	server := listen.Server(ctx, handler)
	server.WriteTimeout = 10 * time.Second // nothing here takes long
	return &manager.Server{Name: name, Server: server, Listener: listen.Limit(l, listen.Few)}, nil
}
