package guarded

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// StartFor starts a control plane for one test, and ends it with the test. The test is skipped where there is nothing to
// start.
func StartFor(t *testing.T) *Cluster {
	t.Helper()
	if os.Getenv(assets) == "" {
		t.Skip(assets + " is not set: `make test` builds a control plane and sets it")
	}
	c, err := Start(t.Context(), t.TempDir())
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Main runs a package's tests with a bare API server for all of them, and exits. It sets config to a cluster admin's;
// where there is nothing to start config stays nil, and the tests that need it skip.
func Main(m *testing.M, config **rest.Config) {
	log.SetLogger(logr.Discard())
	if os.Getenv(assets) == "" {
		os.Exit(m.Run())
	}
	env := &envtest.Environment{ControlPlaneStartTimeout: time.Minute}
	var err error
	if *config, err = env.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot start the API server:", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := env.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}
