package helm_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aws-auth-guard/aws-auth-guard/internal/coverage"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// installer runs the real helm against an API server of its own, and does what the guard's pods and cert-manager do in a
// cluster.
type installer struct {
	admin      client.Client
	kubeconfig string
	home       string
	namespace  string
	release    string
	chart      string
	cluster    *guarded.Cluster
}

func newInstaller(t *testing.T) *installer {
	t.Helper()
	helmBinary(t) // or the test is skipped
	cluster := guarded.StartFor(t)
	admin, err := client.New(cluster.Config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	i := &installer{admin: admin, kubeconfig: cluster.Kubeconfig, home: t.TempDir(), namespace: "guard", release: chart, chart: chart, cluster: cluster}
	if err := admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: i.namespace}}); err != nil {
		t.Fatal(err)
	}
	for kind, plural := range custom {
		define(t, admin, kind, plural)
	}
	return i
}

// custom are the kinds of others that the chart makes objects of, with their plurals.
var custom = map[schema.GroupVersionKind]string{
	{Group: "monitoring.coreos.com", Version: "v1", Kind: "ServiceMonitor"}: "servicemonitors",
	{Group: "monitoring.coreos.com", Version: "v1", Kind: "PrometheusRule"}: "prometheusrules",
	{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"}:          "certificates",
	{Group: "cert-manager.io", Version: "v1", Kind: "Issuer"}:               "issuers",
}

// define makes the API server know a kind, with any fields.
func define(t *testing.T, admin client.Client, kind schema.GroupVersionKind, plural string) {
	t.Helper()
	crd := &unstructured.Unstructured{Object: object(fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[1]s.%[2]s}
spec:
  group: %[2]s
  names: {plural: %[1]s, kind: %[4]s}
  scope: Namespaced
  versions:
  - {name: %[3]s, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`, plural, kind.Group, kind.Version, kind.Kind))}
	if err := admin.Create(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind)
	waitUntil(t, "the API server serves "+plural, func() bool { return admin.List(t.Context(), list) == nil })
}

// helm runs it with values; the error has all that it said.
func (i *installer) helm(t *testing.T, values string, args ...string) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), helmBinary(t), append(args, "--namespace", i.namespace)...)
	cmd.Env = append(os.Environ(), "GOGC=off", "KUBECONFIG="+i.kubeconfig, "HELM_CACHE_HOME="+i.home, "HELM_CONFIG_HOME="+i.home, "HELM_DATA_HOME="+i.home)
	if values != "" {
		cmd.Args = append(cmd.Args, "--values", "-")
		cmd.Stdin = strings.NewReader(values)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func (i *installer) upgrade(t *testing.T, values string, flags ...string) error {
	t.Helper()
	return i.helm(t, values, append([]string{"upgrade", "--install", "--reset-values", i.release, i.chart}, flags...)...)
}

// kinds are those of all that can be left of a release.
func kinds() []schema.GroupVersionKind {
	all := []schema.GroupVersionKind{
		{Version: "v1", Kind: "ConfigMap"}, {Version: "v1", Kind: "Secret"}, {Version: "v1", Kind: "Service"}, {Version: "v1", Kind: "ServiceAccount"},
		{Group: "apps", Version: "v1", Kind: "Deployment"}, {Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
		{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"}, {Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"},
	}
	for _, kind := range []string{"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"} {
		all = append(all, schema.GroupVersionKind{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: kind})
	}
	for _, kind := range []string{"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"} {
		all = append(all, schema.GroupVersionKind{Group: "admissionregistration.k8s.io", Version: "v1", Kind: kind})
	}
	return slices.AppendSeq(all, maps.Keys(custom))
}

// there are all objects of the cluster, as "Kind namespace/name".
func (i *installer) there(t *testing.T) (all []string) {
	t.Helper()
	for _, kind := range kinds() {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind)
		if err := i.admin.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		for _, o := range list.Items {
			all = append(all, fmt.Sprintf("%s %s/%s", kind.Kind, o.GetNamespace(), o.GetName()))
		}
	}
	slices.Sort(all)
	return all
}

// rendered are the objects of values, named as by there.
func (i *installer) rendered(t *testing.T, values string) (all []string) {
	t.Helper()
	out, err := helm(t, values, "template", i.release, i.chart, "--namespace", i.namespace, "--skip-tests")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects(t, out) {
		all = append(all, fmt.Sprintf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName()))
	}
	return all
}

// configurations are the release's.
func (i *installer) configurations(t *testing.T) []admissionregistrationv1.ValidatingWebhookConfiguration {
	t.Helper()
	var list admissionregistrationv1.ValidatingWebhookConfigurationList
	if err := i.admin.List(t.Context(), &list, client.MatchingLabels{"app.kubernetes.io/instance": i.release}); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// written is what the guard or cert-manager write into caBundle.
const written = "mine"

// run does what comes after an installation: the first replica that is ready writes the rules of its webhook, the owner of the
// certificate caBundle, and the guard its Secret, which the configuration owns.
func (i *installer) run(t *testing.T, values string) {
	t.Helper()
	for _, c := range i.configurations(t) {
		guard := &c.Webhooks[0]
		if len(guard.Rules) > 0 {
			continue
		}
		was := client.StrategicMergeFrom(c.DeepCopy())
		guard.Rules = c.Webhooks[1].Rules
		if err := i.admin.Patch(t.Context(), &c, was, client.FieldOwner("aws-auth-guard")); err != nil {
			t.Fatal(err)
		}
	}
	mode := "self"
	if tls, ok := object(values)["tls"].(map[string]any); ok {
		mode = fmt.Sprint(tls["mode"])
	}
	if mode == "existingSecret" {
		return
	}
	writer := client.FieldOwner(map[string]string{"self": "aws-auth-guard", "certManager": "cert-manager-cainjector"}[mode])
	for _, c := range i.configurations(t) {
		for n := range c.Webhooks {
			patch := fmt.Appendf(nil, `[{"op":"add","path":"/webhooks/%d/clientConfig/caBundle","value":%q}]`, n, base64.StdEncoding.EncodeToString([]byte(written)))
			if err := i.admin.Patch(t.Context(), c.DeepCopy(), client.RawPatch(types.JSONPatchType, patch), writer); err != nil {
				t.Fatal(err)
			}
		}
		if mode == "self" {
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: i.namespace, Name: c.Name + "-tls", OwnerReferences: []metav1.OwnerReference{
				{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingWebhookConfiguration", Name: c.Name, UID: c.UID}}}}
			if err := i.admin.Create(t.Context(), secret); err != nil && !apierrors.IsAlreadyExists(err) {
				t.Fatal(err)
			}
		}
	}
}

// gaps are the differences between the release's one configuration and what a guard with this policy needs, without those
// that the values ask for.
func (i *installer) gaps(t *testing.T, values string) (all []string) {
	t.Helper()
	all = []string{}
	list := i.configurations(t)
	if len(list) != 1 {
		return []string{fmt.Sprintf("%d configurations", len(list))}
	}
	p, err := policy.Parse([]byte(policyOf(t, values)))
	if err != nil {
		t.Fatal(err)
	}
	gaps, err := coverage.Gaps(&list[0], coverage.Need{Namespace: i.namespace, Name: list[0].Name, ExemptUsernames: p.Exempt.Usernames, BreakGlassGroups: p.BreakGlass.Groups})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range gaps {
		if !strings.Contains(g.What, "not-the-installer") && !strings.Contains(values, "failurePolicy: Ignore") {
			all = append(all, g.String())
		}
	}
	return all
}

// walks are the values that an installation is upgraded through: those whose objects, names or owners of caBundle differ.
func walks() map[string]string {
	all := map[string]string{"open": open}
	for _, name := range []string{"defaults", "everything", "cert-manager", "existing secret", "nothing that is spared"} {
		all[name] = variants[name]
	}
	return all
}

// TestInstalled runs the real helm against an API server of its own, and what is there afterwards is looked at.
func TestInstalled(t *testing.T) {
	t.Parallel()
	i := newInstaller(t)
	t.Run("every upgrade", func(t *testing.T) { testEveryUpgrade(t, i) })
	t.Run("called once a replica was ready", func(t *testing.T) { testCalledOnceReady(t, i) })
	t.Run("called after an older chart", func(t *testing.T) { testCalledAfterOlderChart(t, i) })
	t.Run("helm test", func(t *testing.T) { testHelmTest(t, i) })
	t.Run("a configuration is restored", func(t *testing.T) { testConfigurationIsRestored(t, i) })
	t.Run("two releases", func(t *testing.T) { testTwoReleases(t, i) })
	t.Run("nameOverride stays", func(t *testing.T) { testNameOverrideStays(t, i) })
}

// testCalledOnceReady: an installation whose pods never start makes no edit fail, but for what the floor denies. Once a replica was
// ready, the webhook is called whatever becomes of the pods and however the chart is applied again. No pod runs here, so an edit for
// which it is called fails.
func testCalledOnceReady(t *testing.T, i *installer) {
	anything := awsAuth(nodesEntry + ciEntry)
	frozen := awsAuth(nodesEntry)
	frozen.Immutable = new(true)
	create := func(cm *corev1.ConfigMap) error { return i.admin.Create(t.Context(), cm.DeepCopy(), client.DryRunAll) }
	called := func(when string) {
		t.Helper()
		waitUntil(t, "the webhook is called "+when, func() bool {
			err := create(anything)
			return err != nil && strings.Contains(err.Error(), `failed calling webhook "guard.aws-auth-guard.io"`)
		})
		if list := i.configurations(t); len(list) != 1 || len(list[0].Webhooks) != 2 || len(list[0].Webhooks[0].Rules) != 1 {
			t.Errorf("%s: the webhook has no rules any more: %+v", when, list)
		}
	}
	if err := i.upgrade(t, "{}"); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the floor works before a replica is ready", func() bool {
		err := create(frozen)
		return err != nil && strings.Contains(err.Error(), "AA109")
	})
	if err := create(anything); err != nil {
		t.Errorf("before a replica is ready: %v", err)
	}
	if err := i.upgrade(t, "replicaCount: 3"); err != nil {
		t.Fatal(err)
	}
	if err := create(anything); err != nil {
		t.Errorf("after an upgrade before a replica is ready: %v", err)
	}

	i.run(t, "{}")
	called("when a replica is ready")
	manifest, err := helm(t, "{}", "template", i.release, i.chart, "--namespace", i.namespace, "--skip-tests")
	if err != nil {
		t.Fatal(err)
	}
	apply := func(flags ...string) func() error {
		return func() error {
			cmd := i.cluster.Kubectl(t.Context(), append([]string{"apply", "-f", "-"}, flags...)...)
			cmd.Stdin = strings.NewReader(manifest)
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		}
	}
	for _, again := range []struct {
		how string
		do  func() error
	}{
		{"after helm upgrade", func() error { return i.upgrade(t, "replicaCount: 2") }},
		{"after helm upgrade with conflicts forced", func() error { return i.upgrade(t, "replicaCount: 3", "--force-conflicts") }},
		{"after helm upgrade on the client's side", func() error { return i.upgrade(t, "{}", "--server-side=false") }},
		{"after helm rollback", func() error { return i.helm(t, "", "rollback", i.release) }},
		{"after kubectl apply", apply()},
		{"after kubectl apply on the server's side", apply("--server-side", "--field-manager=argocd-controller", "--force-conflicts")},
	} {
		if err := again.do(); err != nil {
			t.Errorf("%s: %v", again.how, err)
		}
		called(again.how)
	}
	if err := i.helm(t, "", "uninstall", i.release); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "nothing is called after uninstall", func() bool { return create(frozen) == nil })
}

// testCalledAfterOlderChart: an older chart rendered the rules, and its guard does not write them. The upgrade and the ones after it leave
// them in force, with new pods that never become ready too.
func testCalledAfterOlderChart(t *testing.T, i *installer) {
	older := *i
	older.chart = filepath.Join(t.TempDir(), chart)
	if err := os.CopyFS(older.chart, os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(older.chart, "templates", "webhook.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rendering := strings.Replace(string(text), "if has . $withRules", "if true", 1)
	if rendering == string(text) {
		t.Fatal("the copy does not render the rules either")
	}
	if err := os.WriteFile(file, []byte(rendering), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--server-side=true", "--server-side=false"} {
		if err := older.upgrade(t, "{}", flag); err != nil {
			t.Fatal(err)
		}
		for n := range 2 {
			if err := i.upgrade(t, fmt.Sprintf("replicaCount: %d", n+1), flag); err != nil {
				t.Fatal(err)
			}
			for _, c := range i.configurations(t) {
				if len(c.Webhooks[0].Rules) == 0 {
					t.Errorf("%s: upgrade %d removed the rules", flag, n+1)
				}
			}
		}
		if err := i.helm(t, "", "uninstall", i.release); err != nil {
			t.Fatal(err)
		}
	}
}

// testHelmTest: the pod that tries edits passes the restricted pod security level, it has its right for the time of the test alone, and
// one that failed stays for its log. What it does is tested with cmd/webhook.
func testHelmTest(t *testing.T, i *installer) {
	restricted := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: i.namespace}}
	enforce := []byte(`{"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}`)
	if err := i.admin.Patch(t.Context(), restricted, client.RawPatch(types.MergePatchType, enforce)); err != nil {
		t.Fatal(err)
	}
	if err := i.upgrade(t, "{}"); err != nil {
		t.Fatal(err)
	}
	installed := i.there(t)
	rights := []string{"Role kube-system/aws-auth-guard-test", "RoleBinding kube-system/aws-auth-guard-test", "ServiceAccount guard/aws-auth-guard-test"}
	for phase, left := range map[corev1.PodPhase]bool{corev1.PodSucceeded: false, corev1.PodFailed: true} {
		ended := make(chan error, 1)
		go func() { ended <- i.helm(t, "", "test", i.release, "--timeout", "1m") }()
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: i.namespace, Name: "aws-auth-guard-test"}}
		waitUntil(t, "helm test makes a pod", func() bool {
			return i.admin.Get(t.Context(), client.ObjectKeyFromObject(pod), pod) == nil && pod.Status.Phase == corev1.PodPending
		})
		for _, o := range rights {
			if !slices.Contains(i.there(t), o) {
				t.Errorf("%s: no %s while the pod runs", phase, o)
			}
		}
		pod.Status.Phase = phase // as the kubelet says
		if err := i.admin.Status().Update(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; (err != nil) != (phase == corev1.PodFailed) {
			t.Errorf("%s: helm test says %v", phase, err)
		}
		if diff := cmp.Diff(installed, i.there(t)); diff != "" {
			t.Errorf("%s: after helm test (-installed +there):\n%s", phase, diff)
		}
		if err := i.admin.Get(t.Context(), client.ObjectKeyFromObject(pod), pod); (err == nil) != left {
			t.Errorf("%s: the pod stays: %v (%v), want %v", phase, err == nil, err, left)
		}
	}
	if err := i.helm(t, "", "uninstall", i.release); err != nil {
		t.Fatal(err)
	}
}

// testEveryUpgrade goes from every one of the values to every other one: what is there afterwards is what a new installation has,
// with nothing of the values before. The one upgrade that is refused is that which replaces a caBundle of somebody else's, and
// the configuration of before stays in force; docs/operations.md says what to do.
func testEveryUpgrade(t *testing.T, i *installer) {
	before := i.there(t)
	steps := walks()
	names := slices.Sorted(maps.Keys(steps))
	at, owned := "", false
	made := map[string]int{}
	to := func(name string) {
		t.Helper()
		values := steps[name]
		err := i.upgrade(t, values)
		if conflict := name == "existing secret" && owned; conflict != (err != nil && strings.Contains(err.Error(), "clientConfig.caBundle")) {
			t.Errorf("from %q to %q: %v, want a conflict about caBundle: %v", at, name, err, conflict)
		} else if conflict {
			for _, c := range i.configurations(t) {
				if string(c.Webhooks[0].ClientConfig.CABundle) != written {
					t.Errorf("caBundle is %q after the conflict", c.Webhooks[0].ClientConfig.CABundle)
				}
			}
			err = i.upgrade(t, values, "--force-conflicts")
		}
		if err != nil {
			t.Errorf("from %q to %q: %v", at, name, err)
		}
		owned = name != "existing secret" && !strings.Contains(values, "fullnameOverride")
		i.run(t, values)
		for _, g := range i.gaps(t, values) {
			t.Errorf("from %q to %q: %s", at, name, g)
		}
		want := slices.Concat(before, i.rendered(t, values))
		var got []string
		for _, o := range i.there(t) {
			if !strings.HasPrefix(o, "Secret ") { // those are helm's own, and the guard's
				got = append(got, o)
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("from %q to %q (-new installation +there):\n%s", at, name, diff)
		}
		made[at+" to "+name]++
		at = name
	}
	// Each step is made once: from a name there and back to all that come after the next one, then on to the next one; and at the
	// end from each to the one before.
	to(names[0])
	for n, name := range names[:len(names)-1] {
		for _, other := range names[n+2:] {
			to(other)
			to(name)
		}
		to(names[n+1])
	}
	for n := len(names) - 2; n >= 0; n-- {
		to(names[n])
	}
	for _, from := range names {
		for _, other := range names {
			if from != other && made[from+" to "+other] != 1 {
				t.Errorf("from %q to %q: %d times, want once", from, other, made[from+" to "+other])
			}
		}
	}
	t.Run("uninstall", func(t *testing.T) {
		if err := i.helm(t, "", "uninstall", i.release); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range i.there(t) {
			if !slices.Contains(before, o) {
				got = append(got, o)
			}
		}
		// No garbage collector runs here, which removes the Secrets with the configurations that own them.
		if diff := cmp.Diff([]string{"Secret guard/aws-auth-guard-tls", "Secret guard/guard-tls"}, got); diff != "" {
			t.Errorf("is left (-want +got):\n%s", diff)
		}
	})
}

// testConfigurationIsRestored: what somebody changed in the configuration past Helm is another field manager's, and helm upgrade
// refuses to change it or leaves it as it is. After a deletion it makes it as the chart has it.
func testConfigurationIsRestored(t *testing.T, i *installer) {
	if err := i.upgrade(t, "{}"); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*admissionregistrationv1.ValidatingWebhookConfiguration){
		"a condition more": func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
			c.Webhooks[0].MatchConditions = append(c.Webhooks[0].MatchConditions, admissionregistrationv1.MatchCondition{Name: "hide", Expression: "false"})
		},
		"another condition": func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
			c.Webhooks[0].MatchConditions[0].Expression = "false"
		},
		"failurePolicy": func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
			c.Webhooks[0].FailurePolicy = new(admissionregistrationv1.Ignore)
		},
		"rules": func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
			c.Webhooks[0].Rules[0].Operations = []admissionregistrationv1.OperationType{"CREATE"}
		},
		"a selector": func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
			c.Webhooks[0].ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
		},
		"no webhook": func(c *admissionregistrationv1.ValidatingWebhookConfiguration) { c.Webhooks = c.Webhooks[1:] },
	} {
		i.run(t, "{}")
		c := &i.configurations(t)[0]
		change(c)
		if err := i.admin.Update(t.Context(), c, client.FieldOwner("kubectl-edit")); err != nil {
			t.Fatal(err)
		}
		if len(i.gaps(t, "{}")) == 0 {
			t.Errorf("%s: the configuration is as before", name)
		}
		if err := i.admin.Delete(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if err := i.upgrade(t, "{}"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		i.run(t, "{}")
		if gaps := i.gaps(t, "{}"); len(gaps) > 0 {
			t.Errorf("%s: after the configuration was deleted and helm upgrade ran: %q", name, gaps)
		}
	}
}

// testTwoReleases: two in one cluster have nothing in common, in one namespace or in two, and either can go without the
// other; unless they would have the same name, which is refused before anything changes.
func testTwoReleases(t *testing.T, i *installer) {
	if err := i.upgrade(t, "{}"); err != nil {
		t.Fatal(err)
	}
	alone := i.there(t)
	other := &installer{admin: i.admin, kubeconfig: i.kubeconfig, home: i.home, chart: i.chart, namespace: "other", release: i.release}
	if err := i.admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: other.namespace}}); err != nil {
		t.Fatal(err)
	}
	for name, second := range map[string]*installer{
		"the same name in another namespace":     other,
		"another release with the same fullname": {admin: i.admin, kubeconfig: i.kubeconfig, home: i.home, chart: i.chart, namespace: i.namespace, release: "second"},
	} {
		err := second.upgrade(t, "fullnameOverride: "+chart)
		if err == nil || !strings.Contains(err.Error(), "cannot be imported into the current release") {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
		var got []string
		for _, o := range i.there(t) {
			if !slices.Contains(alone, o) && !strings.HasPrefix(o, "Secret ") && !strings.HasPrefix(o, "ConfigMap other/kube-root") && !strings.HasPrefix(o, "ServiceAccount other/default") {
				got = append(got, o)
			}
		}
		if len(got) > 0 {
			t.Errorf("%s: the refused one left %q", name, got)
		}
	}
	for _, second := range []*installer{
		{admin: i.admin, kubeconfig: i.kubeconfig, home: i.home, chart: i.chart, namespace: i.namespace, release: "second"},
		{admin: i.admin, kubeconfig: i.kubeconfig, home: i.home, chart: i.chart, namespace: other.namespace, release: "third"},
	} {
		if err := second.upgrade(t, "{}"); err != nil {
			t.Fatal(err)
		}
		for _, each := range []*installer{i, second} {
			if n := len(each.configurations(t)); n != 1 {
				t.Errorf("release %s has %d configurations", each.release, n)
			}
		}
		if err := second.helm(t, "", "uninstall", second.release); err != nil {
			t.Fatal(err)
		}
		for _, o := range i.rendered(t, "{}") {
			if !slices.Contains(i.there(t), o) {
				t.Errorf("%s went with the release %s", o, second.release)
			}
		}
	}
}

// testNameOverrideStays: the selector of a Deployment cannot be changed, so a name that goes into it is refused before
// anything else is.
func testNameOverrideStays(t *testing.T, i *installer) {
	if err := i.upgrade(t, "{}"); err != nil {
		t.Fatal(err)
	}
	resources := func() map[string]string {
		versions := map[string]string{}
		for _, kind := range kinds() {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(kind)
			if err := i.admin.List(t.Context(), list, client.MatchingLabels{"app.kubernetes.io/instance": i.release}); err != nil {
				t.Fatal(err)
			}
			for _, o := range list.Items {
				versions[kind.Kind+" "+o.GetNamespace()+"/"+o.GetName()] = o.GetResourceVersion()
			}
		}
		return versions
	}
	before := resources()
	err := i.upgrade(t, "{nameOverride: guard, replicaCount: 1}")
	if err == nil || !strings.Contains(err.Error(), "nameOverride") {
		t.Errorf("%v, want a refusal that names nameOverride", err)
	}
	if diff := cmp.Diff(before, resources()); diff != "" {
		t.Errorf("changed by the refused upgrade:\n%s", diff)
	}
}
