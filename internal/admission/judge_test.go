package admission_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/principal"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

const (
	nodes = `- rolearn: arn:aws:iam::111122223333:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
`
	withPath = `- rolearn: arn:aws:iam::111122223333:role/team/ci
  username: ci
  groups: [deployers]
`
	noGroups = `- rolearn: arn:aws:iam::111122223333:role/ci
  username: ci
`
)

func init() { log.SetLogger(logr.Discard()) } // controller-runtime complains of having none

// object is a ConfigMap as the API server sends it.
func object(namespace, name, mapRoles string) runtime.RawExtension {
	cm := corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: map[string]string{"mapRoles": mapRoles}}
	raw, err := json.Marshal(cm)
	if err != nil {
		panic(err)
	}
	return runtime.RawExtension{Raw: raw}
}

func awsAuth(mapRoles string) runtime.RawExtension {
	return object("kube-system", "aws-auth", mapRoles)
}

func request(op admissionv1.Operation, old, updated runtime.RawExtension) admissionv1.AdmissionRequest {
	return admissionv1.AdmissionRequest{UID: "1", Operation: op, Namespace: "kube-system", Name: "aws-auth",
		Resource: metav1.GroupVersionResource{Version: "v1", Resource: "configmaps"}, OldObject: old, Object: updated,
		UserInfo: authenticationv1.UserInfo{Username: "alice", Groups: []string{"system:authenticated"}}}
}

func handler(t testing.TB, policyText string, options ...validate.Option) *admission.Handler {
	t.Helper()
	p, err := policy.Parse([]byte("apiVersion: aws-auth-guard.io/v1alpha1\nkind: Policy\n" + policyText))
	if err != nil {
		t.Fatal(err)
	}
	v, err := validate.New(p, options...)
	if err != nil {
		t.Fatal(err)
	}
	return &admission.Handler{Validator: func() *validate.Validator { return v }, Log: logr.Discard()}
}

func answer(t *testing.T, h *admission.Handler, req admissionv1.AdmissionRequest) ctrladmission.Response {
	t.Helper()
	resp := h.Handle(t.Context(), ctrladmission.Request{AdmissionRequest: req})
	for _, w := range resp.Warnings {
		checkWarning(t, w)
	}
	return resp
}

// checkWarning: the API server drops a warning with control characters without a word, and cuts long ones.
func checkWarning(t *testing.T, w string) {
	t.Helper()
	if n := utf8.RuneCountInString(w); n == 0 || n >= 250 {
		t.Errorf("a warning of %d characters: %q", n, w)
	}
	if !utf8.ValidString(w) {
		t.Errorf("a warning that is no UTF-8: %q", w)
	}
	for _, r := range w {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			t.Errorf("a warning with %U in it: %q", r, w)
		}
	}
}

func TestWhichRequestsAreGuarded(t *testing.T) {
	none := runtime.RawExtension{}
	other := object("kube-system", "other", "")
	change := func(op admissionv1.Operation, old, updated runtime.RawExtension, f func(*admissionv1.AdmissionRequest)) admissionv1.AdmissionRequest {
		r := request(op, old, updated)
		f(&r)
		return r
	}
	unnamed := func(r *admissionv1.AdmissionRequest) { r.Name = "" }
	for name, test := range map[string]struct {
		req  admissionv1.AdmissionRequest
		code int32  // 200: allowed, 422: denied by a rule, 400: not understood
		says string // in the message
	}{
		"update":                            {request("UPDATE", awsAuth(nodes), awsAuth(nodes+withPath)), 422, "AA203"},
		"good update":                       {request("UPDATE", awsAuth(nodes), awsAuth("# nodes\n"+nodes)), 200, ""},
		"create":                            {request("CREATE", none, awsAuth(withPath)), 422, "AA203"},
		"create with generateName":          {change("CREATE", none, awsAuth(withPath), unnamed), 422, "AA203"},
		"delete":                            {request("DELETE", awsAuth(nodes), none), 422, "AA501"},
		"deletecollection":                  {change("DELETE", awsAuth(nodes), none, unnamed), 422, "AA501"},
		"deletecollection, another object":  {change("DELETE", other, none, unnamed), 200, ""},
		"delete without an old object":      {request("DELETE", none, none), 422, "AA501"},
		"delete of nothing at all":          {change("DELETE", none, none, unnamed), 200, ""},
		"delete, the old object is null":    {request("DELETE", runtime.RawExtension{Raw: []byte("null")}, none), 422, "AA501"},
		"another name":                      {change("UPDATE", other, object("kube-system", "other", withPath), func(r *admissionv1.AdmissionRequest) { r.Name = "other" }), 200, ""},
		"a name that begins alike":          {change("CREATE", none, object("kube-system", "aws-auth-2", withPath), func(r *admissionv1.AdmissionRequest) { r.Name = "aws-auth-2" }), 200, ""},
		"another namespace":                 {change("CREATE", none, object("default", "aws-auth", withPath), func(r *admissionv1.AdmissionRequest) { r.Namespace = "default" }), 200, ""},
		"another resource":                  {change("CREATE", none, awsAuth(withPath), func(r *admissionv1.AdmissionRequest) { r.Resource.Resource = "secrets" }), 200, ""},
		"another group's configmaps":        {change("CREATE", none, awsAuth(withPath), func(r *admissionv1.AdmissionRequest) { r.Resource.Group = "example.com" }), 200, ""},
		"a subresource":                     {change("UPDATE", awsAuth(nodes), awsAuth(withPath), func(r *admissionv1.AdmissionRequest) { r.SubResource = "status" }), 200, ""},
		"connect":                           {request("CONNECT", none, awsAuth(withPath)), 200, ""},
		"two names":                         {request("UPDATE", awsAuth(nodes), awsAuth(nodes)), 200, ""},
		"the object says another name":      {request("CREATE", none, other), 400, `"kube-system/other"`},
		"the object says another namespace": {request("CREATE", none, object("default", "aws-auth", nodes)), 400, `"default/aws-auth"`},
		"the object says no namespace":      {request("CREATE", none, object("", "aws-auth", withPath)), 422, "AA203"},
		"update without an object":          {request("UPDATE", awsAuth(nodes), none), 400, "UPDATE without an object"},
		"update without an old object":      {request("UPDATE", none, awsAuth(nodes)), 400, "UPDATE without an oldObject"},
		"create without an object":          {request("CREATE", none, none), 400, "CREATE without an object"},
		"another kind":                      {request("CREATE", none, runtime.RawExtension{Raw: []byte(`{"kind":"Secret","metadata":{"name":"aws-auth"}}`)}), 400, `kind "Secret", want ConfigMap`},
		"no JSON":                           {request("CREATE", none, runtime.RawExtension{Raw: []byte("{")}), 400, "object: not a ConfigMap"},
		"old object is no JSON":             {request("DELETE", runtime.RawExtension{Raw: []byte("{")}, none), 400, "oldObject: not a ConfigMap"},
		"data of the wrong type":            {request("CREATE", none, runtime.RawExtension{Raw: []byte(`{"metadata":{"name":"aws-auth"},"data":{"mapRoles":[]}}`)}), 400, "object: not a ConfigMap"},
		"no data":                           {request("CREATE", none, runtime.RawExtension{Raw: []byte(`{"metadata":{"name":"aws-auth"}}`)}), 422, "AA502"},
		"nothing":                           {admissionv1.AdmissionRequest{}, 400, "not an AdmissionReview"},
	} {
		t.Run(name, func(t *testing.T) {
			resp := answer(t, handler(t, ""), test.req)
			if resp.Allowed != (test.code == 200) || resp.Result == nil || resp.Result.Code != test.code || !strings.Contains(resp.Result.Message, test.says) {
				t.Errorf("got allowed %v, %+v; want code %d that says %q", resp.Allowed, resp.Result, test.code, test.says)
			}
		})
	}
}

func TestDenial(t *testing.T) {
	resp := answer(t, handler(t, ""), request("UPDATE", awsAuth(nodes), awsAuth(nodes+withPath+strings.Replace(noGroups, "role/ci", "role/cd", 1)+"  groups: [system:masters]\n")))
	want := &metav1.Status{Status: "Failure", Code: 422, Reason: "Invalid", Details: &metav1.StatusDetails{Name: "aws-auth", Kind: "ConfigMap", Causes: []metav1.StatusCause{
		{Type: "FieldValueInvalid", Field: "data.mapRoles[1].rolearn", Message: strings.Join([]string{
			`AA203 role-arn-path:`,
			`    arn:aws:iam::111122223333:role/team/ci has a path`,
			`    fix: write arn:aws:iam::111122223333:role/ci`,
			`    why: EKS drops the path before it compares, so this entry matches nobody`}, "\n")},
		{Type: "FieldValueInvalid", Field: "data.mapRoles[2].groups[0]", Message: strings.Join([]string{
			`AA401 unapproved-grant:`,
			`    group "system:masters" gives arn:aws:iam::111122223333:role/cd full`,
			`    control of the cluster`,
			`    fix: remove system:masters, or get an approval: ask a cluster admin;`,
			`         approvals are in the Helm value policy.privileged.approvals`,
			`    why: system:masters bypasses RBAC: everyone who has it can do everything`,
			`         in the cluster, and the policy does not approve it`}, "\n")},
	}}}
	want.Message = fmt.Sprintf("ConfigMap %q is invalid:\n* %s: %s\n* %s: %s", "aws-auth", want.Details.Causes[0].Field, want.Details.Causes[0].Message, want.Details.Causes[1].Field, want.Details.Causes[1].Message)
	if diff := cmp.Diff(want, resp.Result); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestDecisions: what the audit log, the metrics and the caller get.
func TestDecisions(t *testing.T) {
	bad := request("UPDATE", awsAuth(nodes), awsAuth(nodes+withPath+noGroups))
	by := func(r admissionv1.AdmissionRequest, username string, groups ...string) admissionv1.AdmissionRequest {
		r.UserInfo = authenticationv1.UserInfo{Username: username, Groups: groups}
		return r
	}
	for name, test := range map[string]struct {
		policy   string
		req      admissionv1.AdmissionRequest
		allowed  bool
		want     map[string]string
		warnings []string // how each begins
	}{
		"allow":       {"", request("UPDATE", awsAuth(nodes), awsAuth("#\n"+nodes)), true, map[string]string{"decision": "allow"}, nil},
		"warn":        {"", request("UPDATE", awsAuth(nodes), awsAuth(nodes+noGroups)), true, map[string]string{"decision": "warn", "rules": "AA106"}, []string{"data.mapRoles[1].groups: AA106"}},
		"deny":        {"", bad, false, map[string]string{"decision": "deny", "rules": "AA203,AA106"}, []string{"data.mapRoles[2].groups: AA106"}},
		"a rule once": {"", request("CREATE", runtime.RawExtension{}, awsAuth(nodes+withPath+strings.Replace(withPath, "/ci", "/cd", 1))), false, map[string]string{"decision": "deny", "rules": "AA203,AA408"}, []string{"data.mapRoles[0].username: AA408"}},
		"exempt":      {"", by(bad, "eks:node-manager"), true, map[string]string{"decision": "allow-exempt", "rules": "AA203,AA106"}, []string{"aws-auth-guard: allowed, because the policy exempts you", "data.mapRoles[1].rolearn: AA203", "data.mapRoles[2].groups: AA106"}},
		"break-glass": {"breakGlass: {groups: [glass]}", by(bad, "alice", "glass"), true, map[string]string{"decision": "allow-break-glass", "rules": "AA203,AA106"}, []string{"aws-auth-guard: allowed, because you are in a break-glass group", "data.mapRoles[1].rolearn: AA203", "data.mapRoles[2].groups: AA106"}},
		"audit":       {"mode: audit", bad, true, map[string]string{"decision": "allow-audit", "rules": "AA203,AA106"}, []string{"aws-auth-guard: allowed, because the policy's mode is audit", "data.mapRoles[1].rolearn: AA203", "data.mapRoles[2].groups: AA106"}},
		"exempt, but nothing wrong": {"", by(request("UPDATE", awsAuth(nodes), awsAuth("#\n"+nodes)), "eks:node-manager"), true,
			map[string]string{"decision": "allow"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := handler(t, test.policy)
			registry := prometheus.NewPedanticRegistry()
			h.Metrics = admission.NewMetrics(registry)
			for _, dryRun := range []bool{false, true} { // answered alike
				test.req.DryRun = &dryRun
				resp := answer(t, h, test.req)
				if resp.Allowed != test.allowed {
					t.Errorf("allowed is %v", resp.Allowed)
				}
				if diff := cmp.Diff(test.want, resp.AuditAnnotations); diff != "" {
					t.Errorf("audit annotations, -want +got:\n%s", diff)
				}
				if len(resp.Warnings) != len(test.warnings) {
					t.Fatalf("warnings %q, want %q", resp.Warnings, test.warnings)
				}
				for i, w := range test.warnings {
					if !strings.HasPrefix(resp.Warnings[i], w) {
						t.Errorf("warning %d is %q, want %q", i, resp.Warnings[i], w)
					}
				}
			}
			if got, want := decisions(t, registry), map[string]float64{test.want["decision"] + " " + string(test.req.Operation): 2}; !maps.Equal(got, want) {
				t.Errorf("counted %v, want %v", got, want)
			}
		})
	}
}

// TestDecisionsBeginAtZero: Prometheus sees an increase between two samples alone, so the first edit by a break-glass group has
// to find a sample.
func TestDecisionsBeginAtZero(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	admission.NewMetrics(registry)
	counts, err := testutil.GatherAndCount(registry, "aws_auth_guard_decisions_total")
	if err != nil || counts != 3*6 {
		t.Errorf("%d series, %v; want one for each of 3 operations and 6 decisions", counts, err)
	}
	for _, operation := range []string{"CREATE", "UPDATE", "DELETE"} {
		if n, ok := samples(t, registry)["allow-break-glass "+operation]; !ok || n != 0 {
			t.Errorf("%s by a break-glass group: %v, %v; want a sample of 0", operation, n, ok)
		}
	}
}

// decisions are the counts above zero by decision and operation.
func decisions(t *testing.T, from prometheus.Gatherer) map[string]float64 {
	t.Helper()
	counts := samples(t, from)
	maps.DeleteFunc(counts, func(_ string, n float64) bool { return n == 0 })
	return counts
}

// samples are the counts of the decisions by decision and operation.
func samples(t *testing.T, from prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "aws_auth_guard_decisions_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			var values []string
			for _, l := range m.GetLabel() { // sorted by name
				values = append(values, l.GetValue())
			}
			counts[strings.Join(values, " ")] = m.GetCounter().GetValue()
		}
	}
	return counts
}

// hostile are texts that somebody puts where messages repeat them.
var hostile = map[string]string{
	"control characters":    "\x01\x02\x1b[31m\x7f",
	"line ends":             "a\nb\r\nc\u2028d\u2029e\u0085f",
	"tabs":                  "a\tb",
	"invisible":             "a\u200b\u202e\u2066\ufeffb",
	"long":                  strings.Repeat("x", 20_000),
	"long and wide":         strings.Repeat("東🚀", 5_000),
	"long with line ends":   strings.Repeat("x\n", 5_000),
	"long escapes":          strings.Repeat("\u200b", 1_000),
	"quotes":                strings.Repeat(`"'`, 300),
	"a percent for Sprintf": "%s%d%!",
	"braces":                "{{" + strings.Repeat("x\t", 200) + "}}",
}

func TestWarningsSurvive(t *testing.T) {
	if testing.Short() {
		t.Skip("one review at a time, there is nothing here for the race detector")
	}
	for name, text := range hostile {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		for place, mapRoles := range map[string]string{
			"username":  "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: %s\n  groups: []\n",
			"group":     "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [%s]\n",
			"ARN":       "- rolearn: %s\n  username: ci\n  groups: []\n",
			"in an ARN": "- rolearn: arn:aws:iam::111122223333:role/%s\n  username: ci\n  groups: []\n",
			"key":       "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: []\n  %s: x\n",
			"item":      "- %s\n",
			"value":     "%s",
		} {
			t.Run(name+" as "+place, func(t *testing.T) {
				values := map[string]string{"mapRoles": nodes + strings.Replace(mapRoles, "%s", string(quoted), 1)}
				values["mapUsers"] = strings.Replace(mapRoles, "%s", text, 1) // without quotes
				values[text] = text                                           // the API server refuses such a key, and we need not know
				raw, err := json.Marshal(corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "aws-auth"}, Data: values})
				if err != nil {
					t.Fatal(err)
				}
				// Audit mode makes every error a warning.
				resp := answer(t, handler(t, "mode: audit"), request("UPDATE", awsAuth(nodes), runtime.RawExtension{Raw: raw}))
				if !resp.Allowed || len(resp.Warnings) == 0 {
					t.Errorf("allowed %v with %d warnings", resp.Allowed, len(resp.Warnings))
				}
				denied := answer(t, handler(t, ""), request("UPDATE", awsAuth(nodes), runtime.RawExtension{Raw: raw}))
				if denied.Allowed {
					t.Skip("nothing to refuse")
				}
				for _, c := range denied.Result.Details.Causes {
					if n := utf8.RuneCountInString(c.Message); n > 2400 || !utf8.ValidString(c.Message) {
						t.Errorf("a cause of %d characters: %q", n, c.Message)
					}
					checkLayout(t, c)
				}
			})
		}
	}
}

// TestManyFindings: nobody reads a thousand, so the first are listed and the others counted.
func TestManyFindings(t *testing.T) {
	if testing.Short() {
		t.Skip("one review at a time, there is nothing here for the race detector")
	}
	many := func(n int, item string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, item, i)
		}
		return nodes + b.String()
	}
	const path = "- {rolearn: 'arn:aws:iam::111122223333:role/p/r%d', username: ci, groups: []}\n"
	const groupless = "- {rolearn: 'arn:aws:iam::111122223333:role/r%d', username: ci}\n"
	for name, test := range map[string]struct {
		mapRoles         string
		allowed          bool
		causes, warnings int
		lastCause        string
		lastWarning      string
	}{
		// Of 5,000 entries there is one more: that the object is large.
		"20 errors":                {many(20, path), false, 20, 0, "AA203", ""},
		"21 errors":                {many(21, path), false, 21, 0, "1 more findings", ""},
		"500 errors":               {many(500, path), false, 21, 0, "480 more findings", ""},
		"5000 errors":              {many(5000, path), false, 21, 0, "4981 more findings", ""},
		"15 warnings":              {many(15, groupless), true, 0, 15, "", "AA106"},
		"16 warnings":              {many(16, groupless), true, 0, 15, "", "2 more findings"},
		"5000 warnings":            {many(5000, groupless), true, 0, 15, "", "4987 more findings"},
		"both":                     {many(30, path) + strings.TrimPrefix(many(30, groupless), nodes), false, 21, 15, "10 more findings", "16 more findings"},
		"5000 errors, one warning": {many(5000, path) + noGroups, false, 21, 0, "4982 more findings", ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp := answer(t, handler(t, ""), request("UPDATE", awsAuth(nodes), awsAuth(test.mapRoles)))
			var causes []metav1.StatusCause
			if !resp.Allowed {
				causes = resp.Result.Details.Causes
			}
			if resp.Allowed != test.allowed || len(causes) != test.causes || len(resp.Warnings) != test.warnings {
				t.Fatalf("allowed %v, %d causes, %d warnings; want %v, %d, %d", resp.Allowed, len(causes), len(resp.Warnings), test.allowed, test.causes, test.warnings)
			}
			if len(causes) > 0 && !strings.Contains(causes[len(causes)-1].Message, test.lastCause) {
				t.Errorf("the last cause is %q, want %q", causes[len(causes)-1].Message, test.lastCause)
			}
			total := 0
			for _, w := range resp.Warnings {
				total += utf8.RuneCountInString(w)
			}
			if total > 4096 {
				t.Errorf("warnings of %d characters in all: the API server cuts them", total)
			}
			if len(resp.Warnings) > 0 && !strings.Contains(resp.Warnings[len(resp.Warnings)-1], test.lastWarning) {
				t.Errorf("the last warning is %q, want %q", resp.Warnings[len(resp.Warnings)-1], test.lastWarning)
			}
		})
	}
}

// waiting is a port to IAM that notes until when it may take, and for whom it is asked.
type waiting struct {
	deadline time.Duration
	asker    principal.Asker
}

func (w *waiting) Lookup(ctx context.Context, asker principal.Asker, arns []awsauth.ARN) []principal.Principal {
	w.asker = asker
	if d, ok := ctx.Deadline(); ok {
		w.deadline = time.Until(d)
	}
	return make([]principal.Principal, len(arns))
}

func (*waiting) Self() (principal.Self, bool) { return principal.Self{}, false }

// TestAsker: IAM is asked in the name of the user who makes the edit, so that the guard's pace is shared between users, and dry runs
// are known as such.
func TestAsker(t *testing.T) {
	for name, dryRun := range map[string]*bool{"nothing said": nil, "an edit": new(false), "a dry run": new(true)} {
		t.Run(name, func(t *testing.T) {
			port := &waiting{}
			req := request("CREATE", runtime.RawExtension{}, awsAuth(nodes))
			req.UserInfo.Username, req.DryRun = "system:serviceaccount:ci:deployer", dryRun
			handler(t, "", validate.WithPorts(validate.Ports{Principals: port})).Handle(t.Context(), ctrladmission.Request{AdmissionRequest: req})
			if want := (principal.Asker{Username: "system:serviceaccount:ci:deployer", DryRun: dryRun != nil && *dryRun}); port.asker != want {
				t.Errorf("asked for %+v, want %+v", port.asker, want)
			}
		})
	}
}

// TestTimeBudget: the ports get what the API server allows, less the time for the answer to travel.
func TestTimeBudget(t *testing.T) {
	for query, most := range map[string]time.Duration{
		"?timeout=10s": 9500 * time.Millisecond, "?timeout=1s": 750 * time.Millisecond, "?timeout=30s": 9500 * time.Millisecond,
		"": 9500 * time.Millisecond, "?timeout=x": 9500 * time.Millisecond, "?timeout=-1s": 9500 * time.Millisecond,
	} {
		t.Run(query, func(t *testing.T) {
			port := &waiting{}
			server := httptest.NewServer(admission.Webhook(handler(t, "", validate.WithPorts(validate.Ports{Principals: port}))))
			defer server.Close()
			req := request("CREATE", runtime.RawExtension{}, awsAuth(nodes))
			body, err := json.Marshal(admissionv1.AdmissionReview{TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: &req})
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.Post(server.URL+query, "application/json", strings.NewReader(string(body)))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close() //nolint:errcheck // read only
			if port.deadline <= 0 || port.deadline > most {
				t.Errorf("IAM has %v, want no more than %v", port.deadline, most)
			}
		})
	}
}
