//go:build e2e

package installed

import (
	"errors"
	"fmt"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// After the guard is uninstalled nothing of it is left.
func TestUninstall(t *testing.T) {
	installed(t)
	begun := time.Now()
	helm(t, "uninstall", release, "--wait")
	eventually(t, "a bad edit is allowed", func() error { return try(bad) })
	measured("helm-uninstall-to-nothing-blocks", time.Since(begun))

	for _, kind := range []string{"validatingwebhookconfigurations", "validatingadmissionpolicies", "validatingadmissionpolicybindings",
		"clusterroles", "clusterrolebindings"} {
		kubectl(t, "get", kind, "-o", "name", "-l", "app.kubernetes.io/instance="+release).want(t, "", 0)
	}
	kubectl(t, "get", "roles,rolebindings", "-n", metav1.NamespaceSystem, "-o", "name", "-l", "app.kubernetes.io/instance="+release).want(t, "", 0)
	eventually(t, "the Secret goes with what trusted it", func() error {
		_, err := client.CoreV1().Secrets(namespace).Get(t.Context(), release+"-tls", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("it is still there"), err)
	})
	eventually(t, "nothing is left in the namespace", func() error {
		got := kubectl(t, "get", "all,configmaps,secrets,serviceaccounts,roles,rolebindings,poddisruptionbudgets,endpointslices,leases", "-n", namespace, "-o", "name")
		const clusters = "configmap/kube-root-ca.crt\nserviceaccount/default\n"
		if got.text != clusters {
			return fmt.Errorf("there are\n%s", got.text)
		}
		return nil
	})

	kubectl(t, edit("", somebody...)...).want(t, "configmap/aws-auth patched\n", 0)
	eventually(t, "the floor is gone", func() error { // the API server forgets policies about once a second
		return kubectl(t, append([]string{"delete", "configmap", "aws-auth", "-n", metav1.NamespaceSystem}, somebody...)...).
			has(0, "configmap \"aws-auth\" deleted from kube-system namespace")
	})
}
