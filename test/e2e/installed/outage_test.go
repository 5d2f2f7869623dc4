//go:build e2e

package installed

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestCertificateRotatedUnderLoad(t *testing.T) {
	secrets := client.CoreV1().Secrets(namespace)
	for name, renew := range map[string]func(*testing.T) error{
		"leaf": func(t *testing.T) error {
			empty, err := json.Marshal(map[string]any{"data": map[string]any{"tls.crt": ""}})
			if err == nil {
				_, err = secrets.Patch(t.Context(), release+"-tls", types.MergePatchType, empty, metav1.PatchOptions{})
			}
			return err
		},
		"authority": func(t *testing.T) error { return secrets.Delete(t.Context(), release+"-tls", metav1.DeleteOptions{}) },
	} {
		t.Run(name, func(t *testing.T) {
			installed(t)
			before := wantReplicas(t)
			ends := map[string]float64{}
			for _, p := range before {
				end, err := metric(t.Context(), p.Name, "aws_auth_guard_certificate_expiry_timestamp_seconds")
				if err != nil {
					t.Fatal(err)
				}
				ends[p.Name] = end
			}
			l := startLoad(t)
			begun := time.Now()
			if err := renew(t); err != nil {
				t.Fatal(err)
			}
			eventually(t, "every replica serves the new certificate", func() error {
				return all(t.Context(), func(p corev1.Pod) error {
					end, err := metric(t.Context(), p.Name, "aws_auth_guard_certificate_expiry_timestamp_seconds")
					if err == nil && end <= ends[p.Name] {
						err = fmt.Errorf("pod %s serves the old one", p.Name)
					}
					return err
				})
			})
			took := time.Since(begun)
			measured("rotated-"+name+"-to-served", took)
			// Another leaf is served at once; one of another authority when every API server has heard of that.
			if name == "leaf" && took > time.Second || name == "authority" && took < 10*time.Second {
				t.Errorf("the new %s is served after %v, want a leaf within a second, one of a new authority after ten", name, took)
			}
			l.await(t, perSecond) // and the new one is used
			l.wantNoneLost(t, "rotated-"+name)
			wantAlive(t, before)
		})
	}
}

func TestRollingRestartUnderLoad(t *testing.T) {
	installed(t)
	before := wantReplicas(t)
	l := startLoad(t)
	begun := time.Now()
	kubectl(t, "rollout", "restart", "deployment/"+release, "-n", namespace).wantIn(t, 0, "restarted")
	replaced(t, before)
	measured("rolling-restart", time.Since(begun))
	l.await(t, perSecond)
	l.wantNoneLost(t, "rolling-restart")
}

// replaced waits until the replicas are others, and nothing is left of those before.
func replaced(t *testing.T, before []corev1.Pod) {
	t.Helper()
	eventually(t, "other replicas", func() error {
		now, err := replicas(t.Context())
		if err != nil {
			return err
		}
		for _, p := range now {
			if slices.ContainsFunc(before, func(b corev1.Pod) bool { return b.UID == p.UID }) {
				return fmt.Errorf("pod %s is still there", p.Name)
			}
		}
		return nil
	})
}

// An upgrade that changes pods and policy, and the way back.
func TestUpgradeAndRollbackUnderLoad(t *testing.T) {
	installed(t)
	before := wantReplicas(t)
	l := startLoad(t)
	begun := time.Now()
	helm(t, upgrade("podLabels.generation=next", "policy.rules.AA105=warning")...)
	replaced(t, before)
	measured("upgrade", time.Since(begun))
	upgraded := wantReplicas(t)
	for _, p := range upgraded {
		if p.Labels["generation"] != "next" {
			t.Errorf("pod %s is not of the upgrade: labels %v", p.Name, p.Labels)
		}
	}
	trusts(t)
	begun = time.Now()
	helm(t, "rollback", release, "--wait", "--timeout", patience.String())
	replaced(t, upgraded)
	measured("rollback", time.Since(begun))
	for _, p := range wantReplicas(t) {
		if _, ok := p.Labels["generation"]; ok {
			t.Errorf("pod %s is not of the rollback: labels %v", p.Name, p.Labels)
		}
	}
	trusts(t)
	l.wantNoneLost(t, "upgrade-and-rollback")
}

// Nobody can answer what a killed process was about to answer. And until Kubernetes has noticed, the Service goes on sending
// new connections there, which are refused. All others find the other replica.
func TestKilledReplicaUnderLoad(t *testing.T) {
	needsNode(t)
	installed(t)
	before := wantReplicas(t)
	l := startLoad(t)
	victim := busiest(t, before)
	pid, err := process(victim)
	if err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var out time.Duration // zero if Kubernetes sees it alive again before it has told of its end
	eventually(t, "the killed replica is back", func() error {
		if out == 0 && outOfService(t, victim) == nil {
			out = time.Since(killed)
		}
		now, err := replicas(t.Context())
		if err == nil && slices.Equal(lives(now), lives(before)) {
			err = errors.New("it is taken for alive")
		}
		return err
	})
	back := time.Now()
	measured("killed-replica-to-out-of-service", out)
	measured("killed-replica-to-ready", back.Sub(killed))

	inFlight, sentThere := 0, 0
	for _, a := range l.end(t, "killed-replica") {
		text := a.failure.Error()
		unanswered := strings.Contains(text, `failed to call webhook: Post "`) // else it is the guard's answer that is wrong
		switch {
		case !unanswered, !a.begun.Before(back), strings.Contains(text, "i/o timeout"), strings.Contains(text, "deadline exceeded"), strings.Contains(text, "x509: "):
			t.Errorf("begun %v after the kill, ended %v after it, the replica being back %v after it: %v",
				a.begun.Sub(killed), a.ended.Sub(killed), back.Sub(killed), a.failure)
		case strings.Contains(text, "connection refused"):
			sentThere++
		default: // its connection ended, which Go's HTTP client tells in many ways
			inFlight++
		}
	}
	measured("killed-replica-failed-in-flight", inFlight)
	measured("killed-replica-failed-connection-refused", sentThere)
	// A process does not close all its connections at the same moment: who loses one may try the next that is idle. The API
	// server keeps 25 of those (client-go's transport).
	if inFlight > atATime+25 {
		t.Errorf("%d were in flight on the killed replica, where %d were on their way at a time", inFlight, atATime)
	}
}

// outOfService is nil if the Service sends nobody to a pod.
func outOfService(t *testing.T, pod corev1.Pod) error {
	parts, err := client.DiscoveryV1().EndpointSlices(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + release})
	if err != nil {
		return err
	}
	for _, part := range parts.Items {
		for _, e := range part.Endpoints {
			if e.TargetRef != nil && e.TargetRef.Name == pod.Name && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
				return fmt.Errorf("pod %s is in it", pod.Name)
			}
		}
	}
	return nil
}

// busiest is the replica that has made the most decisions.
func busiest(t *testing.T, pods []corev1.Pod) corev1.Pod {
	t.Helper()
	most, busiest := 0.0, corev1.Pod{}
	for _, p := range pods {
		n, err := metric(t.Context(), p.Name, "aws_auth_guard_decision_seconds_count")
		if err == nil && n > most { // the metric is not there before the first decision
			most, busiest = n, p
		}
	}
	if most == 0 {
		t.Fatal("no replica has made a decision")
	}
	return busiest
}

// The API server comes back, and everything that hangs on it goes on.
func TestAPIServerRestart(t *testing.T) {
	needsNode(t)
	installed(t)
	before := wantReplicas(t)
	pid, err := program("kube-apiserver")
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil { // SIGTERM makes it wait for a minute for those who watch
		t.Fatal(err)
	}
	eventually(t, "another kube-apiserver", func() error {
		now, err := program("kube-apiserver")
		if err == nil && now == pid {
			err = errors.New("it is the old one")
		}
		return err
	})
	eventually(t, "a bad edit is refused again", refuses)
	measured("apiserver-restart-to-refusal", time.Since(begun))
	if err := admits(); err != nil {
		t.Error(err)
	}
	eventually(t, "the replicas are as before", func() error {
		now, err := replicas(t.Context())
		if err == nil && !slices.Equal(lives(now), lives(before)) {
			err = fmt.Errorf("they are %v, and were %v", lives(now), lives(before))
		}
		return err
	})
	// They hear of what is new, too.
	begun = time.Now()
	helm(t, upgrade("policy.rules.AA203=warning")...)
	eventually(t, "a changed policy", func() error {
		return all(t.Context(), func(p corev1.Pod) error {
			if allowed, err := judges(t.Context(), p.Name, bad); err != nil || !allowed {
				return fmt.Errorf("pod %s: allowed %v, %w", p.Name, allowed, err)
			}
			return nil
		})
	})
	measured("apiserver-restart-policy-change-to-in-force", time.Since(begun))
	wantAlive(t, before)
}

// While no pod is alive and failurePolicy is Fail, whoever has to get in gets in, and nobody else does harm.
func TestAllReplicasGone(t *testing.T) {
	installed(t)
	kubectl(t, "scale", "deployment/"+release, "-n", namespace, "--replicas=0").wantIn(t, 0, "scaled")
	eventually(t, "no pod is left", gone(t))

	deletion := []string{"delete", "configmap", "aws-auth", "-n", metav1.NamespaceSystem}
	frozen := []string{"patch", "configmap", "aws-auth", "-n", metav1.NamespaceSystem, "--type=merge", "-p", `{"immutable":true}`}
	t.Run("anyone else is told how to go on", func(t *testing.T) {
		eventually(t, "a refusal that says how", func() error {
			got := kubectl(t, edit(good, somebody...)...)
			for _, part := range []string{"Warning: ", "no replica of aws-auth-guard", "a member of " + breakGlass, `failed calling webhook "guard.aws-auth-guard.io"`} {
				if got.code != 1 || !strings.Contains(got.text, part) {
					return fmt.Errorf("exit code %d, want 1 and %q in\n%s", got.code, part, got.text)
				}
			}
			return nil
		})
		wantRoles(t, base)
	})
	t.Run("the floor holds", func(t *testing.T) {
		const fix = "; fix: "
		kubectl(t, append(deletion, somebody...)...).wantIn(t, 1, "AA501 deletes-aws-auth", fix)
		kubectl(t, edit("[]", somebody...)...).wantIn(t, 1, "AA502 empties-mappings", fix)
		kubectl(t, append(frozen, somebody...)...).wantIn(t, 1, "AA109 frozen", fix)
		kubectl(t, deletion...).wantIn(t, 1, "AA501 deletes-aws-auth", fix) // a cluster admin, too
		wantRoles(t, base)
	})
	t.Run("eks:node-manager edits", func(t *testing.T) {
		kubectl(t, edit(good, nodeManager...)...).want(t, "configmap/aws-auth patched\n", 0)
		wantRoles(t, good)
		kubectl(t, edit(base, "--as", "eks:node-manager2")...).wantIn(t, 1, "forbidden")
	})
	t.Run("the break-glass group repairs", func(t *testing.T) {
		kubectl(t, append(deletion, glassBroken...)...).want(t, "configmap \"aws-auth\" deleted from kube-system namespace\n", 0)
		given(t, base)
		wantRoles(t, base)
	})
	t.Run("what is none of the guard's business goes on", func(t *testing.T) {
		kubectl(t, append([]string{"create", "configmap", "other", "-n", metav1.NamespaceSystem}, somebody...)...).want(t, "configmap/other created\n", 0)
		kubectl(t, append([]string{"delete", "configmap", "other", "-n", metav1.NamespaceSystem}, somebody...)...).
			want(t, "configmap \"other\" deleted from kube-system namespace\n", 0)
	})
	t.Run("and it comes back by itself", func(t *testing.T) {
		begun := time.Now()
		kubectl(t, "scale", "deployment/"+release, "-n", namespace, "--replicas=2").wantIn(t, 0, "scaled")
		eventually(t, "a refusal", refuses)
		measured("scaled-up-to-refusal", time.Since(begun))
	})
}
