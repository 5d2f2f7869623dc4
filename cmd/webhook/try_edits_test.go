package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	webhook "github.com/aws-auth-guard/aws-auth-guard/cmd/webhook"
)

// testOfChart is what `helm test` makes: a pod, and its right to edit aws-auth.
const testOfChart = "../../deploy/helm/testdata/tests/defaults.yaml"

// testTryEdits runs the arguments of the test's pod as its service account, with the guard in every state.
func (c *cluster) testTryEdits(t *testing.T) {
	var pod []string
	var rights []*unstructured.Unstructured
	for _, o := range objects(t, testOfChart) {
		if o.GetKind() != "Pod" {
			rights = append(rights, o)
			continue
		}
		containers, _, err := unstructured.NestedSlice(o.Object, "spec", "containers")
		if err != nil {
			t.Fatal(err)
		}
		if pod, _, err = unstructured.NestedStringSlice(containers[0].(map[string]any), "args"); err != nil || len(pod) == 0 {
			t.Fatalf("the pod has no arguments (%v)", err)
		}
	}
	kubeconfig := c.kubeconfigOf(t, "system:serviceaccount:guard:aws-auth-guard-test")
	try := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), c.binary, append(pod, args...)...)
		cmd.Env = append(webhook.WithoutAWS(os.Environ()), "KUBECONFIG="+kubeconfig)
		var out, problem bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &problem
		if err := cmd.Run(); err != nil {
			return out.String(), fmt.Errorf("%w: %s", err, &problem)
		}
		return out.String(), nil
	}
	passes := func(want string, args ...string) {
		t.Helper()
		if out, err := try(args...); err != nil || out != want {
			t.Errorf("%q, %v, want %q", out, err, want)
		}
	}
	fails := func(want string, args ...string) {
		t.Helper()
		c.eventually(t, func() error { // the guard takes in what has changed within seconds
			out, err := try(append(args, "--timeout=1s")...)
			if err == nil || !strings.Contains(err.Error(), want) {
				return fmt.Errorf("%q, %w, want %q", out, errors.Join(err), want)
			}
			return nil
		})
	}

	fails("forbidden")
	for _, o := range rights {
		if err := c.admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	passes("a good edit is allowed, and a bad one is denied (AA103)\n")
	fails("a bad edit is denied, and the mode of the values is audit", "--mode=audit")
	c.setPolicy(t, "mode: audit")
	passes("a good edit is allowed, and a bad one with a warning (AA103), since the mode is audit\n", "--mode=audit")
	fails("a bad edit is allowed with a warning, and the mode of the values is enforce")
	c.setPolicy(t, "")
	passes("a good edit is allowed, and a bad one is denied (AA103)\n")

	off := admissionregistrationv1.MatchCondition{Name: "off", Expression: "false"}
	c.configure(t, func(w *admissionregistrationv1.ValidatingWebhook) { w.MatchConditions = append(w.MatchConditions, off) })
	fails("a bad edit is allowed without a warning: the API server does not call the guard")
	c.configure(t, func(w *admissionregistrationv1.ValidatingWebhook) {
		w.MatchConditions = w.MatchConditions[:len(w.MatchConditions)-1]
	})
	passes("a good edit is allowed, and a bad one is denied (AA103)\n")

	for _, o := range rights {
		if err := c.admin.Delete(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// kubeconfigOf is a file for somebody with no rights but those of RBAC.
func (c *cluster) kubeconfigOf(t *testing.T, user string) string {
	t.Helper()
	kubeconfig, err := clientcmd.LoadFromFile(c.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range kubeconfig.AuthInfos {
		u.Impersonate = user
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*kubeconfig, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// configure changes the guard's webhook in the configuration in force.
func (c *cluster) configure(t *testing.T, change func(*admissionregistrationv1.ValidatingWebhook)) {
	t.Helper()
	c.eventually(t, func() error { // the guard writes to it, too
		var config admissionregistrationv1.ValidatingWebhookConfiguration
		if err := c.admin.Get(t.Context(), client.ObjectKey{Name: "aws-auth-guard"}, &config); err != nil {
			return err
		}
		change(&config.Webhooks[0])
		return c.admin.Update(t.Context(), &config)
	})
}
