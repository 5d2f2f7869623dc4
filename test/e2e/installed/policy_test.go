//go:build e2e

package installed

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A change of the policy takes effect on every replica within ten seconds of helm upgrade, without a restart, and so does
// the way back.
func TestPolicyChange(t *testing.T) {
	installed(t)
	before := wantReplicas(t)
	inForce := func(name string, allowed bool) {
		t.Helper()
		helm(t, upgrade("policy.rules.AA203="+map[bool]string{true: "warning", false: "error"}[allowed])...)
		upgraded := time.Now()
		eventually(t, "the changed policy", func() error {
			return all(t.Context(), func(p corev1.Pod) error {
				if got, err := judges(t.Context(), p.Name, bad); err != nil || got != allowed {
					return fmt.Errorf("pod %s: allowed %v, %w", p.Name, got, err)
				}
				return nil
			})
		})
		took := time.Since(upgraded)
		measured(name, took)
		if took > 10*time.Second {
			t.Errorf("the changed policy took effect %v after helm upgrade, want 10 s at most", took)
		}
	}
	inForce("policy-change-to-in-force", true)
	kubectl(t, edit(bad, somebody...)...).wantIn(t, 0, "Warning: ", "AA203", "configmap/aws-auth patched\n")
	given(t, base)
	inForce("policy-change-back-to-in-force", false)
	kubectl(t, edit(bad, somebody...)...).want(t, refusal, 1)
	wantAlive(t, before)
}

func TestBadPolicy(t *testing.T) {
	installed(t)
	before := wantReplicas(t)
	const unknown = "policy.mode=loud"

	t.Run("the schema refuses it", func(t *testing.T) {
		revision := kubectl(t, "get", "secrets", "-n", namespace, "-l", "owner=helm", "-o", "name").text
		got := run(t, "", "helm", append(upgrade(unknown), "-n", namespace)...)
		got.wantIn(t, 1, "/policy/mode", "enforce", "audit")
		if now := kubectl(t, "get", "secrets", "-n", namespace, "-l", "owner=helm", "-o", "name").text; now != revision {
			t.Errorf("helm has made a revision:\n%swhere there were:\n%s", now, revision)
		}
	})
	t.Run("what gets past the schema is kept out", func(t *testing.T) {
		helm(t, append(upgrade(unknown), "--skip-schema-validation")...)
		eventually(t, "every replica says so", func() error { return all(t.Context(), tellsOfBadPolicy(t)) })
		eventually(t, "an Event at every replica", func() error {
			return all(t.Context(), func(p corev1.Pod) error {
				list, err := client.EventsV1().Events(namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "reason=PolicyRejected,regarding.name=" + p.Name})
				if err != nil {
					return err
				}
				for _, e := range list.Items {
					if strings.Contains(e.Note, `"loud"`) && e.Type == corev1.EventTypeWarning {
						return nil
					}
				}
				return fmt.Errorf("none at pod %s", p.Name)
			})
		})
		if err := errors.Join(admits(), refuses()); err != nil {
			t.Errorf("the previous policy is not in force: %v", err)
		}
		wantAlive(t, before)
	})
	t.Run("a new pod does not start with it, and the old ones stay", func(t *testing.T) {
		kubectl(t, "rollout", "restart", "deployment/"+release, "-n", namespace).wantIn(t, 0, "restarted")
		eventually(t, "a new pod that says why", func() error {
			got := kubectl(t, "get", "pods", "-n", namespace, "-o", "jsonpath={.items[*].status.containerStatuses[*]..terminated.message}")
			if !strings.Contains(got.text, `"loud"`) || !strings.Contains(got.text, "line ") {
				return fmt.Errorf("messages of ended containers: %q", got.text)
			}
			return nil
		})
		for _, p := range before {
			now, err := client.CoreV1().Pods(namespace).Get(t.Context(), p.Name, metav1.GetOptions{})
			if err != nil || !isReady(*now) {
				t.Errorf("pod %s is not ready any more: %v", p.Name, err)
			}
		}
		if err := errors.Join(admits(), refuses()); err != nil {
			t.Errorf("the guard is gone: %v", err)
		}
	})
	t.Run("helm rollback fixes it", func(t *testing.T) {
		helm(t, "rollback", release, "--wait", "--timeout", patience.String())
		eventually(t, "every replica is content", func() error {
			return all(t.Context(), func(p corev1.Pod) error {
				rejected, err := metric(t.Context(), p.Name, "aws_auth_guard_policy_rejected")
				if err == nil && rejected != 0 {
					err = fmt.Errorf("pod %s has no good policy", p.Name)
				}
				return err
			})
		})
		if err := errors.Join(admits(), refuses()); err != nil {
			t.Error(err)
		}
	})
}

// tellsOfBadPolicy checks a replica's metric and its readiness detail, which names the line.
func tellsOfBadPolicy(t *testing.T) func(corev1.Pod) error {
	return func(p corev1.Pod) error {
		if rejected, err := metric(t.Context(), p.Name, "aws_auth_guard_policy_rejected"); err != nil || rejected != 1 {
			return fmt.Errorf("pod %s: aws_auth_guard_policy_rejected %v, %w", p.Name, rejected, err)
		}
		detail, err := ask(t.Context(), p.Name, 8081, "readyz")
		if err != nil {
			return err
		}
		if !strings.Contains(detail, "[!] policy: ") || !strings.Contains(detail, "line ") || !strings.Contains(detail, `"loud"`) {
			return fmt.Errorf("pod %s says of its readiness:\n%s", p.Name, detail)
		}
		return nil
	}
}
