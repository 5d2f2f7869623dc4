package health

import (
	"errors"
	"net/http"
	"sync/atomic"
)

// Drain lets a server go without losing a request. The API server keeps its connections open and notices late that an
// endpoint has gone. So the guard says first that it is not ready, goes on answering, asks for every connection to be
// closed with its answer, and only then stops.
type Drain struct{ on atomic.Bool }

// Start begins it.
func (d *Drain) Start() { d.on.Store(true) }

// Check makes the guard not ready.
func (d *Drain) Check(*http.Request) error {
	if d.on.Load() {
		return errors.New("stopping")
	}
	return nil
}

// Wrap closes each connection with its answer from then on.
func (d *Drain) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.on.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
