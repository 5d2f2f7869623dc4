// Package helm_test renders the chart with the real helm, and shows what comes out to a real API server.
package helm_test

//go:generate go run ../../internal/policy/gen ../..
//go:generate ./generate.sh

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

var update = flag.Bool("update", false, "write the golden files")

const chart = "aws-auth-guard"

// helmBinary is helm beside the control plane's programs, or in PATH.
func helmBinary(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		if path := filepath.Join(dir, "helm"); exists(path) {
			return path
		}
	}
	path, err := exec.LookPath("helm")
	if err != nil {
		t.Skip("needs helm: put it into PATH, or into KUBEBUILDER_ASSETS")
	}
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// answers are what helm said of arguments and values, each asked once: many tests look at the same objects.
var answers sync.Map

// helm runs helm on the chart, with values as YAML, without a cluster.
func helm(t *testing.T, values string, args ...string) (string, error) {
	t.Helper()
	type answer struct {
		out string
		err error
	}
	helmBinary(t)                      // or the test is skipped
	if !slices.Contains(args, chart) { // a chart that is made for one test
		return runHelm(t, values, args...)
	}
	ask := sync.OnceValue(func() answer {
		out, err := runHelm(t, values, args...)
		return answer{out, err}
	})
	key := strings.Join(args, "\x00") + "\x00\x00" + values
	if known, ok := answers.LoadOrStore(key, ask); ok {
		ask = known.(func() answer)
	}
	a := ask()
	return a.out, a.err
}

func runHelm(t *testing.T, values string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), helmBinary(t), append(args, "--values", "-")...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "GOGC=off", "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	cmd.Stdin = strings.NewReader(values)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, stderr.String())
	}
	return stdout.String(), nil
}

func template(t *testing.T, values string) string {
	t.Helper()
	out, err := helm(t, values, "template", chart, chart, "--namespace", "guard", "--kube-version", "v1.30.0", "--skip-tests")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// objects are the rendered objects by "Kind name".
func objects(t *testing.T, manifest string) map[string]*unstructured.Unstructured {
	t.Helper()
	all := map[string]*unstructured.Unstructured{}
	decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096)
	for {
		o := &unstructured.Unstructured{}
		if err := decoder.Decode(o); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%v in:\n%s", err, manifest)
		}
		if len(o.Object) == 0 {
			continue
		}
		key := o.GetKind() + " " + o.GetName()
		if all[key] != nil {
			t.Errorf("%s is rendered twice", key)
		}
		all[key] = o
	}
}

func as[T any](t *testing.T, o *unstructured.Unstructured) *T {
	t.Helper()
	var into T
	if o == nil {
		t.Fatalf("no %T is rendered", into)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, &into, true); err != nil {
		t.Fatal(err)
	}
	return &into
}

// everything switches all on that is off by default.
const everything = `
commonLabels: {team: platform}
podLabels: {tier: guard}
podAnnotations: {note: hello}
imagePullSecrets: [{name: registry}]
serviceAccount: {annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::111122223333:role/aws-auth-guard"}}
image: {digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000"}
rbac: {breakGlass: true}
iam: {enabled: true}
fleet: {enabled: true, clusterName: demo, region: eu-west-1}
networkPolicy: {enabled: true, controlPlane: [10.0.1.0/24, 10.0.2.0/24], metricsFrom: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]}
metrics:
  authentication: true
  serviceMonitor: {enabled: true, labels: {release: prometheus}}
  prometheusRule: {enabled: true, labels: {release: prometheus}}
  dashboard: {enabled: true, annotations: {grafana_folder: security}}
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/arch, operator: In, values: [arm64]}]}]}}}
topologySpreadConstraints: [{maxSkew: 2, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app.kubernetes.io/name: aws-auth-guard}}}]
extraArgs: [--zap-devel]
extraEnv: [{name: AWS_REGION, value: eu-west-1}]
webhook: {matchConditions: [{name: not-the-installer, expression: "request.userInfo.username != 'installer'"}]}
policy:
  mode: audit
  partition: aws
  rules: {AA106: error, unknown-data-key: off}
  privileged:
    groups: [platform-admins]
    onUnreadable: deny
    approvals:
    - {arn: "arn:aws:iam::111122223333:role/admin", groups: ["system:masters"], reason: the platform team's role, approvedBy: security review, expires: 2027-06-30}
    - {pattern: "arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_*", groups: ["system:masters"]}
  accounts:
  - {id: "444455556666", roleARN: "arn:aws:iam::444455556666:role/aws-auth-guard"}
  - {id: "111122223333", mapAccounts: true}
  required: ["arn:aws:iam::111122223333:role/nodes", {arn: "arn:aws:iam::111122223333:role/admin", groups: ["system:masters"]}]
  breakGlass: {groups: [break-glass]}
  iam: {onUnverified: warn, region: eu-west-1, timeouts: {call: 2s, total: 5s}}
  nodes: {roles: ["arn:aws:iam::111122223333:role/nodes", "arn:aws:iam::111122223333:role/eks-nodes-*"], onUnknown: deny}
  waivers: [{rule: AA203, subject: "arn:aws:iam::111122223333:role/legacy", reason: removed with the migration, expires: "2027-01-31"}]
  preexisting: deny
`

// open is as little guard as there can be.
const open = "{replicaCount: 1, webhook: {failurePolicy: Ignore}, floor: {enabled: false}, fullnameOverride: guard}"

// variants are the values that the static checks go through.
var variants = map[string]string{
	"defaults":               "{}",
	"everything":             everything,
	"one replica":            "replicaCount: 1",
	"cert-manager":           "tls: {mode: certManager}",
	"cert-manager's issuer":  "tls: {mode: certManager, certManager: {issuerRef: {name: corporate, kind: ClusterIssuer}}}",
	"existing secret":        fmt.Sprintf("tls: {mode: existingSecret, existingSecret: mine, caBundle: %q}", authorityPEM),
	"host network":           "{hostNetwork: true, webhook: {port: 10260}, healthPort: 10261, metrics: {port: 10262}}",
	"nothing that is spared": "{rbac: {create: false}, serviceAccount: {create: false, name: mine}, floor: {enabled: false}, metrics: {enabled: false}, podDisruptionBudget: {enabled: false}, resources: {limits: null}, priorityClassName: ''}",
	"other names":            "{fullnameOverride: guard-of-aws-auth, nameOverride: guard}",
}

func TestRendering(t *testing.T) {
	for name, values := range variants {
		t.Run(name, func(t *testing.T) {
			got := template(t, values)
			if again := template(t, values); got != again {
				t.Errorf("a second rendering differs:\n%s", cmp.Diff(got, again))
			}
			if strings.Contains(got, "caBundle") != (name == "existing secret") {
				t.Error("caBundle is the guard's or cert-manager's to write, unless it is given")
			}
			golden(t, name+".yaml", got)
		})
	}
}

// TestTestRendering: what helm test makes.
func TestTestRendering(t *testing.T) {
	for name, values := range map[string]string{"defaults": "{}", "everything": everything} {
		out, err := helm(t, values, "template", chart, chart, "--namespace", "guard", "--kube-version", "v1.30.0", "--show-only", "templates/tests/try-edits.yaml")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "tests/"+name+".yaml", out)
	}
	if out := template(t, "{}"); strings.Contains(out, "helm.sh/hook") {
		t.Error("an installation has something of the test")
	}
}

// golden compares with the file of that name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", strings.NewReplacer(" ", "-", "'", "").Replace(name))
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("rendered otherwise (go test ./deploy/helm -update takes it in):\n%s", diff)
	}
}

// settled leaves nothing open but a try.
const settled = `
image: {repository: registry.example.com/aws-auth-guard, tag: v1}
serviceAccount: {annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::111122223333:role/aws-auth-guard"}}
rbac: {breakGlass: true}
policy: {breakGlass: {groups: [oncall]}, privileged: {approvals: [{arn: "arn:aws:iam::111122223333:role/admin", groups: ["system:masters"]}]}}
`

// TestNotes: what is open in this installation and what to type, as helm install prints it.
func TestNotes(t *testing.T) {
	for name, values := range map[string]string{
		"defaults":   "{}",
		"everything": everything,
		"open":       open,
		"starter":    "{profile: starter, image: {repository: registry.example.com/aws-auth-guard}, policy: {breakGlass: {groups: [oncall]}}, rbac: {breakGlass: false}}",
		"settled":    settled,
		"taken out":  "{profile: null, floor: {enabled: null}, rbac: {create: null}, serviceAccount: {annotations: null}, extraEnv: null, policy: {breakGlass: {groups: [oncall]}}}",
	} {
		t.Run(name, func(t *testing.T) {
			out, err := helm(t, values, "install", chart, chart, "--namespace", "guard", "--dry-run=client")
			if err != nil {
				t.Fatal(err)
			}
			_, notes, ok := strings.Cut(out, "\nNOTES:\n")
			if !ok {
				t.Fatalf("no notes in:\n%s", out)
			}
			golden(t, name+".notes.txt", notes)
		})
	}
}

func TestLint(t *testing.T) {
	for name, values := range variants {
		t.Run(name, func(t *testing.T) {
			if out, err := helm(t, values, "lint", chart, "--strict"); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestDeployment(t *testing.T) {
	t.Parallel()
	d := as[appsv1.Deployment](t, objects(t, template(t, "{}"))["Deployment aws-auth-guard"])
	if *d.Spec.Replicas != 2 || d.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue() != 0 {
		t.Errorf("%d replicas, maxUnavailable %v: want 2 that are never fewer", *d.Spec.Replicas, d.Spec.Strategy.RollingUpdate.MaxUnavailable)
	}
	if d.Spec.Template.Spec.PriorityClassName != "system-cluster-critical" {
		t.Errorf("priority %q", d.Spec.Template.Spec.PriorityClassName)
	}
}

func TestVariants(t *testing.T) {
	for name, c := range map[string]struct {
		values string
		check  func(t *testing.T, o map[string]*unstructured.Unstructured)
	}{
		"a budget for two": {"{}", func(t *testing.T, o map[string]*unstructured.Unstructured) {
			if o["PodDisruptionBudget aws-auth-guard"] == nil {
				t.Error("no PodDisruptionBudget")
			}
		}},
		"no budget for one: it could not be drained": {"replicaCount: 1", func(t *testing.T, o map[string]*unstructured.Unstructured) {
			if o["PodDisruptionBudget aws-auth-guard"] != nil {
				t.Error("a PodDisruptionBudget")
			}
		}},
		"the host's network": {"hostNetwork: true", func(t *testing.T, o map[string]*unstructured.Unstructured) {
			spec := as[appsv1.Deployment](t, o["Deployment aws-auth-guard"]).Spec.Template.Spec
			if !spec.HostNetwork || spec.DNSPolicy != corev1.DNSClusterFirstWithHostNet {
				t.Errorf("hostNetwork %v, dnsPolicy %s", spec.HostNetwork, spec.DNSPolicy)
			}
		}},
		"the role for IAM": {everything, func(t *testing.T, o map[string]*unstructured.Unstructured) {
			account := as[corev1.ServiceAccount](t, o["ServiceAccount aws-auth-guard"])
			if got := account.Annotations["eks.amazonaws.com/role-arn"]; got != "arn:aws:iam::111122223333:role/aws-auth-guard" {
				t.Errorf("role %q", got)
			}
		}},
		"a digest wins over a tag": {"image: {repository: example.com/guard, tag: v1, digest: 'sha256:" + strings.Repeat("a", 64) + "'}", func(t *testing.T, o map[string]*unstructured.Unstructured) {
			got := as[appsv1.Deployment](t, o["Deployment aws-auth-guard"]).Spec.Template.Spec.Containers[0].Image
			if got != "example.com/guard@sha256:"+strings.Repeat("a", 64) {
				t.Errorf("image %q", got)
			}
		}},
		"no rights on Secrets that are somebody else's": {"tls: {mode: certManager}", func(t *testing.T, o map[string]*unstructured.Unstructured) {
			for key, object := range o {
				text, _ := json.Marshal(object)
				if strings.HasSuffix(object.GetKind(), "Role") && bytes.Contains(text, []byte("secrets")) {
					t.Errorf("%s: %s", key, text)
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t, objects(t, template(t, c.values)))
		})
	}
}

// policyOf is the policy file as the guard gets it.
func policyOf(t *testing.T, values string) string {
	t.Helper()
	for key, o := range objects(t, template(t, values)) {
		if o.GetKind() == "ConfigMap" && strings.HasSuffix(key, "-policy") {
			return as[corev1.ConfigMap](t, o).Data["policy.yaml"]
		}
	}
	t.Fatal("no policy is rendered")
	return ""
}

// TestPolicyWithoutSections: a section that a values file takes out has its defaults, in what else the chart renders too.
func TestPolicyWithoutSections(t *testing.T) {
	t.Parallel()
	const alerts = "metrics: {prometheusRule: {enabled: true}}"
	rule := func(values string) any {
		return objects(t, template(t, values))["PrometheusRule aws-auth-guard"].Object["spec"]
	}
	want := rule("{" + alerts + "}")
	for _, section := range []string{"privileged: null", "privileged: {fromRBAC: null}", "iam: null", "iam: {onUnverified: null}", "nodes: null", "contact: null"} {
		values := "{" + alerts + ", policy: {" + section + "}}"
		if diff := cmp.Diff(want, rule(values)); diff != "" {
			t.Errorf("%s: alerts (-defaults +got):\n%s", section, diff)
		}
		if _, err := policy.Parse([]byte(policyOf(t, values))); err != nil {
			t.Errorf("%s: %v", section, err)
		}
	}
}

// TestPolicyIsTakenIn: what the chart renders is a policy, and says what the values say.
func TestPolicyIsTakenIn(t *testing.T) {
	t.Parallel()
	for name, values := range variants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := policyOf(t, values)
			p, err := policy.Parse([]byte(text))
			if err != nil {
				t.Fatalf("%v in:\n%s", err, text)
			}
			if _, err := validate.New(p); err != nil {
				t.Fatalf("%v in:\n%s", err, text)
			}
			if name == "defaults" {
				if diff := cmp.Diff(policy.Default(), p, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("the chart's defaults are not the policy's (-policy +chart):\n%s", diff)
				}
			}
			if name == "everything" && (len(p.Rules) != 2 || len(p.Privileged.Approvals) != 2 || len(p.Waivers) != 1 || len(p.Nodes.Roles) != 2 || p.Mode != policy.Audit || p.Preexisting != policy.Deny) {
				t.Errorf("not all of the policy arrived: %+v", p)
			}
		})
	}
}

// TestDefaultsAreForOlderReplicas: while an upgrade rolls out, or is stuck, the replicas of before read the new policy. They
// refuse a field that they do not know, and one that starts again then does not start. So what nobody has set is not written,
// unless every version knows it: these fields are those of the first version, and no other belongs here.
func TestDefaultsAreForOlderReplicas(t *testing.T) {
	t.Parallel()
	known := []string{"apiVersion", "breakGlass.groups", "exempt.usernames", "iam.onUnverified", "kind", "mode", "preexisting",
		"privileged.approvals", "privileged.approvers.groups", "privileged.approvers.usernames", "privileged.fromRBAC", "privileged.groups",
		"privileged.subjectAccessReview"}
	var text map[string]any
	if err := yaml.Unmarshal([]byte(policyOf(t, "{}")), &text); err != nil {
		t.Fatal(err)
	}
	var fields func(prefix string, m map[string]any) []string
	fields = func(prefix string, m map[string]any) (all []string) {
		for k, v := range m {
			if below, ok := v.(map[string]any); ok && len(below) > 0 {
				all = append(all, fields(prefix+k+".", below)...)
				continue
			}
			all = append(all, prefix+k)
		}
		return all
	}
	got := fields("", text)
	slices.Sort(got)
	if diff := cmp.Diff(known, got); diff != "" {
		t.Errorf("with no policy set, the chart writes other fields than the first version knew (-known +written):\n%s", diff)
	}
}

// TestDocumentedPolicy: the example of docs/policy.md can be given to the chart as it is.
func TestDocumentedPolicy(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	text, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/policy.md has no example")
	}
	var file map[string]any
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	delete(file, "apiVersion")
	delete(file, "kind")
	values, err := yaml.Marshal(map[string]any{"policy": file})
	if err != nil {
		t.Fatal(err)
	}
	want, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := policy.Parse([]byte(policyOf(t, string(values))))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(withoutLines(t, want), withoutLines(t, got)); diff != "" {
		t.Errorf("what arrives is another policy (-want +got):\n%s", diff)
	}
}

var lineNumber = regexp.MustCompile(`"Line":\d+`)

// withoutLines is a policy without its places in the file.
func withoutLines(t *testing.T, p *policy.Policy) string {
	t.Helper()
	without := *p
	without.RuleLines = nil
	text, err := json.MarshalIndent(&without, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return lineNumber.ReplaceAllString(strings.ReplaceAll(string(text), `"Line": `, `"Line":`), "")
}

// TestBadPolicyIsRefused: helm upgrade refuses what the guard would refuse.
func TestBadPolicyIsRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"unknown field":             "modes: enforce",
		"unknown mode":              "mode: on-fridays",
		"unknown partition":         "partition: moon",
		"unknown rule":              "rules: {AA999: error}",
		"unknown severity":          "rules: {AA106: fatal}",
		"field of an approval":      "privileged: {approvals: [{arn: 'arn:aws:iam::111122223333:role/a', group: [x]}]}",
		"approval of nothing":       "privileged: {approvals: [{arn: 'arn:aws:iam::111122223333:role/a'}]}",
		"approval of nobody":        "privileged: {approvals: [{groups: [x]}]}",
		"arn and pattern":           "privileged: {approvals: [{arn: 'arn:aws:iam::111122223333:role/a', pattern: 'arn:aws:iam::111122223333:role/a*', groups: [x]}]}",
		"everybody is approved":     "privileged: {approvals: [{pattern: 'arn:aws:iam::111122223333:role/*', groups: [x]}]}",
		"pattern of accounts":       "privileged: {approvals: [{pattern: 'arn:aws:iam::*:role/admin', groups: [x]}]}",
		"role with a path":          "privileged: {approvals: [{arn: 'arn:aws:iam::111122223333:role/team/a', groups: [x]}]}",
		"star in an arn":            "required: ['arn:aws:iam::111122223333:role/a*']",
		"assumed role":              "required: ['arn:aws:sts::111122223333:assumed-role/a/b']",
		"no arn at all":             "required: [nodes]",
		"required without an arn":   "required: [{groups: [a]}]",
		"account id that is short":  "accounts: [{id: '123'}]",
		"account id without quotes": "accounts: [{id: 111122223333}]",
		"account of blind trust":    "accounts: [{id: '111122223333', trust: blind}]",
		"role and trust":            "accounts: [{id: '111122223333', trust: unchecked, roleARN: 'arn:aws:iam::111122223333:role/a'}]",
		"account that is a text":    "accounts: ['111122223333']",
		"waiver without a reason":   "waivers: [{rule: AA203, subject: x}]",
		"contact of two lines":      `contact: {text: "platform\nfix: keep it"}`,
		"contact that is no URL":    "contact: {url: wiki.example.com}",
		"waiver of an unknown rule": "waivers: [{rule: AA999, subject: x, reason: y}]",
		"no date":                   "waivers: [{rule: AA203, subject: x, reason: y, expires: next week}]",
		"no such day":               "waivers: [{rule: AA203, subject: x, reason: y, expires: '2027-13-01'}]",
		"no duration":               "iam: {timeouts: {call: soon}}",
		"no time at all":            "iam: {timeouts: {call: 0s}}",
		"number for a duration":     "iam: {timeouts: {call: 5}}",
		"a timeout of minutes":      "iam: {timeouts: {total: 1m}}",
		"a timeout too long":        "iam: {timeouts: {total: 31s}}",
		"a timeout a bit too long":  "iam: {timeouts: {total: 30.001s}}",
		"a timeout in parts":        "iam: {timeouts: {total: 29s1001ms}}",
		"external id, no role":      "accounts: [{id: '111122223333', externalID: demo}]",
		"external id too short":     "accounts: [{id: '111122223333', externalID: x, roleARN: 'arn:aws:iam::111122223333:role/a'}]",
		"external id with a blank":  "accounts: [{id: '111122223333', externalID: 'a b', roleARN: 'arn:aws:iam::111122223333:role/a'}]",
		"suggestions to a blank":    "iam: {suggestOtherAccounts: {groups: ['']}}",
		"unverified":                "iam: {onUnverified: guess}",
		"group with blanks":         "breakGlass: {groups: [' admins']}",
		"blank username":            "exempt: {usernames: ['']}",
		"preexisting":               "preexisting: ignore",
		"a list for a mapping":      "exempt: [eks:node-manager]",
		"everybody breaks glass":    "breakGlass: {groups: [system:authenticated]}",
		"anybody breaks glass":      "breakGlass: {groups: [admins, system:unauthenticated]}",
		"every pod breaks glass":    "breakGlass: {groups: [system:serviceaccounts]}",
		"every node breaks glass":   "breakGlass: {groups: [system:nodes]}",
		"new nodes break glass":     "breakGlass: {groups: [system:bootstrappers]}",
		"kubeadm's nodes, too":      "breakGlass: {groups: ['system:bootstrappers:kubeadm:default-node-token']}",
		"Fargate nodes break glass": "breakGlass: {groups: [system:node-proxier]}",
		"Windows nodes break glass": "breakGlass: {groups: ['eks:kube-proxy-windows']}",
		"pattern of groups":         "breakGlass: {groups: ['admins-*']}",
		"everybody approves":        "privileged: {approvers: {groups: [system:authenticated]}}",
		"pattern of approvers":      "privileged: {approvers: {usernames: ['*']}}",
		"everybody is exempt":       "exempt: {usernames: ['*']}",
		"service accounts, exempt":  "exempt: {usernames: ['system:serviceaccount:*:*']}",
		"anonymous is exempt":       "exempt: {usernames: ['system:anonymous']}",
		"unreadable":                "privileged: {onUnreadable: ignore}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if p, err := policy.Parse([]byte("apiVersion: " + policy.APIVersion + "\nkind: Policy\n" + text)); err == nil {
				if _, err := validate.New(p); err == nil && name != "account id without quotes" {
					t.Error("the guard itself takes it")
				}
			}
			values := "policy:\n  " + text + "\n"
			if out, err := helm(t, values, "template", chart, chart); err == nil {
				t.Errorf("rendered:\n%s", policyOf(t, values)+out[:0])
			} else if !strings.Contains(err.Error(), "policy") {
				t.Errorf("refused without naming the policy: %v", err)
			}
		})
	}
}

// TestTimeouts: whatever the guard takes for a timeout, and people write, the schema takes as well.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	for _, timeout := range []string{"30s", "0m30s", "30.0s", "29.999s", "1s", "1s500ms", "29s999ms", "500ms", "30000ms", "1500us", "1ns", "0.5m", "0.25m"} {
		p, err := policy.Parse([]byte(policyOf(t, "policy: {iam: {timeouts: {call: "+timeout+"}}}")))
		if want, _ := time.ParseDuration(timeout); err != nil || p.IAM.Timeouts.Call.Duration() != want {
			t.Errorf("%s: %v", timeout, err)
		}
	}
}

// TestReusedValues: `helm upgrade --reuse-values` brings the values of the version before, and its defaults. What has been
// added since is not among them.
func TestReusedValues(t *testing.T) {
	t.Parallel()
	got := template(t, "{enabled: null, profile: null, rbac: {breakGlass: null}, metrics: {authentication: null}, networkPolicy: {controlPlane: null, metricsFrom: null, egress: null}, policy: {nodes: null, iam: {suggestOtherAccounts: null}, privileged: {onUnreadable: null}}}")
	if diff := cmp.Diff(template(t, "{}"), got); diff != "" {
		t.Errorf("rendered otherwise than with the defaults:\n%s", diff)
	}
}

// TestBadValuesAreRefused: a typo is an error, and not a setting that does nothing.
func TestBadValuesAreRefused(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]string{
		"unknown value":         "replicas: 3",
		"switched off":          "enabled: false",
		"unknown nested value":  "webhook: {failurePolcy: Ignore}",
		"failure policy":        "webhook: {failurePolicy: Open}",
		"tls mode":              "tls: {mode: magic}",
		"text for a number":     "replicaCount: two",
		"timeout too long":      "webhook: {timeoutSeconds: 31}",
		"half a digest":         "image: {digest: 'sha256:abc'}",
		"secret without a name": "tls: {mode: existingSecret}",
		"account without name":  "serviceAccount: {create: false}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := helm(t, values, "template", chart, chart); err == nil {
				t.Error("rendered")
			}
		})
	}
}

// TestSchemaKnowsEveryRule: no more and no fewer than the catalogue.
func TestSchemaKnowsEveryRule(t *testing.T) {
	var want []string
	for _, r := range validate.Catalogue() {
		want = append(want, r.ID, r.Name)
	}
	slices.Sort(want)
	for _, file := range []string{"policy.schema.json", "values.schema.json"} {
		text, err := os.ReadFile(filepath.Join(chart, file))
		if err != nil {
			t.Fatal(err)
		}
		var schema any
		if err := json.Unmarshal(text, &schema); err != nil {
			t.Fatal(err)
		}
		if got := rulesOf(schema); !slices.Equal(got, want) {
			t.Errorf("%s does not list the rules of the catalogue (make generate fixes it):\n%s", file, cmp.Diff(want, got))
		}
	}
}

// rulesOf finds the enumeration of the definition "rule".
func rulesOf(schema any) []string {
	node, ok := schema.(map[string]any)
	if !ok {
		return nil
	}
	if rule, ok := node["rule"].(map[string]any); ok {
		if enum, ok := rule["enum"].([]any); ok {
			var all []string
			for _, e := range enum {
				all = append(all, fmt.Sprint(e))
			}
			return all
		}
	}
	for _, key := range slices.Sorted(maps.Keys(node)) {
		if found := rulesOf(node[key]); found != nil {
			return found
		}
	}
	return nil
}

var (
	metricUsed = regexp.MustCompile(`aws_auth_guard_[a-z_]+`)
	metricMade = regexp.MustCompile(`"(aws_auth_guard_[a-z_]+)"`)
)

// TestMetricsExist: dashboard and alerts ask for what the code counts.
func TestMetricsExist(t *testing.T) {
	t.Parallel()
	made := map[string]bool{}
	for _, dir := range []string{"../../internal", "../../certs", "../../cmd"} {
		err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range metricMade.FindAllStringSubmatch(string(text), -1) {
				made[m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	dashboard, err := os.ReadFile(filepath.Join(chart, "dashboards", "aws-auth-guard.json"))
	if err != nil {
		t.Fatal(err)
	}
	alerts, err := os.ReadFile(filepath.Join(chart, "templates", "prometheusrule.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"dashboard": dashboard, "alerts": alerts} {
		for _, used := range metricUsed.FindAllString(string(text), -1) {
			if !made[used] && !made[strings.TrimSuffix(used, "_bucket")] {
				t.Errorf("the %s asks for %s, which nothing counts", name, used)
			}
		}
	}
}

func TestDashboard(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(chart, "dashboards", "aws-auth-guard.json"))
	if err != nil {
		t.Fatal(err)
	}
	type panel struct {
		ID      int    `json:"id"`
		Title   string `json:"title"`
		Type    string `json:"type"`
		GridPos struct{ X, Y, W, H int }
		Targets []struct {
			Expr string `json:"expr"`
		} `json:"targets"`
	}
	var d struct {
		SchemaVersion int     `json:"schemaVersion"`
		UID           string  `json:"uid"`
		Panels        []panel `json:"panels"`
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if d.SchemaVersion < 36 || d.UID == "" {
		t.Errorf("schemaVersion %d, uid %q", d.SchemaVersion, d.UID)
	}
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("id %d is there twice", p.ID)
		}
		ids[p.ID] = true
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%q shows nothing", p.Title)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q is over %q, or beyond the edge", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
	// As Grafana gets it, through the ConfigMap.
	o := objects(t, template(t, everything))["ConfigMap aws-auth-guard-dashboard"]
	if got := as[corev1.ConfigMap](t, o); got.Data["aws-auth-guard.json"] != string(text) || got.Labels["grafana_dashboard"] != "1" {
		t.Error("the ConfigMap does not hold the dashboard, or not the sidecar's label")
	}
}
