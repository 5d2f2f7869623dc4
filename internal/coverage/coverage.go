// Package coverage compares the ValidatingWebhookConfiguration in force with what the guard needs so that it is asked about
// every edit of aws-auth. The right to write the configuration is enough to switch the guard off, with the chart's values or
// without them, and the guard then notices nothing: no review comes in.
package coverage

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/aws-auth-guard/aws-auth-guard/deploy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
)

// The webhooks of the configuration: guard judges everybody but the exempt, witness judges those and denies nothing.
const (
	Guard   = "guard.aws-auth-guard.io"
	Witness = "witness.aws-auth-guard.io"
)

// Kind is a way in which edits are left out, as the metric's label "gap".
type Kind string

// The ways there are.
const (
	Missing         Kind = "missing"
	Target          Kind = "target"
	Rules           Kind = "rules"
	Selectors       Kind = "selectors"
	MatchConditions Kind = "match-conditions"
	FailurePolicy   Kind = "failure-policy"
)

var kinds = []Kind{Missing, Target, Rules, Selectors, MatchConditions, FailurePolicy}

// Gap is one thing in the configuration that leaves edits out, or may.
type Gap struct {
	Webhook string
	Kind    Kind
	// What is wrong, what follows from it, and the fix.
	What string
}

func (g Gap) String() string { return fmt.Sprintf("webhook %q: %s", g.Webhook, g.What) }

// Need is what the configuration has to agree with.
type Need struct {
	// Namespace and Name are the guard's Service's. The configuration has the name, too.
	Namespace, Name string
	// ExemptUsernames and BreakGlassGroups are the policy's.
	ExemptUsernames, BreakGlassGroups []string
}

// Gaps are all that a configuration leaves out; nil is one that does not exist.
func Gaps(c *admissionregistrationv1.ValidatingWebhookConfiguration, need Need) ([]Gap, error) {
	conditions, err := deploy.Render(need.ExemptUsernames, need.BreakGlassGroups)
	if err != nil {
		return nil, err
	}
	var all []Gap
	for _, w := range []struct {
		name       string
		policy     admissionregistrationv1.FailurePolicyType
		missing    string // what follows if the configuration does not have it
		otherwise  string // what follows from the other failure policy
		conditions []admissionregistrationv1.MatchCondition
	}{
		{Guard, admissionregistrationv1.Fail, "no edit is judged", "edits are allowed unseen while no replica answers", conditions.Guard},
		{Witness, admissionregistrationv1.Ignore, "no edit by EKS's writers and break-glass groups is reported", "EKS's writers and break-glass groups are denied while no replica answers", conditions.Witness},
	} {
		add := func(kind Kind, format string, args ...any) {
			all = append(all, Gap{w.name, kind, fmt.Sprintf(format, args...)})
		}
		if c == nil {
			add(Missing, "the ValidatingWebhookConfiguration %q does not exist, so %s; helm upgrade creates it again", need.Name, w.missing)
			continue
		}
		i := slices.IndexFunc(c.Webhooks, func(h admissionregistrationv1.ValidatingWebhook) bool { return h.Name == w.name })
		if i < 0 {
			add(Missing, "it is not in the ValidatingWebhookConfiguration %q, so %s; helm upgrade creates it again", need.Name, w.missing)
			continue
		}
		h := &c.Webhooks[i]
		if why := misdirected(h.ClientConfig, need); why != "" {
			add(Target, "clientConfig calls %s, want the Service %s/%s and the path %s: something else answers instead of this guard", why, need.Namespace, need.Name, admission.Path)
		}
		if left := leftOut(h.Rules); len(left) > 0 {
			add(Rules, "rules leave out %s of v1 configmaps, so those edits are not judged", strings.Join(left, ", "))
		}
		for _, s := range selectors(h) {
			add(Selectors, "%s, so edits can be left out by a label, want the chart's", s)
		}
		for _, d := range differences(h.MatchConditions, w.conditions) {
			add(MatchConditions, "matchConditions %s", d)
		}
		if h.FailurePolicy != nil && *h.FailurePolicy != w.policy { // the API server fills in Fail
			add(FailurePolicy, "failurePolicy is %s, want %s: %s", *h.FailurePolicy, w.policy, w.otherwise)
		} else if h.FailurePolicy == nil && w.policy != admissionregistrationv1.Fail {
			add(FailurePolicy, "failurePolicy is not set, want %s: %s", w.policy, w.otherwise)
		}
	}
	return all, nil
}

// misdirected names where a webhook goes that does not go to the guard. A URL on the loopback interface is the API server's
// own machine's, for a guard that runs beside it.
func misdirected(c admissionregistrationv1.WebhookClientConfig, need Need) string {
	if s := c.Service; s != nil {
		path := ""
		if s.Path != nil {
			path = *s.Path
		}
		if s.Namespace != need.Namespace || s.Name != need.Name || path != admission.Path {
			return fmt.Sprintf("the Service %s/%s at the path %q", s.Namespace, s.Name, path)
		}
		return ""
	}
	if c.URL == nil {
		return "nobody"
	}
	u, err := url.Parse(*c.URL)
	if err != nil || u.Path != admission.Path || u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback() {
		return fmt.Sprintf("%q", *c.URL)
	}
	return ""
}

// asConfigMaps are the resources of a rule that mean ConfigMaps: a star after the slash means the object itself, too.
var asConfigMaps = []string{"configmaps", "*", "configmaps/*", "*/*"}

// leftOut are the operations that no rule has for ConfigMaps.
func leftOut(rules []admissionregistrationv1.RuleWithOperations) (operations []string) {
	for _, op := range []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update, admissionregistrationv1.Delete} {
		covers := func(r admissionregistrationv1.RuleWithOperations) bool {
			return (slices.Contains(r.Operations, op) || slices.Contains(r.Operations, admissionregistrationv1.OperationAll)) &&
				has(r.APIGroups, "") && has(r.APIVersions, "v1") && slices.ContainsFunc(r.Resources, func(s string) bool { return slices.Contains(asConfigMaps, s) }) &&
				(r.Scope == nil || *r.Scope != admissionregistrationv1.ClusterScope)
		}
		if !slices.ContainsFunc(rules, covers) {
			operations = append(operations, string(op))
		}
	}
	return operations
}

func has(all []string, s string) bool { return slices.Contains(all, s) || slices.Contains(all, "*") }

// selectors are those that may leave aws-auth out. The only label to go by is the one that the API server keeps at the
// namespace itself: any other can be set and removed, and those of aws-auth by the very edit.
func selectors(h *admissionregistrationv1.ValidatingWebhook) (all []string) {
	if s := h.ObjectSelector; s != nil && len(s.MatchLabels)+len(s.MatchExpressions) > 0 {
		all = append(all, fmt.Sprintf("objectSelector is %q", metav1.FormatLabelSelector(s)))
	}
	s := h.NamespaceSelector
	if s == nil {
		return all
	}
	keys := slices.Collect(maps.Keys(s.MatchLabels))
	for _, r := range s.MatchExpressions {
		keys = append(keys, r.Key)
	}
	other := slices.ContainsFunc(keys, func(key string) bool { return key != corev1.LabelMetadataName })
	parsed, err := metav1.LabelSelectorAsSelector(s)
	if err != nil || other || !parsed.Matches(labels.Set{corev1.LabelMetadataName: admission.Namespace}) {
		all = append(all, fmt.Sprintf("namespaceSelector is %q", metav1.FormatLabelSelector(s)))
	}
	return all
}

// differences are the conditions that are not as they should be. Whether an edit goes past one that is not the chart's is
// the API server's to say, so each counts.
func differences(got, want []admissionregistrationv1.MatchCondition) (all []string) {
	expression := func(conditions []admissionregistrationv1.MatchCondition, name string) (string, bool) {
		i := slices.IndexFunc(conditions, func(c admissionregistrationv1.MatchCondition) bool { return c.Name == name })
		if i < 0 {
			return "", false
		}
		return strings.TrimSpace(conditions[i].Expression), true
	}
	for _, c := range got {
		should, ok := expression(want, c.Name)
		if is := strings.TrimSpace(c.Expression); !ok {
			all = append(all, fmt.Sprintf("has %q (%s), which is not the chart's: edits for which it does not hold are not judged", c.Name, short(is)))
		} else if is != should {
			all = append(all, fmt.Sprintf("has %q as %s, want %s as in the policy", c.Name, short(is), short(should)))
		}
	}
	for _, c := range want {
		if _, ok := expression(got, c.Name); !ok {
			all = append(all, fmt.Sprintf("has no %q, so the guard is asked about other edits than the policy says", c.Name))
		}
	}
	return all
}

func short(expression string) string {
	const most = 120
	if r := []rune(expression); len(r) > most {
		expression = string(r[:most]) + "..."
	}
	return fmt.Sprintf("%q", expression)
}
