//go:build e2e && prometheus

package installed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// scraper names the ServiceAccount with whose token Prometheus scrapes, and its ClusterRole and binding.
const scraper = "aws-auth-guard-e2e-prometheus"

// prometheus is a real one, which scrapes the guard's pods and evaluates the chart's alerts, both every second.
type prometheus struct{ address string }

// startPrometheus starts one with what the chart renders for it, and ends it with the test.
func startPrometheus(t *testing.T, set ...string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	writeYAML(t, filepath.Join(dir, "alerts.yaml"), shortened(t, set))
	writeYAML(t, filepath.Join(dir, "prometheus.yaml"), map[string]any{
		"global":         map[string]any{"scrape_interval": "1s", "evaluation_interval": "1s"},
		"rule_files":     []string{"alerts.yaml"},
		"scrape_configs": []any{scrapeConfig(t, set)},
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yaml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // Wait says if it was gone
		if err := errors.Join(cmd.Wait(), log.Close()); err != nil || t.Failed() {
			text, _ := os.ReadFile(log.Name()) // as much as there is
			t.Logf("Prometheus: %v\n%s", err, text)
		}
	})
	return &prometheus{address}
}

// render is one template of the chart with the tests' values and those of set.
func render(t *testing.T, name string, set []string, into any) {
	t.Helper()
	args := []string{"template", release, *chart, "-n", namespace, "-f", values, "--show-only", "templates/" + name}
	for _, s := range set {
		args = append(args, "--set", s)
	}
	got := run(t, "", "helm", args...)
	if got.code != 0 {
		t.Fatalf("helm template: exit code %d:\n%s", got.code, got.text)
	}
	if err := yaml.Unmarshal([]byte(got.text), into); err != nil {
		t.Fatal(err)
	}
}

// shortened are the chart's alerts, each of which fires after a second. How long each waits is promtool's to test.
func shortened(t *testing.T, set []string) any {
	t.Helper()
	var rule struct {
		Spec struct {
			Groups []struct {
				Name  string           `json:"name"`
				Rules []map[string]any `json:"rules"`
			} `json:"groups"`
		} `json:"spec"`
	}
	render(t, "prometheusrule.yaml", set, &rule)
	for _, group := range rule.Spec.Groups {
		for _, r := range group.Rules {
			r["for"] = "1s"
		}
	}
	return rule.Spec
}

// scrapeConfig is what the Prometheus operator makes of the chart's ServiceMonitor: the pods behind its Services, with
// their labels.
func scrapeConfig(t *testing.T, set []string) any {
	t.Helper()
	var monitor struct {
		Spec struct {
			JobLabel string `json:"jobLabel"`
			Selector struct {
				MatchLabels map[string]string `json:"matchLabels"`
			} `json:"selector"`
			NamespaceSelector struct {
				MatchNames []string `json:"matchNames"`
			} `json:"namespaceSelector"`
			Endpoints []struct {
				Port, Path, Scheme string
				TLSConfig          struct {
					ServerName string `json:"serverName"`
				} `json:"tlsConfig"`
			} `json:"endpoints"`
		} `json:"spec"`
	}
	render(t, "servicemonitor.yaml", set, &monitor)
	endpoint := monitor.Spec.Endpoints[0]
	label := func(name string) string {
		return "__meta_kubernetes_service_label_" + strings.NewReplacer(".", "_", "/", "_", "-", "_").Replace(name)
	}
	keep := func(source, regex string) any {
		return map[string]any{"source_labels": []string{source}, "regex": regex, "action": "keep"}
	}
	copied := func(source, target string) any {
		return map[string]any{"source_labels": []string{source}, "target_label": target}
	}
	relabel := []any{
		keep("__meta_kubernetes_endpointslice_port_name", endpoint.Port),
		copied("__meta_kubernetes_namespace", "namespace"),
		copied("__meta_kubernetes_service_name", "service"),
		copied("__meta_kubernetes_pod_name", "pod"),
		copied(label(monitor.Spec.JobLabel), "job"),
	}
	for _, name := range slices.Sorted(maps.Keys(monitor.Spec.Selector.MatchLabels)) {
		relabel = append(relabel, keep(label(name), monitor.Spec.Selector.MatchLabels[name]))
	}
	return map[string]any{
		"job_name": "serviceMonitor", "metrics_path": endpoint.Path, "scheme": endpoint.Scheme,
		"tls_config":    map[string]any{"insecure_skip_verify": true, "server_name": endpoint.TLSConfig.ServerName},
		"authorization": map[string]any{"credentials": scrapersToken(t)},
		"kubernetes_sd_configs": []any{map[string]any{
			"role": "endpointslice", "kubeconfig_file": os.Getenv("KUBECONFIG"),
			"namespaces": map[string]any{"names": monitor.Spec.NamespaceSelector.MatchNames}}},
		"relabel_configs": relabel,
	}
}

// scrapersToken is one of a ServiceAccount with the rights that docs/operations.md gives to Prometheus.
func scrapersToken(t *testing.T) string {
	t.Helper()
	ctx, meta := t.Context(), metav1.ObjectMeta{Name: scraper}
	accounts := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault)
	_, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{ObjectMeta: meta,
		Rules: []rbacv1.PolicyRule{{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}}}
	_, err = client.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	subject := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: metav1.NamespaceDefault, Name: scraper}
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: []rbacv1.Subject{subject},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: scraper}}
	_, err = client.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	token, err := accounts.CreateToken(ctx, scraper, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return token.Status.Token
}

func writeYAML(t *testing.T, file string, content any) {
	t.Helper()
	text, err := yaml.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// get asks Prometheus' API.
func (p *prometheus) get(path string, query url.Values, data any) error {
	resp, err := http.Get("http://" + p.address + path + "?" + query.Encode())
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status != "success" {
		return fmt.Errorf("%s: %s %s: %w", path, resp.Status, body, err)
	}
	return nil
}

// firing are the alerts that fire.
func (p *prometheus) firing() (map[string]bool, error) {
	var data struct {
		Alerts []struct {
			Labels, Annotations map[string]string
			State               string
		}
	}
	if err := p.get("/api/v1/alerts", nil, &data); err != nil {
		return nil, err
	}
	firing := map[string]bool{}
	for _, a := range data.Alerts {
		for _, text := range a.Annotations {
			if strings.Contains(text, "<error") || strings.Contains(text, "<no value>") {
				return nil, fmt.Errorf("%s says %q", a.Labels["alertname"], text)
			}
		}
		if a.State == "firing" {
			firing[a.Labels["alertname"]] = true
		}
	}
	return firing, nil
}

// fires is nil if an alert fires.
func (p *prometheus) fires(alert string) error {
	firing, err := p.firing()
	if err == nil && !firing[alert] {
		err = fmt.Errorf("%s does not fire, but %v", alert, slices.Sorted(maps.Keys(firing)))
	}
	return err
}

// clear is nil if no alert fires but those that may.
func (p *prometheus) clear(but ...string) error {
	firing, err := p.firing()
	for _, alert := range but {
		delete(firing, alert)
	}
	if err == nil && len(firing) > 0 {
		err = fmt.Errorf("%v", slices.Sorted(maps.Keys(firing)))
	}
	return err
}

// numbers are the values of an instant query.
func (p *prometheus) numbers(expr string) (values []float64, err error) {
	var data struct{ Result []struct{ Value [2]any } }
	if err := p.get("/api/v1/query", url.Values{"query": {expr}}, &data); err != nil {
		return nil, err
	}
	for _, r := range data.Result {
		text, _ := r.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// answers is nil if a query has data, with a number in it.
func (p *prometheus) answers(expr string) error {
	values, err := p.numbers(expr)
	if err == nil && !slices.ContainsFunc(values, func(v float64) bool { return !math.IsNaN(v) }) {
		err = fmt.Errorf("%s: %v", expr, values)
	}
	return err
}
