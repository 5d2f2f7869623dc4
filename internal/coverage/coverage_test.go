package coverage_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aws-auth-guard/aws-auth-guard/internal/coverage"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// apiServer is a real one; nil if there are no binaries.
var apiServer *rest.Config

func TestMain(m *testing.M) { guarded.Main(m, &apiServer) }

type (
	configuration = admissionregistrationv1.ValidatingWebhookConfiguration
	webhook       = admissionregistrationv1.ValidatingWebhook
	condition     = admissionregistrationv1.MatchCondition
	operation     = admissionregistrationv1.OperationType
	requirement   = metav1.LabelSelectorRequirement
)

// need is what the chart's defaults go with.
func need() coverage.Need {
	p := policy.Default()
	return coverage.Need{Namespace: "guard", Name: "aws-auth-guard", ExemptUsernames: p.Exempt.Usernames, BreakGlassGroups: p.BreakGlass.Groups}
}

// rendered is the configuration that the chart renders with its defaults.
func rendered(t *testing.T) *configuration {
	t.Helper()
	text, err := os.ReadFile("../../deploy/helm/testdata/defaults.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		if strings.Contains(document, "\nkind: ValidatingWebhookConfiguration\n") {
			c := &configuration{}
			if err := yaml.UnmarshalStrict([]byte(document), c); err != nil {
				t.Fatal(err)
			}
			c.Webhooks[0].Rules = c.Webhooks[1].Rules // as the first replica that is ready writes them
			return c
		}
	}
	t.Fatal("the chart renders no ValidatingWebhookConfiguration")
	return nil
}

// change is something that somebody may do to the guard's webhook. gap is its kind; "" if it leaves nothing out. off: some
// edit is not judged any more. A change that only might leave something out has a gap and is not off.
type change struct {
	name string
	do   func(*webhook)
	gap  coverage.Kind
	off  bool
}

func rules(groups, versions, resources []string, scope admissionregistrationv1.ScopeType, operations ...operation) func(*webhook) {
	return func(w *webhook) {
		w.Rules = nil
		for _, op := range operations {
			w.Rules = append(w.Rules, admissionregistrationv1.RuleWithOperations{Operations: []operation{op},
				Rule: admissionregistrationv1.Rule{APIGroups: groups, APIVersions: versions, Resources: resources, Scope: &scope}})
		}
	}
}

func add(c condition) func(*webhook) {
	return func(w *webhook) { w.MatchConditions = append(w.MatchConditions, c) }
}

func namespaces(requirements ...requirement) func(*webhook) {
	return func(w *webhook) { w.NamespaceSelector = &metav1.LabelSelector{MatchExpressions: requirements} }
}

const name = corev1.LabelMetadataName

var (
	core, v1, configmaps = []string{""}, []string{"v1"}, []string{"configmaps"}
	all                  = []operation{"CREATE", "UPDATE", "DELETE"}
)

var changes = []change{
	{"nothing", func(*webhook) {}, "", false},
	{"every operation by *", rules(core, v1, configmaps, "Namespaced", "*"), "", false},
	{"every resource by *", rules(core, v1, []string{"*"}, "*", all...), "", false},
	{"every resource and subresource", rules([]string{"*"}, []string{"*"}, []string{"*/*"}, "*", all...), "", false},
	{"several resources", rules([]string{"apps", ""}, []string{"v1", "v2"}, []string{"secrets", "configmaps"}, "Namespaced", all...), "", false},
	{"no DELETE", rules(core, v1, configmaps, "Namespaced", "CREATE", "UPDATE"), coverage.Rules, true},
	{"no UPDATE", rules(core, v1, configmaps, "Namespaced", "CREATE", "DELETE"), coverage.Rules, true},
	{"no CREATE", rules(core, v1, configmaps, "Namespaced", "UPDATE", "DELETE", "CONNECT"), coverage.Rules, true},
	{"another group", rules([]string{"apps"}, v1, configmaps, "Namespaced", all...), coverage.Rules, true},
	{"another version", rules(core, []string{"v2"}, configmaps, "Namespaced", all...), coverage.Rules, true},
	{"another resource", rules(core, v1, []string{"secrets"}, "Namespaced", all...), coverage.Rules, true},
	{"every subresource by *", rules(core, v1, []string{"configmaps/*"}, "Namespaced", all...), "", false},
	{"a subresource", rules(core, v1, []string{"configmaps/status", "*/scale"}, "Namespaced", all...), coverage.Rules, true},
	{"another scope", rules(core, v1, configmaps, "Cluster", all...), coverage.Rules, true},
	{"no rule", func(w *webhook) { w.Rules = nil }, coverage.Rules, true},

	{"a condition that never holds", add(condition{Name: "hide", Expression: "false"}), coverage.MatchConditions, true},
	{"a condition that always holds", add(condition{Name: "all", Expression: "true"}), coverage.MatchConditions, false},
	{"a condition about a user", add(condition{Name: "me", Expression: "request.userInfo.username != 'editor'"}), coverage.MatchConditions, true},
	{"a condition under the chart's name", func(w *webhook) { w.MatchConditions[0].Expression = "false" }, coverage.MatchConditions, true},
	{"more exempt users", func(w *webhook) {
		w.MatchConditions[1].Expression = strings.Replace(w.MatchConditions[1].Expression, "[", `["editor", `, 1)
	}, coverage.MatchConditions, true},
	{"one condition fewer", func(w *webhook) { w.MatchConditions = w.MatchConditions[1:] }, coverage.MatchConditions, false},
	{"no condition", func(w *webhook) { w.MatchConditions = nil }, coverage.MatchConditions, false},

	{"no namespace selector", func(w *webhook) { w.NamespaceSelector = nil }, "", false},
	{"every namespace", namespaces(), "", false},
	{"the namespace by In", namespaces(requirement{Key: name, Operator: "In", Values: []string{"kube-system", "other"}}), "", false},
	{"the name exists", namespaces(requirement{Key: name, Operator: "Exists"}), "", false},
	{"another namespace", namespaces(requirement{Key: name, Operator: "In", Values: []string{"other"}}), coverage.Selectors, true},
	{"not kube-system", namespaces(requirement{Key: name, Operator: "NotIn", Values: []string{"kube-system"}}), coverage.Selectors, true},
	{"a label that is there by chance", namespaces(requirement{Key: "example.com/off", Operator: "DoesNotExist"}), coverage.Selectors, true},
	{"a label that is not there", func(w *webhook) { w.NamespaceSelector.MatchLabels["example.com/on"] = "true" }, coverage.Selectors, true},
	{"objects with a label", func(w *webhook) { w.ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}} }, coverage.Selectors, true},
	{"objects without a label", func(w *webhook) {
		w.ObjectSelector = &metav1.LabelSelector{MatchExpressions: []requirement{{Key: "labelled", Operator: "DoesNotExist"}}}
	}, coverage.Selectors, true},

	{"failurePolicy Ignore", func(w *webhook) { w.FailurePolicy = new(admissionregistrationv1.Ignore) }, coverage.FailurePolicy, true},
	{"another URL", func(w *webhook) { w.ClientConfig.URL = new("https://192.0.2.1:1/validate-aws-auth") }, coverage.Target, false},
	{"another path", func(w *webhook) { w.ClientConfig.URL = new("https://127.0.0.1:1/allow") }, coverage.Target, false},
}

// TestAgainstAPIServer: a real API server asks the guard about every edit wherever no gap is reported, and leaves one out
// wherever the gap is no mere possibility. Nobody listens where the webhook is, so who is asked about is denied.
func TestAgainstAPIServer(t *testing.T) {
	if apiServer == nil {
		t.Skip("needs kube-apiserver and etcd: set KUBEBUILDER_ASSETS to the directory that holds them")
	}
	admin, err := client.New(apiServer, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, admin: admin}
	if err := admin.Create(t.Context(), awsAuth(nil)); err != nil {
		t.Fatal(err)
	}
	for i, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			config := rendered(t)
			for i := range config.Webhooks {
				config.Webhooks[i].ClientConfig = admissionregistrationv1.WebhookClientConfig{URL: new("https://127.0.0.1:1/validate-aws-auth")}
			}
			c.do(&config.Webhooks[0])
			gaps, err := coverage.Gaps(config, need())
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range gaps {
				if g.Kind != c.gap || g.Webhook != coverage.Guard {
					t.Errorf("%s: %s, want %q", g.Kind, g, c.gap)
				}
			}
			if (len(gaps) > 0) != (c.gap != "") {
				t.Errorf("%v, want %q", gaps, c.gap)
			}
			unjudged := w.unjudged(t, i, config)
			if len(gaps) == 0 && len(unjudged) > 0 {
				t.Errorf("no gap is reported, and nobody is asked about %q", unjudged)
			}
			if (len(unjudged) > 0) != c.off {
				t.Errorf("nobody is asked about %q, and the test says off is %v", unjudged, c.off)
			}
		})
	}
}

type world struct {
	t     *testing.T
	admin client.Client
}

func awsAuth(labels map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "aws-auth", Labels: labels}}
}

// unjudged are the edits that the API server does not ask the guard about under a configuration.
func (w *world) unjudged(t *testing.T, i int, config *configuration) (edits []string) {
	t.Helper()
	// A webhook of the same configuration whose call shows that the API server goes by it.
	sign := fmt.Sprint("in-force-", i)
	config.Webhooks = append(config.Webhooks, webhook{Name: sign + ".example.com", ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: new("https://127.0.0.1:1/")},
		SideEffects: new(admissionregistrationv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{name: "default"}},
		Rules: []admissionregistrationv1.RuleWithOperations{{Operations: []operation{"CREATE"},
			Rule: admissionregistrationv1.Rule{APIGroups: core, APIVersions: v1, Resources: configmaps}}},
		MatchConditions: []condition{{Name: "sign", Expression: fmt.Sprintf("object.metadata.name == '%s'", sign)}}})
	if err := w.admin.Create(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	called := func(webhook string, err error) bool {
		return apierrors.IsInternalError(err) && strings.Contains(err.Error(), fmt.Sprintf("failed calling webhook %q", webhook))
	}
	asked := func() bool {
		err := w.admin.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: sign}}, client.DryRunAll)
		return called(sign+".example.com", err)
	}
	poll(t, asked)
	defer func() {
		if err := w.admin.Delete(context.Background(), config); err != nil {
			t.Error(err)
		}
		poll(t, func() bool { return !asked() })
	}()

	as := rest.CopyConfig(apiServer)
	as.QPS = -1
	as.Impersonate = rest.ImpersonationConfig{UserName: "editor", Groups: []string{"system:masters"}}
	editor, err := client.New(as, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"", "example.com/off"} {
		if label != "" {
			w.label(t, label, new("true"))
			defer w.label(t, label, nil)
		}
		for _, labels := range []map[string]string{nil, {"labelled": "true"}} {
			for op, err := range map[string]error{
				"CREATE": editor.Create(t.Context(), awsAuth(labels), client.DryRunAll),
				"UPDATE": editor.Update(t.Context(), awsAuth(labels), client.DryRunAll),
				"DELETE": editor.Delete(t.Context(), awsAuth(labels), client.DryRunAll),
			} {
				if !called(coverage.Guard, err) {
					edits = append(edits, fmt.Sprintf("%s with labels %v, kube-system labelled %q (%v)", op, labels, label, err))
				}
			}
		}
	}
	return edits
}

// label sets a label of kube-system, or removes it, and waits until the API server goes by it: its webhooks have the
// namespace from a cache of their own.
func (w *world) label(t *testing.T, key string, to *string) {
	t.Helper()
	value := "null"
	if to != nil {
		value = fmt.Sprintf("%q", *to)
	}
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"labels":{%q:%s}}}`, key, value))
	if err := w.admin.Patch(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system"}}, patch); err != nil {
		t.Fatal(err)
	}
	w.settled(t, key, to != nil)
}

// settled waits by a configuration of its own, which asks about one ConfigMap of kube-system by the label.
func (w *world) settled(t *testing.T, key string, there bool) {
	t.Helper()
	probe := &configuration{ObjectMeta: metav1.ObjectMeta{Name: "label"}}
	for _, operator := range []metav1.LabelSelectorOperator{"Exists", "DoesNotExist"} {
		probe.Webhooks = append(probe.Webhooks, webhook{Name: strings.ToLower(string(operator)) + ".label.example.com",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: new("https://127.0.0.1:1/")},
			SideEffects:  new(admissionregistrationv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{name: "kube-system"}, MatchExpressions: []requirement{{Key: key, Operator: operator}}},
			Rules:             []admissionregistrationv1.RuleWithOperations{{Operations: []operation{"CREATE"}, Rule: admissionregistrationv1.Rule{APIGroups: core, APIVersions: v1, Resources: configmaps}}},
			MatchConditions:   []condition{{Name: "sign", Expression: "object.metadata.name == 'label'"}}})
	}
	if err := w.admin.Create(context.Background(), probe); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.admin.Delete(context.Background(), probe); err != nil {
			t.Error(err)
		}
	}()
	want := "doesnotexist.label.example.com"
	if there {
		want = "exists.label.example.com"
	}
	poll(t, func() bool {
		err := w.admin.Create(context.Background(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "label"}}, client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), want)
	})
}

func poll(t *testing.T, ask func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ask() {
		if time.Now().After(deadline) {
			t.Fatal("the API server does not go by the configuration")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestService: the webhooks go to the guard's own Service.
func TestService(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*admissionregistrationv1.ServiceReference)
		gap    bool
	}{
		"as rendered":       {func(*admissionregistrationv1.ServiceReference) {}, false},
		"another Service":   {func(s *admissionregistrationv1.ServiceReference) { s.Name = "other" }, true},
		"another namespace": {func(s *admissionregistrationv1.ServiceReference) { s.Namespace = "other" }, true},
		"another path":      {func(s *admissionregistrationv1.ServiceReference) { s.Path = new("/allow") }, true},
		"no path":           {func(s *admissionregistrationv1.ServiceReference) { s.Path = nil }, true},
	} {
		config := rendered(t)
		c.change(config.Webhooks[0].ClientConfig.Service)
		gaps, err := coverage.Gaps(config, need())
		if err != nil || (len(gaps) > 0) != c.gap || c.gap && (gaps[0].Kind != coverage.Target || gaps[0].Webhook != coverage.Guard) {
			t.Errorf("%s: %v (%v), want a gap: %v", name, gaps, err, c.gap)
		}
	}
}

// TestWatch: what is reported before anything is known, and when the configuration or a webhook is gone.
func TestWatch(t *testing.T) {
	w := &coverage.Watch{Need: need, Log: logr.Discard()}
	registry := prometheus.NewRegistry()
	registry.MustRegister(w)
	metric := func() map[string]float64 {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]float64{}
		for _, m := range families[0].GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["webhook"] == "guard" {
				values[labels["gap"]] = m.GetGauge().GetValue()
			}
		}
		return values
	}
	check := func(want ...coverage.Kind) {
		t.Helper()
		err := w.Check()
		if (err != nil) != (len(want) > 0) {
			t.Errorf("Check() = %v, want %q", err, want)
		}
		if exists := !slices.Contains(want, coverage.Missing); err != nil && strings.Contains(err.Error(), "delete the") != exists {
			t.Errorf("Check() = %v, and there is a configuration to delete: %t", err, exists)
		}
		values := map[string]float64{"missing": 0, "target": 0, "rules": 0, "selectors": 0, "match-conditions": 0, "failure-policy": 0}
		for _, kind := range want {
			values[string(kind)] = 1
		}
		if diff := cmp.Diff(values, metric()); diff != "" {
			t.Errorf("metric (-want +got):\n%s", diff)
		}
	}
	check()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx, func() bool { return true }) }()
	for w.Check() == nil { // nothing was seen when the first look ended
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	check(coverage.Missing)
	if err := w.Check(); !strings.Contains(err.Error(), `does not exist, so no edit by EKS's writers and break-glass groups is reported`) {
		t.Errorf("Check() = %v, want what the witness is missing for", err)
	}
	w.Handler().OnAdd(rendered(t), true)
	check()
	other := rendered(t)
	other.Webhooks[0].MatchConditions = append(other.Webhooks[0].MatchConditions, condition{Name: "a", Expression: "true"})
	other.Webhooks[0].FailurePolicy = new(admissionregistrationv1.Ignore)
	w.Handler().OnUpdate(rendered(t), other)
	check(coverage.MatchConditions, coverage.FailurePolicy)
	other.Webhooks = other.Webhooks[1:]
	w.Handler().OnUpdate(other, other)
	check(coverage.Missing)
	w.Handler().OnDelete(rendered(t))
	check(coverage.Missing)
}

// TestWitness: the witness has to be asked as well, and denies nothing, whatever happens.
func TestWitness(t *testing.T) {
	config := rendered(t)
	config.Webhooks[1].FailurePolicy = nil
	config.Webhooks[1].Rules = nil
	gaps, err := coverage.Gaps(config, need())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range gaps {
		got = append(got, g.Webhook+" "+string(g.Kind))
	}
	if diff := cmp.Diff([]string{coverage.Witness + " rules", coverage.Witness + " failure-policy"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
