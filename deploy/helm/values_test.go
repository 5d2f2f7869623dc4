package helm_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// letters is a string of n of them, for the edges of what a name may be.
func letters(n int) string { return strings.Repeat("a", n) }

// someText are strings at the edges of what names, durations, addresses and YAML allow.
var someText = []any{"", "a", "A", "a.b", "1a", "-a", "a-", "a_b", " a", "a\nb", `a"b`, "a: b", "a #b", "{{ .Release.Name }}", "true", "null", "12", "ü", "system:x",
	letters(51), letters(64), letters(254), letters(48) + "---b", "-5s", "1.5h", "1d", "999999h"}

// someNumbers are integers at the edges of ports, of int32, and of what a float64 has exactly.
var someNumbers = []any{-1, 0, 1, 10, 30, 31, 8080, 8081, 9443, 65535, 65536, 1 << 31, 1 << 53}

// someMaps are maps from strings to strings, as labels and annotations are.
var someMaps = []any{nil, map[string]any{}, map[string]any{"a": "b"}, map[string]any{"a": ""}, map[string]any{"": "a"}, map[string]any{"a": nil}, map[string]any{"a": 1},
	map[string]any{"a": true}, map[string]any{"a b": "c"}, map[string]any{"a": "b c"}, map[string]any{"a": "-b"}, map[string]any{"a": letters(63), letters(63): "a"}, map[string]any{"a": letters(64)},
	map[string]any{letters(64): "a"}, map[string]any{"example.com/a": "b"}, map[string]any{"EXAMPLE.com/a": "b"}, map[string]any{"example.com/a/b": "c"},
	map[string]any{"example.com/": "c"}, map[string]any{"/a": "b"}, map[string]any{letters(254) + "/a": "b"}, map[string]any{"a": "true", "b": "1", "c": "null"},
	map[string]any{"app.kubernetes.io/name": "other"}, map[string]any{"app.kubernetes.io/component": "other"}, map[string]any{"pod-template-hash": "0"}}

// lists makes a list of each, and of two of the first, which is right.
func lists(items ...any) []any {
	all := []any{nil, []any{}, []any{nil}, []any{""}, []any{1}, []any{map[string]any{}}, "a"}
	for i, item := range items {
		all = append(all, []any{item})
		if i == 0 {
			all = append(all, []any{item, item})
		}
	}
	return all
}

// freeForm are the values to which Kubernetes gives the form: what is right, and what is nearly.
var freeForm = map[string][]any{
	"/imagePullSecrets": lists(object(`{name: a}`), object(`{name: A}`), object(`{name: ""}`), object(`{name: 1}`), object(`{name: a, key: b}`), "a"),
	"/topologySpreadConstraints": lists(object(`{maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule}`), object(`{maxSkew: 0, topologyKey: a, whenUnsatisfiable: DoNotSchedule}`),
		object(`{maxSkew: 1, topologyKey: "", whenUnsatisfiable: DoNotSchedule}`), object(`{maxSkew: 1, topologyKey: a, whenUnsatisfiable: Never}`), object(`{topologyKey: a}`),
		object(`{maxSkew: 1, topologyKey: a, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {a: b}}, minDomains: 2}`),
		object(`{maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule, matchLabelKeys: [pod-template-hash], minDomains: 0}`),
		object(`{maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {a: null}}}`)),
	"/tolerations": lists(object(`{}`), object(`{operator: Exists}`), object(`{key: a, operator: Exists, value: b}`), object(`{key: a, value: b, effect: NoSchedule}`), object(`{value: b}`),
		object(`{key: a, operator: In}`), object(`{key: a, effect: Never}`), object(`{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 5}`),
		object(`{key: a, operator: Exists, effect: NoSchedule, tolerationSeconds: 5}`), object(`{key: "a b", operator: Exists}`), object(`{key: a, value: "b c"}`), object(`{key: a, operators: Exists}`),
		object(`{key: "", operator: Exists}`), object(`{key: "", operator: Equal}`), object(`{key: "", value: a}`), object(`{key: a, operator: "", value: b}`), object(`{operator: ""}`)),
	"/affinity": {nil, object(`{}`), object(`{nodeAffinity: {}}`), object(`{nodeAffinity: a}`), object(`{podAntiAffinity: []}`), object(`{nodeAffinities: {}}`), object(`{podAffinity: null}`),
		object(`{podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: null, preferredDuringSchedulingIgnoredDuringExecution: null}}`)},
	"/resources": {nil, object(`{}`), object(`{requests: {memory: 512Mi}}`), object(`{requests: {memory: 256Mi}}`), object(`{limits: {memory: 32Mi}}`), object(`{limits: {memory: 64Mi}}`), object(`{limits: {cpu: 5m}}`),
		object(`{limits: {cpu: 1}}`), object(`{limits: {cpu: 0.5}}`), object(`{limits: {cpu: "1.5"}}`), object(`{limits: {memory: much}}`), object(`{limits: {memory: -1}}`), object(`{limits: {memory: 1e9}}`), object(`{limits: {memory: 300M}}`),
		object(`{limits: {memory: null}}`), object(`{limits: {cpu: null}}`), object(`{limits: {cpu: .5, memory: "+.5Gi"}}`), object(`{limits: {cpu: "1.", memory: 1e+9}}`), object(`{limits: {cpu: "."}}`), object(`{limits: {cpu: "5.m"}}`), object(`{limits: {cpu: null}, requests: {cpu: 2}}`),
		object(`{limits: null}`), object(`{requests: null}`), object(`{limits: {a b: 1}}`), object(`{limits: {memory: 512 Mi}}`), object(`{request: {cpu: 1}}`), object(`{requests: {memory: 0.3Gi}}`),
		object(`{requests: {ephemeral-storage: 10Mi}, limits: {ephemeral-storage: 5Mi}}`), object(`{requests: {ephemeral-storage: 1Mi}, limits: {ephemeral-storage: 5Mi}}`)},
	"/securityContext": {nil, object(`{}`), object(`{runAsUser: 0}`), object(`{runAsUser: -1}`), object(`{runAsUser: 1001, fsGroup: 1001}`), object(`{runAsUser: root}`), object(`{runAsNonRoot: no}`), object(`{runAsNonRoot: false, runAsUser: 0}`),
		object(`{seccompProfile: {type: Confined}}`), object(`{seccompProfile: {type: Localhost}}`), object(`{seccompProfile: {type: Unconfined}}`), object(`{runAsUsers: 1}`), object(`{supplementalGroups: [1]}`), object(`{supplementalGroups: 1}`)},
	"/containerSecurityContext": {nil, object(`{}`), object(`{privileged: true}`), object(`{privileged: true, allowPrivilegeEscalation: true}`), object(`{capabilities: {add: [SYS_ADMIN]}}`), object(`{capabilities: {add: [NET_BIND_SERVICE]}}`),
		object(`{capabilities: {drop: ALL}}`), object(`{readOnlyRootFilesystem: 1}`), object(`{runAsUser: 0}`), object(`{readOnlyRootFileSystem: true}`)},
	"/extraEnv": lists(object(`{name: A, value: b}`), object(`{name: "", value: b}`), object(`{name: A}`), object(`{name: "A=B", value: c}`), object(`{name: A, value: 1}`), object(`{name: A, value: null}`), object(`{name: A, value: true}`), object(`{name: 1A, value: b}`),
		object(`{name: A, valueFrom: {secretKeyRef: {name: a, key: b}}}`), object(`{name: A, value: b, valueFrom: {secretKeyRef: {name: a, key: b}}}`), object(`{name: A, valueFrom: {}}`), object(`{name: A, valueFrom: {fieldRef: {fieldPath: status.podIP}}}`),
		object(`{name: A, values: b}`), object(`{name: POD_NAMESPACE, value: b}`), object(`{name: POD_NAME, value: b}`), object(`{name: GOMEMLIMIT, value: b}`)),
	"/extraArgs": lists("--zap-devel", "--rbac=off", "a: b", "a", "", "--standalone", "--policy=/x", "--iam", "-iam=off", "--fleet=on", "--bind-address=:1", "--zap-log-level=debug"),
	"/webhook/matchConditions": lists(object(`{name: a, expression: "true"}`), object(`{name: A.b_c-d, expression: "false"}`), object(`{name: a/b, expression: "true"}`), object(`{name: "a b", expression: "true"}`), object(`{name: "", expression: "true"}`),
		object(`{name: a, expression: ""}`), object(`{name: a, expression: " "}`), object(`{name: a}`), object(`{expression: "true"}`), object(`{name: not-exempt, expression: "true"}`), object(`{name: only-aws-auth, expression: "true"}`), object(`{name: a, expression: true}`),
		object(`{name: a, expression: "true", when: b}`)),
	"/networkPolicy/controlPlane": lists("10.0.0.0/8", "10.0.0.5/8", "10.0.0.0/33", "10.0.0.0", "010.0.0.0/8", "fd00::/8", "fd00::1/8", "::/0", "fd00:a::/31", "fd00:a::/32", "10.128.0.0/9", "10.64.0.0/9", "10.0.0.1/32", "0.0.0.0/0", "::::/8", "fd00::/129", "1:2:3:4:5:6:7:8/128", "::ffff:10.0.0.0/104", "a"),
	"/networkPolicy/metricsFrom": lists(object(`{podSelector: {}}`), object(`{namespaceSelector: {matchLabels: {a: b}}}`), object(`{ipBlock: {cidr: 10.0.0.0/8}}`), object(`{ipBlock: {cidr: 10.0.0.0}}`), object(`{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}`),
		object(`{podSelectors: {}}`), object(`{namespaceSelector: {matchLabels: {"a b": c}}}`), object(`{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}`)),
	"/networkPolicy/egress": lists(object(`{ports: [{port: 3128, protocol: TCP}]}`), object(`{ports: [{port: 3128}], to: [{ipBlock: {cidr: 10.0.0.0/8}}]}`), object(`{ports: [{port: 0}]}`), object(`{ports: [{port: 65536}]}`), object(`{ports: [{port: 1, protocol: HTTP}]}`),
		object(`{ports: [{port: 5, endPort: 7}]}`), object(`{ports: [{port: 7, endPort: 5}]}`), object(`{ports: [{endPort: 5}]}`), object(`{ports: [{port: https}]}`), object(`{ports: [{port: "8"}]}`), object(`{ports: [{port: a--b}]}`), object(`{ports: [{port: 1a-b2}]}`), object(`{ports: [{port: https, endPort: 5}]}`), object(`{ports: [{port: Https}]}`), object(`{ports: [{port: abcdefghijklmnop}]}`), object(`{from: []}`), object(`{to: [{ipBlock: {cidr: a}}]}`)),
}

// value is one value at one of its edges.
type value struct {
	path []string
	to   any
}

func (v value) String() string {
	text, _ := json.Marshal(v.to)
	return fmt.Sprintf("%s=%.80s", strings.Join(v.path, "."), text)
}

// set is the values of a chart with these.
func set(values ...value) string {
	all := map[string]any{}
	for _, v := range values {
		m := all
		for _, key := range v.path[:len(v.path)-1] {
			if _, ok := m[key].(map[string]any); !ok {
				m[key] = map[string]any{}
			}
			m = m[key].(map[string]any)
		}
		m[v.path[len(v.path)-1]] = v.to
	}
	text, _ := json.Marshal(all)
	return string(text)
}

// edges goes through the schema and takes each value to its edges, and away.
func edges(t *testing.T) (all []value) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chart, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	var walk func(node map[string]any, path []string)
	walk = func(node map[string]any, path []string) {
		// A description beside a reference makes two schemas, of which the first has what values.yaml says.
		if both, ok := node["allOf"].([]any); ok && len(both) == 2 {
			merged := maps.Clone(both[0].(map[string]any))
			maps.Copy(merged, both[1].(map[string]any))
			node = merged
		}
		add := func(values ...any) {
			for _, v := range values {
				all = append(all, value{slices.Clone(path), v})
			}
		}
		at := "/" + strings.Join(path, "/")
		properties, _ := node["properties"].(map[string]any)
		switch special, ok := freeForm[at]; {
		case ok:
			used[at] = true
			add(special...)
		case at == "/policy":
			add(nil) // TestBadPolicyIsRefused has the rest
		case node["enum"] != nil:
			add(node["enum"].([]any)...)
			add(nil, "other")
		case node["type"] == "object" && (properties == nil || node["$ref"] != nil):
			add(someMaps...)
		case properties != nil:
			if len(path) > 0 {
				add(nil, "a", map[string]any{})
			}
			for _, name := range slices.DeleteFunc(slices.Sorted(maps.Keys(properties)), func(name string) bool { return name == "global" }) {
				walk(properties[name].(map[string]any), append(path, name))
			}
		case node["type"] == "boolean":
			add(true, false, nil, "true")
		case node["type"] == "integer":
			add(someNumbers...)
			add(nil, "1", 1.5)
		case node["type"] == "string":
			add(someText...)
			add(nil, 1)
		default:
			t.Errorf("%s: the test does not know the edges of %v: add them to freeForm", at, node)
		}
	}
	walk(root, nil)
	for at := range freeForm {
		if !used[at] {
			t.Errorf("the chart has no value %s", at)
		}
	}
	return all
}

// object is one from YAML.
func object(text string) map[string]any {
	var into map[string]any
	if err := yaml.Unmarshal([]byte(text), &into); err != nil {
		panic(err)
	}
	return into
}

// dryRuns applies objects as Helm 4 does, on the server's side, without doing it; once for each that differs.
type dryRuns struct {
	client   client.Client
	warnings *warnings
	mu       sync.Mutex
	known    map[string]error
}

type warnings struct {
	mu  sync.Mutex
	all []string
}

// HandleWarningHeader makes it a rest.WarningHandler.
func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, text)
}

func newDryRuns(t *testing.T) *dryRuns {
	t.Helper()
	user(t, "admin") // or the test is skipped
	config := rest.CopyConfig(apiServer)
	config.QPS = -1
	w := &warnings{}
	config.WarningHandler = w
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &dryRuns{client: c, warnings: w, known: map[string]error{}}
}

// apply is what the API server says of the objects of a manifest.
func (d *dryRuns) apply(t *testing.T, manifest string) (errs []error) {
	t.Helper()
	for key, o := range objects(t, manifest) {
		if strings.Contains(o.GetAPIVersion(), "coreos.com") || strings.Contains(o.GetAPIVersion(), "cert-manager.io") {
			continue // the API server does not know them
		}
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		d.mu.Lock()
		err, ok := d.known[string(text)]
		if !ok {
			d.warnings.all = nil
			err = d.client.Patch(t.Context(), o, client.RawPatch(types.ApplyPatchType, text), client.DryRunAll, client.FieldOwner("helm"), client.FieldValidation(metav1.FieldValidationStrict))
			if err == nil && len(d.warnings.all) > 0 {
				err = fmt.Errorf("warning: %s", strings.Join(d.warnings.all, "; "))
			}
			d.known[string(text)] = err
		}
		d.mu.Unlock()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	return errs
}

// refusedWell reports whether helm refused a value itself, and named it by its path's end or by what it is.
func refusedWell(err error, v value) bool {
	text := err.Error()
	itself := strings.Contains(text, "don't meet the specifications of the schema") || strings.Contains(text, "execution error at (")
	to, _ := v.to.(string)
	return itself && (strings.Contains(text, v.path[len(v.path)-1]) || len(to) > 3 && strings.Contains(text, to))
}

// needs are what has to be set for a value to be used at all.
var needs = []struct {
	under string
	with  []value
}{
	{"networkPolicy.", []value{{[]string{"networkPolicy", "enabled"}, true}}},
	{"tls.existingSecret", []value{{[]string{"tls", "mode"}, "existingSecret"}}},
	{"tls.caBundle", []value{{[]string{"tls", "mode"}, "existingSecret"}, {[]string{"tls", "existingSecret"}, "mine"}}},
	{"tls.certManager.", []value{{[]string{"tls", "mode"}, "certManager"}}},
	{"metrics.serviceMonitor.", []value{{[]string{"metrics", "serviceMonitor", "enabled"}, true}}},
	{"metrics.prometheusRule.", []value{{[]string{"metrics", "prometheusRule", "enabled"}, true}}},
	{"metrics.dashboard.", []value{{[]string{"metrics", "dashboard", "enabled"}, true}}},
	{"fleet.", []value{{[]string{"fleet", "enabled"}, true}}},
}

// judge renders values: either helm refuses them and names one of them, or the API server accepts every object.
func (d *dryRuns) judge(t *testing.T, ns, release string, values ...value) {
	t.Helper()
	out, err := helm(t, set(values...), "template", release, chart, "--namespace", ns)
	if err != nil {
		if !slices.ContainsFunc(values, func(v value) bool { return refusedWell(err, v) }) {
			t.Errorf("%v: refused without a reason that names a value: %v", values, err)
		}
		return
	}
	for _, err := range d.apply(t, out) {
		t.Errorf("%v: rendered, and the API server says %.300v", values, err)
	}
	works(t, out)
}

// works checks what the API server does not.
func works(t *testing.T, manifest string) {
	t.Helper()
	var deployment *appsv1.Deployment
	var configuration *admissionregistrationv1.ValidatingWebhookConfiguration
	for _, o := range objects(t, manifest) {
		switch o.GetKind() {
		case "Deployment":
			deployment = as[appsv1.Deployment](t, o)
		case "ValidatingWebhookConfiguration":
			configuration = as[admissionregistrationv1.ValidatingWebhookConfiguration](t, o)
		}
	}
	guard := configuration.Webhooks[0]
	if replicas := deployment.Spec.Replicas; replicas != nil && *replicas == 0 && *guard.FailurePolicy == admissionregistrationv1.Fail {
		t.Error("no replica, and what it does not answer is denied")
	}
	if bundle := guard.ClientConfig.CABundle; bundle != nil {
		if _, err := cert.ParseCertsPEM(bundle); err != nil {
			t.Errorf("caBundle: %v", err)
		}
	}
	if len(guard.ClientConfig.Service.Name+"."+guard.ClientConfig.Service.Namespace) > 253 {
		t.Error("the Service's name is no host name")
	}
	for _, o := range strings.Split(manifest, "\n---\n") { // other tools than Helm refuse what is there twice
		var any map[string]any
		if err := yaml.UnmarshalStrict([]byte(o), &any); err != nil {
			t.Errorf("%v in:\n%s", err, o)
		}
	}
	pod := deployment.Spec.Template.Spec
	flags, ports := map[string]string{}, map[int32]string{}
	for _, p := range pod.Containers[0].Ports {
		if other := ports[p.ContainerPort]; other != "" {
			t.Errorf("%s and %s listen on port %d", other, p.Name, p.ContainerPort)
		}
		ports[p.ContainerPort] = p.Name
	}
	for _, arg := range pod.Containers[0].Args {
		flag, to, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if before, twice := flags[flag]; twice && before != to || !strings.HasPrefix(arg, "-") {
			t.Errorf("%q is no flag, or given twice", arg)
		}
		flags[flag] = to
	}
	if delay, err := time.ParseDuration(flags["shutdown-delay"]); err != nil || pod.TerminationGracePeriodSeconds == nil ||
		delay >= time.Duration(*pod.TerminationGracePeriodSeconds)*time.Second {
		t.Errorf("shutdown after %s (%v), killed after %v s", flags["shutdown-delay"], err, pod.TerminationGracePeriodSeconds)
	}
}

// TestEveryValueIsRefusedOrAccepted takes each value to its edges. What the API server refuses in the middle of an
// installation leaves it half done.
func TestEveryValueIsRefusedOrAccepted(t *testing.T) {
	d := newDryRuns(t)
	ns := namespace(t, d.client, nil)
	for _, v := range edges(t) {
		values := []value{v}
		for _, c := range needs {
			if path := strings.Join(v.path, "."); strings.HasPrefix(path, c.under) {
				for _, with := range c.with {
					if path != strings.Join(with.path, ".") {
						values = append(values, with)
					}
				}
			}
		}
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			d.judge(t, ns, chart, values...)
		})
	}
}

// TestLegitimateValuesAreAccepted: what the schema says of Kubernetes' own forms leaves nothing out that people set.
func TestLegitimateValuesAreAccepted(t *testing.T) {
	d := newDryRuns(t)
	ns := namespace(t, d.client, nil)
	for name, values := range map[string]string{
		"everything": everything,
		"names":      "{nameOverride: Guard.1, fullnameOverride: guard, priorityClassName: system-node-critical, serviceAccount: {create: false, name: a.b}}",
		"metadata": `{commonLabels: {example.com/Team_1: "", a: "1"}, podLabels: {x-y.z: A.b_c}, podAnnotations: {Example.com/a: "any {text} {{ here }}\n", prometheus.io/scrape: "true"},
			nodeSelector: {karpenter.sh/capacity-type: on-demand, node.kubernetes.io/instance-type: m7g.large}}`,
		"scheduling": `{tolerations: [{operator: Exists}, {key: a, value: b, effect: NoSchedule}, {key: a, operator: Equal, value: "", effect: ""}, {key: example.com/a, operator: Exists, effect: NoExecute, tolerationSeconds: 30}],
			topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule, minDomains: 2, matchLabelKeys: [pod-template-hash], nodeTaintsPolicy: Honor,
			labelSelector: {matchExpressions: [{key: a, operator: In, values: [b]}, {key: c, operator: Exists}]}}],
			affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [{key: a, operator: Exists}]}}]},
			podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {a: b}}}]}}}`,
		"container": `{extraEnv: [{name: AWS_REGION, value: eu-west-1}, {name: a.b-c, value: ""}, {name: KEY, valueFrom: {secretKeyRef: {name: a, key: b, optional: true}}}, {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}},
			{name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1m}}}], extraArgs: [--zap-log-level=debug, --rbac=off, --zap-devel], imagePullSecrets: [{name: a}, {name: b.c}],
			resources: {requests: {cpu: 0.1, memory: 1e8, ephemeral-storage: 1Mi}, limits: {cpu: "1.5", memory: 512Mi, ephemeral-storage: 2Mi, example.com/device: 1}},
			securityContext: {runAsUser: 1001, fsGroup: 1001, fsGroupChangePolicy: OnRootMismatch, supplementalGroups: [5], seLinuxOptions: {level: "s0:c1,c2"}, seccompProfile: {type: Localhost, localhostProfile: a.json}, sysctls: [{name: net.ipv4.tcp_keepalive_time, value: "60"}]},
			containerSecurityContext: {capabilities: {add: [NET_BIND_SERVICE]}, procMount: Default, runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}}`,
		"labels of the pods":        `{podLabels: {app.kubernetes.io/version: "1.0", app.kubernetes.io/component: webhook, app.kubernetes.io/part-of: platform, app.kubernetes.io/managed-by: platform, sidecar.istio.io/inject: "false", tags.datadoghq.com/env: prod}}`,
		"taken out":                 `{commonLabels: {a: null, b: c}, podLabels: {b: null}, podAnnotations: {a: null}, serviceAccount: {annotations: {eks.amazonaws.com/role-arn: null}}, nodeSelector: {kubernetes.io/os: null, a: null}, affinity: {podAntiAffinity: null}, resources: {limits: {cpu: null, memory: null}}, image: {tag: null, digest: null}, metrics: {dashboard: {enabled: true, labels: {a: null}, annotations: {a: null}}}}`,
		"tolerate all":              `{tolerations: [{key: "", operator: Exists}, {key: a, operator: "", value: b}]}`,
		"spread":                    `{topologySpreadConstraints: [{maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway}, {maxSkew: 2, topologyKey: a, whenUnsatisfiable: DoNotSchedule, matchLabelKeys: [pod-template-hash]}]}`,
		"tag and digest":            "{image: {tag: 'v1.0.0@sha256:" + strings.Repeat("0a", 32) + "'}}",
		"quantities":                `{resources: {requests: {cpu: ".5", memory: 1.5Gi}, limits: {cpu: "+1", memory: 2e+9}}}`,
		"a condition":               "{enabled: true, global: {any: {thing: [1]}}}",
		"Prometheus' default times": `{metrics: {serviceMonitor: {enabled: true, interval: "", scrapeTimeout: ""}}}`,
		"ports of a range":          `{networkPolicy: {enabled: true, egress: [{ports: [{port: 3128, endPort: 3130, protocol: TCP}, {port: https}, {protocol: UDP}]}]}}`,
		"a reason in lines":         `policy: {waivers: [{rule: AA203, subject: x, reason: "one line\nand another\n"}]}`,
		"image":                     "{image: {repository: 'registry.example.com:5000/Team/guard_x', tag: v1.0.0_rc.1}}",
		"network":                   `{networkPolicy: {enabled: true, controlPlane: [10.0.1.0/28, 0.0.0.0/0, "fd00:1::/64", "2001:db8::1/128", "::/0"], metricsFrom: [{podSelector: {}, namespaceSelector: {matchLabels: {a: b}}}, {ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], egress: [{to: [{ipBlock: {cidr: 10.0.0.9/32}}], ports: [{port: 3128, protocol: TCP}]}, {}]}}`,
		"times":                     "{shutdownDelay: 1m, terminationGracePeriodSeconds: 61, metrics: {serviceMonitor: {enabled: true, interval: 1m30s, scrapeTimeout: 90s}}, tls: {mode: certManager, certManager: {duration: 1.5h, renewBefore: 5m, issuerRef: {name: a, kind: AWSPCAClusterIssuer, group: awspca.cert-manager.io}}}}",
		"none":                      "{replicaCount: 0, webhook: {failurePolicy: Ignore}, commonLabels: null, podLabels: null, resources: null, affinity: null, tolerations: null, priorityClassName: null}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := helm(t, values, "template", chart, chart, "--namespace", ns)
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range d.apply(t, out) {
				t.Error(err)
			}
			works(t, out)
		})
	}
}

// TestWhatIsNotSetIsFilledIn: what the API server takes for nothing at all, or for zero, is not what was meant.
func TestWhatIsNotSetIsFilledIn(t *testing.T) {
	t.Parallel()
	d := as[appsv1.Deployment](t, objects(t, template(t, `{podLabels: {a: null, b: c}, resources: {limits: {cpu: null}, requests: {cpu: null}},
		topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule}, {maxSkew: 1, topologyKey: b, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {c: d}}}]}`))["Deployment aws-auth-guard"])
	spread := d.Spec.Template.Spec.TopologySpreadConstraints
	if diff := cmp.Diff(d.Spec.Selector, spread[0].LabelSelector); diff != "" {
		t.Errorf("a constraint without labelSelector counts other pods than the chart's (-chart +constraint):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"c": "d"}, spread[1].LabelSelector.MatchLabels); diff != "" {
		t.Errorf("labelSelector (-set +rendered):\n%s", diff)
	}
	resources := d.Spec.Template.Spec.Containers[0].Resources
	if _, ok := resources.Limits["cpu"]; ok {
		t.Errorf("a limit that was taken out is %v", resources.Limits.Cpu())
	}
	if _, ok := resources.Requests["cpu"]; ok || resources.Requests.Memory().IsZero() {
		t.Errorf("requests are %v, want memory alone", resources.Requests)
	}
	if to, ok := d.Spec.Template.Labels["a"]; ok || d.Spec.Template.Labels["b"] != "c" {
		t.Errorf("a label that was taken out is %q, and the other is %q", to, d.Spec.Template.Labels["b"])
	}
}

// TestDependency: a chart that has this one as a dependency hands its global values down, and may have a condition for it.
func TestDependency(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	if err := os.CopyFS(filepath.Join(parent, "charts", chart), os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	about := "apiVersion: v2\nname: platform\nversion: 1.0.0\ndependencies:\n- {name: aws-auth-guard, version: '>=0.0.0-0', alias: guard, condition: guard.enabled}\n"
	if err := os.WriteFile(filepath.Join(parent, "Chart.yaml"), []byte(about), 0o600); err != nil {
		t.Fatal(err)
	}
	for values, want := range map[string]string{
		"{global: {imageRegistry: a}, guard: {enabled: true, replicaCount: 3}}": "Deployment platform-guard",
		"{guard: {enabled: false, replicaCount: 3}}":                            "",
	} {
		out, err := helm(t, values, "template", "platform", parent)
		if err != nil {
			t.Errorf("%s: %v", values, err)
			continue
		}
		all := objects(t, out)
		if want == "" && len(all) > 0 || want != "" && all[want] == nil {
			t.Errorf("%s: rendered %q, want %q among them", values, slices.Sorted(maps.Keys(all)), want)
		}
	}
}

// together are values that only matter in combination, each with its settings.
var together = map[string]map[string][]any{
	"ports":        {"webhook.port": {8080, 9443}, "healthPort": {8080, 9443}, "metrics.port": {8080, 9443, 65535}, "metrics.enabled": {true, false}},
	"replicas":     {"replicaCount": {0, 1, 2}, "webhook.failurePolicy": {"Fail", "Ignore"}, "podDisruptionBudget.enabled": {true, false}},
	"certificate":  {"tls.mode": {"self", "certManager", "existingSecret"}, "tls.existingSecret": {"", "mine"}, "tls.caBundle": {"", "garbage", authorityPEM, "# comment\n" + authorityPEM + authorityPEM, strings.ReplaceAll(authorityPEM, "\n", " "), strings.ReplaceAll(authorityPEM, "CERTIFICATE", "PRIVATE KEY")}},
	"network":      {"hostNetwork": {true, false}, "dnsPolicy": {"", "ClusterFirst", "ClusterFirstWithHostNet", "Default"}},
	"labels":       {"commonLabels": {nil, map[string]any{"a": "b"}}, "podLabels": {map[string]any{"a": "b"}, map[string]any{"c": "d"}}, "metrics.dashboard.enabled": {true}, "metrics.dashboard.labels": {map[string]any{"a": "c"}, map[string]any{"d": "e"}}},
	"renewal":      {"tls.mode": {"certManager"}, "tls.certManager.duration": {"1h", "59m", "2160h", "1h30m"}, "tls.certManager.renewBefore": {"4m59s", "5m", "90m", "720h"}},
	"account":      {"serviceAccount.create": {true, false}, "serviceAccount.name": {"", "default", "a.b"}, "rbac.create": {true, false}},
	"scraping":     {"metrics.enabled": {true, false}, "metrics.serviceMonitor.enabled": {true, false}, "metrics.prometheusRule.enabled": {true, false}, "metrics.dashboard.enabled": {true, false}},
	"scrape times": {"metrics.serviceMonitor.enabled": {true}, "metrics.serviceMonitor.interval": {"0", "500ms", "30s", "1h"}, "metrics.serviceMonitor.scrapeTimeout": {"0", "10s", "1m"}},
	"the end":      {"shutdownDelay": {"0s", "9999ms", "10s", "1m", "61s"}, "terminationGracePeriodSeconds": {10, 60}},
	"resources": {"resources.requests.cpu": {"10m", 1, "2"}, "resources.limits.cpu": {"0.01", 1, "1000m"},
		"resources.limits.memory": {"64Mi", "64M", "1Gi"}},
	"environment": {"resources.limits": {nil, map[string]any{"memory": "1Gi"}}, "extraEnv": {[]any{object(`{name: GOMEMLIMIT, value: 100MiB}`)}}},
	"floor":       {"floor.enabled": {true, false}, "policy.breakGlass.groups": {[]any{}, []any{`it's "a\b"`, "{{ x }}"}}, "policy.mode": {"audit", "enforce"}},
}

// TestPairsAreRefusedOrAccepted goes through every combination of what belongs together.
func TestPairsAreRefusedOrAccepted(t *testing.T) {
	d := newDryRuns(t)
	ns := namespace(t, d.client, nil)
	for name, settings := range together {
		combinations := [][]value{nil}
		for _, path := range slices.Sorted(maps.Keys(settings)) {
			var longer [][]value
			for _, c := range combinations {
				for _, to := range settings[path] {
					longer = append(longer, append(slices.Clone(c), value{strings.Split(path, "."), to}))
				}
			}
			combinations = longer
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range combinations {
				d.judge(t, ns, chart, c...)
			}
		})
	}
}

// TestNamesAreRefusedOrAccepted: the release's name is no value, and goes into every name.
func TestNamesAreRefusedOrAccepted(t *testing.T) {
	d := newDryRuns(t)
	ns := namespace(t, d.client, nil)
	for _, release := range []string{"g", "a.b", "1guard", "0", letters(53), letters(49) + "-b", letters(48) + "--b", chart, "x-aws-auth-guard-1"} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			for _, full := range []string{"", letters(50)} {
				for _, short := range []string{"", "Guard", "12"} {
					d.judge(t, ns, release, value{[]string{"fullnameOverride"}, full}, value{[]string{"nameOverride"}, short})
				}
			}
		})
	}
	for _, ns := range []string{"kube-system", "default"} {
		d.judge(t, ns, chart, value{[]string{"replicaCount"}, 2})
	}
}

// authorityPEM is a certificate, valid for a hundred years.
const authorityPEM = `-----BEGIN CERTIFICATE-----
MIIBmDCCAT+gAwIBAgIUB1iiWC+ws6STNapixsxUlh0foRIwCgYIKoZIzj0EAwIw
ITEfMB0GA1UEAwwWYXV0aG9yaXR5IG9mIHRoZSB0ZXN0czAgFw0yNjExMzAwODI4
MDhaGA8yMTI2MTEwNjA4MjgwOFowITEfMB0GA1UEAwwWYXV0aG9yaXR5IG9mIHRo
ZSB0ZXN0czBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEdVdbigFfrnkSTB24RW
51P6mQ9yeEjja2gQrIDbuU2t204HEK1QYqVjSckT56FQiUMfmp6pLbK7uIZkIR/B
G3OjUzBRMB0GA1UdDgQWBBRqKNyb4SzrLO9sBNFCg0dyTr4ajzAfBgNVHSMEGDAW
gBRqKNyb4SzrLO9sBNFCg0dyTr4ajzAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49
BAMCA0cAMEQCID9E5ga9lAEFobNS9Bt+DhNV59QG4KxnQydLgqe2A3AMAiBC10Fs
NtQw4mtobeYmaIlvaNGNtIF5iiKk7XKZPkPCWw==
-----END CERTIFICATE-----
`
