package listen

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// Plain is a server without TLS, for few clients. The flag of its address begins with its name.
func Plain(ctx context.Context, name, address string, handler http.Handler) (*manager.Server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--%s-address: %w", name, err)
	}
	server := Server(ctx, handler)
	server.WriteTimeout = 10 * time.Second // nothing here takes long
	return &manager.Server{Name: name, Server: server, Listener: Limit(l, Few)}, nil
}
