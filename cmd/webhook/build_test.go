package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// programs is the directory of what the tests have built, "" until then.
var programs string

// build makes the webhook as it is shipped, once for all tests: to link it takes seconds.
var build = sync.OnceValues(func() (string, error) {
	var err error
	if programs, err = os.MkdirTemp("", "aws-auth-guard-webhook"); err != nil {
		return "", err
	}
	binary := filepath.Join(programs, "webhook")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, nil
})

// Built is the path of the webhook's program. The tests of package main_test use it, too.
func Built(t *testing.T) string {
	t.Helper()
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// TestMain lets the tests that wait for half a minute do so at the same time.
func TestMain(m *testing.M) {
	flag.Parse()
	if set := flag.Lookup("test.parallel"); set.Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) {
		_ = flag.Set("test.parallel", "4") // a sound number
	}
	status := m.Run()
	if programs != "" {
		_ = os.RemoveAll(programs) // a leftover in the temporary directory fails no test
	}
	os.Exit(status)
}

// WithoutAWS leaves out what the SDK reads: credentials of the one who runs the tests are not the guard's.
func WithoutAWS(environment []string) []string {
	return slices.DeleteFunc(environment, func(v string) bool { return strings.HasPrefix(v, "AWS_") })
}
