package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// shortTimeout is the least that an API server takes for timeoutSeconds.
const shortTimeout = 1

// TestFloodAtShortTimeout: the API server waits for the guard no longer than a second, AWS takes a tenth of that for an answer, and
// somebody sends dry runs with names that are not there, again and again. The guard answers every edit in time, the flood's
// too: nobody meets the failurePolicy. The small edits of somebody else are answered rightly.
func TestFloodAtShortTimeout(t *testing.T) {
	const tries, flooders = 24, 8
	seed := fake.Seed{Credentials: []fake.Credential{{AccessKeyID: "guard", ARN: "arn:aws:sts::111122223333:assumed-role/aws-auth-guard/pod", Deny: []string{"iam:ListRoles", "iam:ListUsers"}}},
		Roles: []fake.Role{{ARN: "arn:aws:iam::111122223333:role/nodes"}, {ARN: "arn:aws:iam::111122223333:role/admin"}, {ARN: "arn:aws:iam::111122223333:role/first"}}}
	for n := range tries {
		seed.Roles = append(seed.Roles, fake.Role{ARN: fmt.Sprintf("arn:aws:iam::111122223333:role/new-%d", n)})
	}
	aws, err := fake.New(seed)
	if err != nil {
		t.Fatal(err)
	}
	givenRoles(t, base)
	restartGuard(t, fake.Serve(t, aws))
	setTimeout(t, shortTimeout)
	operator := configMapsOf(t, "operator")
	// It knows who it is.
	if err := guarded.Poll(t.Context(), func(ctx context.Context) error { return add(ctx, operator, "first") }); err != nil {
		t.Fatal(err)
	}
	if err := aws.SetFaults(fake.Faults{Latency: metav1.Duration{Duration: 100 * time.Millisecond}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var flooding sync.WaitGroup
	defer flooding.Wait()
	defer cancel()
	var flood atomic.Int64
	for n := range flooders {
		flooder := configMapsOf(t, "flooder")
		flooding.Go(func() {
			for round := 0; ctx.Err() == nil; round++ {
				var names []string
				for i := range 10 {
					names = append(names, fmt.Sprintf("none-%d-%d-%d", n, round, i))
				}
				err := add(ctx, flooder, names...)
				if flood.Add(1); ctx.Err() == nil && !answered(err) {
					t.Errorf("the flood's: %v", err)
				}
			}
		})
	}
	if err := guarded.Poll(ctx, func(context.Context) error {
		if n := aws.Count("GetRole"); n < 25 {
			return fmt.Errorf("%d calls", n)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var took []time.Duration
	said := map[string]int{}
	for n := range tries {
		name := fmt.Sprintf("new-%d", n)
		if n%4 == 3 {
			name = fmt.Sprintf("gone-%d", n)
		}
		started := time.Now()
		err := add(ctx, operator, name)
		took = append(took, time.Since(started))
		switch {
		case !answered(err):
			t.Errorf("%s, after %s: %v", name, took[n], err)
		case strings.HasPrefix(name, "new-") && err != nil, strings.HasPrefix(name, "gone-") && !refusedBy(err, "AA301"):
			t.Errorf("%s, after %s: a wrong answer: %v", name, took[n], err)
		}
		said[rule(err)]++
	}
	cancel()
	flooding.Wait()
	if err := aws.SetFaults(fake.Faults{Answer: fake.Hang}); err != nil {
		t.Fatal(err)
	}
	if err := add(t.Context(), operator, "unheard-of"); !refusedBy(err, "AA302") {
		t.Errorf("while AWS hangs: %v, want AA302", err)
	}
	slices.Sort(took)
	t.Logf("%d small edits beside %d of the flood: half within %s, all within %s; answers %v", tries, flood.Load(), took[tries/2], took[tries-1], said)
}

// restartGuard starts another guard with an AWS to ask, and takes that away with the test.
func restartGuard(t *testing.T, aws string) {
	t.Helper()
	again := func(aws string) error {
		if err := guard.Stop(); err != nil {
			return err
		}
		guard.AskAWS(aws)
		return guard.Start(context.WithoutCancel(t.Context()))
	}
	t.Cleanup(func() {
		if err := again(""); err != nil {
			t.Error(err)
		}
		if log, err := os.ReadFile(guard.Log); t.Failed() && err == nil {
			t.Logf("%s", log)
		}
	})
	if err := again(aws); err != nil {
		t.Fatal(err)
	}
}

// setTimeout sets the timeoutSeconds of all webhooks, and puts them back with the test.
func setTimeout(t *testing.T, seconds int32) {
	t.Helper()
	client, err := kubernetes.NewForConfig(cluster.Config)
	if err != nil {
		t.Fatal(err)
	}
	configurations := client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	set := func(seconds func(int) int32) error {
		config, err := configurations.Get(context.WithoutCancel(t.Context()), "aws-auth-guard", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for i := range config.Webhooks {
			config.Webhooks[i].TimeoutSeconds = new(seconds(i))
		}
		_, err = configurations.Update(context.WithoutCancel(t.Context()), config, metav1.UpdateOptions{})
		return err
	}
	config, err := configurations.Get(t.Context(), "aws-auth-guard", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set(func(i int) int32 { return *config.Webhooks[i].TimeoutSeconds }); err != nil {
			t.Error(err)
		}
	})
	if err := set(func(int) int32 { return seconds }); err != nil {
		t.Fatal(err)
	}
}

// configMapsOf are those of kube-system in the hands of a cluster admin of that name, whom the guard may refuse.
func configMapsOf(t *testing.T, username string) typedcorev1.ConfigMapInterface {
	t.Helper()
	config := rest.CopyConfig(cluster.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: username, Groups: []string{"system:masters"}}
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
}

// add tries to map roles of these names beside the base, as a dry run.
func add(ctx context.Context, as typedcorev1.ConfigMapInterface, names ...string) error {
	text := base
	for _, name := range names {
		text += strings.ReplaceAll(ci, "role/ci", "role/"+name)
	}
	patch, err := json.Marshal(map[string]any{"data": map[string]string{"mapRoles": text}})
	if err != nil {
		return err
	}
	_, err = as.Patch(ctx, "aws-auth", types.MergePatchType, patch, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// answered reports that it was the guard that said so, and not the API server that got no answer of it.
func answered(err error) bool { return err == nil || rule(err) != "none" }

func refusedBy(err error, rule string) bool {
	return apierrors.IsInvalid(err) && strings.Contains(err.Error(), rule)
}

// rule is what a refusal stands on.
func rule(err error) string {
	switch {
	case err == nil:
		return "allowed"
	case apierrors.IsServiceUnavailable(err) && strings.Contains(err.Error(), "too many reviews at once"):
		return "busy"
	}
	for _, id := range []string{"AA301", "AA302"} {
		if refusedBy(err, id) {
			return id
		}
	}
	return "none"
}
