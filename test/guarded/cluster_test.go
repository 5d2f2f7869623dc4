package guarded_test

import (
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// Without the binaries the error says what to type; nothing is skipped.
func TestStartWithoutAssets(t *testing.T) {
	for name, dir := range map[string]string{"unset": "", "a directory without them": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBEBUILDER_ASSETS", dir)
			cluster, err := guarded.Start(t.Context(), t.TempDir())
			if err == nil || !strings.Contains(err.Error(), "make test") || !strings.Contains(err.Error(), "KUBEBUILDER_ASSETS") {
				t.Errorf("error %v, want one that names KUBEBUILDER_ASSETS and make test", err)
			}
			if err := cluster.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}
