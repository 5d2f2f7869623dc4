package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
	"github.com/aws-auth-guard/aws-auth-guard/test/transitions"
)

// plugin is the kubectl plugin, once it has been built.
func plugin(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "kubectl-awsauth")
	if err := guarded.Build(t.Context(), name, "cmd/kubectl-awsauth"); err != nil {
		t.Fatal(err)
	}
	return name
}

// awsauth runs the plugin in the hands of the cluster admin, where there are no AWS credentials.
func awsauth(t *testing.T, plugin, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), plugin, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+cluster.Kubeconfig, "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=none",
		"AWS_SHARED_CREDENTIALS_FILE=none", "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_PROFILE=", "AWS_WEB_IDENTITY_TOKEN_FILE=")
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

var ruleID = regexp.MustCompile(`AA\d{3}`)

// The plugin and the webhook say the same: 200 edits go through the API server, and through check --against live.
func TestVerdictOfTheCommandLine(t *testing.T) {
	const edits = 200
	all, err := transitions.Load("../../internal/validate/testdata")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < edits {
		t.Fatalf("%d edits, want %d", len(all), edits)
	}
	readRBAC(t)
	check, somebody := plugin(t), callers[0].hands(t)
	file := filepath.Join(t.TempDir(), "aws-auth.yaml")
	denied := 0
	for i := range edits {
		tr := all[i*len(all)/edits]
		given(t, tr.Before)
		m := auditMark(t)
		cm := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Name: "aws-auth", Namespace: metav1.NamespaceSystem}, Data: tr.After}
		_, err := somebody.json.Update(t.Context(), cm, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil && !apierrors.IsInvalid(err) {
			t.Fatalf("%s: %v", tr.Name, err)
		}
		if err != nil {
			denied++
		}
		text, yamlErr := yaml.Marshal(cm)
		if yamlErr != nil {
			t.Fatal(yamlErr)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		stdout, stderr, code := awsauth(t, check, "", "check", "-f", file, "--against", "live", "-o", "json")
		var said struct {
			Allowed  bool
			Findings []struct{ Rule string }
		}
		if err := json.Unmarshal([]byte(stdout), &said); err != nil {
			t.Fatalf("%s: %v\n%s%s", tr.Name, err, stdout, stderr)
		}
		if allowed := err == nil; said.Allowed != allowed || (code == 0) != allowed {
			t.Errorf("%s: the API server allows it: %t (%v); check says %t, exit code %d\n%s", tr.Name, allowed, err, said.Allowed, code, stdout)
		}
		var rules []string
		for _, f := range said.Findings {
			if !slices.Contains(rules, f.Rule) {
				rules = append(rules, f.Rule)
			}
		}
		want, asked := m.rules(t)
		switch {
		case asked:
			if got := strings.Join(rules, ","); got != want {
				t.Errorf("%s: rules %q, the guard says %q", tr.Name, got, want)
			}
		case err == nil:
			t.Errorf("%s: the guard was not asked", tr.Name)
		default: // denied before the guard was asked
			if id := ruleID.FindString(err.Error()); !slices.Contains(rules, id) {
				t.Errorf("%s: rules %q, the API server says %v", tr.Name, rules, err)
			}
		}
	}
	t.Logf("%d of %d edits were denied", denied, edits)
	if denied < edits/4 || denied > edits*9/10 {
		t.Errorf("%d of %d edits were denied, which shows little", denied, edits)
	}
}

// readRBAC lets the guard look at the cluster's RBAC until the test ends, as it does where it is installed.
func readRBAC(t *testing.T) {
	t.Helper()
	restart := func(kubeconfig string) {
		guard.Kubeconfig = kubeconfig
		if err := errors.Join(guard.Stop(), guard.Start(context.WithoutCancel(t.Context()))); err != nil {
			t.Fatal(err)
		}
	}
	restart(cluster.Kubeconfig)
	t.Cleanup(func() { restart("") })
}

// rules are the ids that the guard left in the audit log about the one write since m; asked is false if it left nothing.
func (m mark) rules(t *testing.T) (ids string, asked bool) {
	t.Helper()
	pollUntil(t, func() error {
		all, err := m.decisions()
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return errors.New("the write is not in the audit log yet")
		}
		_, asked = all[0][guardDecision]
		ids = all[0][guardRules]
		return nil
	})
	return ids, asked
}

// What is in a sound cluster has no findings: asked for it, read from kubectl get, and in the copy that kubectl edit keeps.
func TestCheckOfWhatIsThere(t *testing.T) {
	givenRoles(t, good)
	check := plugin(t)
	object := kubectl(t, "", "get", "configmap", "aws-auth", "-n", "kube-system", "-o", "yaml").text
	for name, args := range map[string][]string{
		"the object in the cluster":        {"check"},
		"what kubectl get prints":          {"check", "-f", "-"},
		"as an edit of itself":             {"check", "-f", "-", "--against", "live"},
		"by the cluster's policy, as said": {"check", "-f", "-", "--policy", "live"},
	} {
		stdout, stderr, code := awsauth(t, check, object, args...)
		if code != 0 || !strings.HasPrefix(stdout, "no findings: ") {
			t.Errorf("%s: exit code %d\n%s%s", name, code, stdout, stderr)
		}
	}
	edited := strings.Replace(object, "role/ci", "role/team/ci", 1)
	stdout, stderr, code := awsauth(t, check, edited, "check", "-f", "-")
	if code != 1 || !strings.Contains(stdout, "AA203") || strings.Contains(stdout, "AA401") || !strings.Contains(stderr, "judged as an edit") {
		t.Errorf("the copy of an edit: exit code %d\n%s%s", code, stdout, stderr)
	}
	if another := strings.Replace(object, "uid: ", "uid: 0", 1); another != object {
		stdout, stderr, code = awsauth(t, check, another, "check", "-f", "-")
		if code != 1 || !strings.Contains(stdout, "AA401") || !strings.Contains(stderr, "judged as a new object") {
			t.Errorf("of another cluster: exit code %d\n%s%s", code, stdout, stderr)
		}
	}
	stdout, stderr, code = awsauth(t, check, edited, "check", "-f", "-", "--policy", "default")
	if code != 1 || strings.Contains(stdout, "AA401") {
		t.Errorf("the admin is already there: exit code %d\n%s%s", code, stdout, stderr)
	}
}

// A mistake that is stored is a warning in a copy of the object, with another edit and without one: so the API server allows both.
func TestCheckOfAStoredMistake(t *testing.T) {
	givenRoles(t, good+"- rolearn: arn:aws:iam::111122223333:role/team/build\n  username: build\n  groups: [viewers]\n")
	check := plugin(t)
	object := kubectl(t, "", "get", "configmap", "aws-auth", "-n", "kube-system", "-o", "yaml").text
	for name, text := range map[string]string{"unchanged": object, "with another edit": strings.ReplaceAll(object, "groups: [viewers]", "groups: [viewers, testers]")} {
		if sent := kubectl(t, text, "replace", "--dry-run=server", "-f", "-"); sent.code != 0 {
			t.Errorf("%s: the API server says %s", name, sent.text)
		}
		stdout, stderr, code := awsauth(t, check, text, "check", "-f", "-")
		if code != 0 || !strings.Contains(stdout, "AA203") || !strings.HasSuffix(stdout, "\n1 warning: would be allowed\n") {
			t.Errorf("%s: exit code %d\n%s%s", name, code, stdout, stderr)
		}
	}
}
