// Package health answers the kubelet's probes: whether the process lives, and whether it should be sent reviews.
package health

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/aws-auth-guard/aws-auth-guard/internal/listen"
)

// Check is one line of the readiness detail.
type Check struct {
	Name string
	Ask  healthz.Checker
	// Detail is what the line says while there is no error; if empty, ok.
	Detail string
	// Informational makes it a detail that does not count: what is wrong there is no reason to send nobody here.
	Informational bool
}

// Ready is the first error of the checks that count; nil if there is none.
func Ready(checks []Check) error {
	for _, c := range checks {
		if c.Informational {
			continue
		}
		if err := c.Ask(nil); err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return nil
}

// readyz answers 200 if every check that counts is content, and says in its body what each found.
func readyz(checks []Check) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		var detail strings.Builder
		for _, c := range checks {
			err := c.Ask(r)
			switch {
			case err == nil:
				fmt.Fprintf(&detail, "[+] %s: %s\n", c.Name, cmp.Or(c.Detail, "ok"))
			case c.Informational:
				fmt.Fprintf(&detail, "[!] %s: %s\n", c.Name, err)
			default:
				status = http.StatusServiceUnavailable
				fmt.Fprintf(&detail, "[-] %s: %s\n", c.Name, err)
			}
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(detail.String())) // an error means that the probe has gone
	}
}

// Server serves /healthz and /readyz. Under a manager it is the first to start and the last to stop.
func Server(ctx context.Context, address string, ready []Check) (*manager.Server, error) {
	mux := http.NewServeMux()
	mux.Handle("/healthz", healthz.CheckHandler{Checker: healthz.Ping})
	mux.Handle("/readyz", readyz(ready))
	return listen.Plain(ctx, "health", address, mux)
}
