package version_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	common "github.com/prometheus/common/version"

	"github.com/aws-auth-guard/aws-auth-guard/internal/version"
)

// TestVersion holds that all that is said about a build says the same, and that a build without version information has one.
func TestVersion(t *testing.T) {
	if got := version.Version(); got != version.Unreleased {
		t.Errorf("a test is version %q, want %q", got, version.Unreleased)
	}
	defer func(v, r string) { common.Version, common.Revision = v, r }(common.Version, common.Revision)
	common.Version, common.Revision = "v1.2.3", "0123456789abcdef0123456789abcdef01234567" // as by -ldflags -X
	if version.Version() != "v1.2.3" || version.Commit() != common.Revision {
		t.Errorf("version %q, commit %q", version.Version(), version.Commit())
	}
	r := prometheus.NewPedanticRegistry()
	version.Register(r)
	all, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := testutil.GatherAndCount(r, "aws_auth_guard_build_info"); err != nil || n != 1 {
		t.Fatalf("%d series of build_info, %v", n, err)
	}
	if says := all[0].String(); !strings.Contains(says, `"v1.2.3"`) || !strings.Contains(says, common.Revision) {
		t.Errorf("aws_auth_guard_build_info is %s", says)
	}
}
