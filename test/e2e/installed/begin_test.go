//go:build e2e

package installed

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// An image that cannot be pulled makes no edit fail as long as no replica has been ready, and changes nothing afterwards.
func TestImageThatCannotBePulled(t *testing.T) {
	helm(t, "uninstall", release, "--ignore-not-found", "--wait")
	eventually(t, "no pod is left", gone(t))
	given(t, base)
	nowhere := []string{"upgrade", "--install", release, *chart, "--reset-values", "-f", values, "--set", "image.repository=registry.invalid/aws-auth-guard"}

	helm(t, nowhere...)
	eventually(t, "the image cannot be pulled", unpulled(t))
	// The API server takes new policies into force about once a second, and a pull can fail sooner.
	eventually(t, "the policies of this release are in force", func() error {
		return errors.Join(
			kubectl(t, edit(bad, "--dry-run=server")...).has(0, "Warning: ", "no replica of aws-auth-guard is ready", "configmap/aws-auth patched"),
			kubectl(t, "delete", "configmap", "aws-auth", "-n", "kube-system", "--dry-run=server").has(1, "AA501"))
	})

	installed(t)
	before := wantReplicas(t)
	helm(t, nowhere...)
	eventually(t, "the next image cannot be pulled", unpulled(t))
	if err := errors.Join(refuses(), admits()); err != nil {
		t.Error(err)
	}
	installed(t)
	wantAlive(t, before)
}

// unpulled is nil if a pod waits for its image.
func unpulled(t *testing.T) func() error {
	return func() error {
		all, err := pods(t.Context())
		if err != nil {
			return err
		}
		for _, p := range all {
			if slices.ContainsFunc(p.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool {
				return s.State.Waiting != nil && slices.Contains([]string{"ErrImagePull", "ImagePullBackOff"}, s.State.Waiting.Reason)
			}) {
				return nil
			}
		}
		return fmt.Errorf("none of %d pods waits for its image", len(all))
	}
}

// helm test tries edits through the Service, and takes its right away again.
func TestHelmTest(t *testing.T) {
	installed(t)
	helm(t, "test", release, "--timeout", patience.String())
	for _, kind := range []string{"role", "rolebinding"} {
		kubectl(t, "get", kind, release+"-test", "-n", "kube-system").wantIn(t, 1, "NotFound")
	}
	kubectl(t, "get", "pod,serviceaccount", release+"-test", "-n", namespace).wantIn(t, 1, "NotFound")
}
