package admission_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// bothAnswers sends a body to the guard, and to its handler behind controller-runtime alone.
func bothAnswers(t testing.TB) func(contentType, body string) (ours, theirs string) {
	t.Helper()
	v, err := validate.New(policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	h := &admission.Handler{Validator: func() *validate.Validator { return v }, Log: logr.Discard()}
	answer := func(server http.Handler, contentType, body string) string {
		r := httptest.NewRequest(http.MethodPost, admission.Path+"?timeout=10s", strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		if body == "" {
			r.Body = http.NoBody // as the server of net/http has it
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		return w.Body.String()
	}
	recovers := true
	return func(contentType, body string) (ours, theirs string) {
		return answer(admission.Webhook(h), contentType, body), answer(&ctrladmission.Webhook{Handler: h, RecoverPanic: &recovers}, contentType, body)
	}
}

func marshalled(t testing.TB, r admissionv1.AdmissionRequest) string {
	t.Helper()
	out, err := json.Marshal(admissionv1.AdmissionReview{TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: &r})
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func bodies(t testing.TB) map[string]string {
	t.Helper()
	none := admissionv1.AdmissionRequest{}.Object
	update := marshalled(t, request(admissionv1.Update, awsAuth(nodes), awsAuth(nodes+withPath)))
	return map[string]string{
		"update, denied":        update,
		"update, allowed":       marshalled(t, request(admissionv1.Update, awsAuth(nodes), awsAuth(nodes+noGroups))),
		"create":                marshalled(t, request(admissionv1.Create, none, awsAuth(nodes))),
		"delete":                marshalled(t, request(admissionv1.Delete, awsAuth(nodes), none)),
		"connect":               marshalled(t, request(admissionv1.Connect, none, none)),
		"another namespace":     marshalled(t, request(admissionv1.Update, object("default", "aws-auth", nodes), object("default", "aws-auth", "x"))),
		"another name inside":   marshalled(t, request(admissionv1.Update, awsAuth(nodes), object("kube-system", "other", nodes))),
		"old is null":           strings.Replace(update, `"oldObject":{`, `"oldObject":null,"x":{`, 1),
		"no old":                strings.Replace(update, `"oldObject":{`, `"x":{`, 1),
		"a Secret":              strings.ReplaceAll(update, `"kind":"ConfigMap"`, `"kind":"Secret"`),
		"kindless":              strings.ReplaceAll(update, `"kind":"ConfigMap",`, ``),
		"data of another type":  strings.Replace(update, `"data":{`, `"data":{"n":1,`, 1),
		"data twice":            strings.Replace(update, `"data":{`, `"data":{"mapRoles":"x",`, 1),
		"immutable":             strings.Replace(update, `"data":{`, `"immutable":true,"data":{`, 1),
		"binary data":           strings.Replace(update, `"data":{`, `"binaryData":{"mapUsers":"eA=="},"data":{`, 1),
		"binary data, not so":   strings.Replace(update, `"data":{`, `"binaryData":{"mapUsers":"?"},"data":{`, 1),
		"another letter case":   strings.Replace(update, `"data":{`, `"Data":{`, 1),
		"managed fields":        strings.Replace(update, `"metadata":{`, `"metadata":{"managedFields":[{"manager":"kubectl-edit","fieldsV1":{"f:data":{}}}],`, 1),
		"escapes":               strings.ReplaceAll(update, "system:nodes", `\u0073ystem:nodes`),
		"half a surrogate":      strings.ReplaceAll(update, "system:nodes", `\ud800`),
		"invalid UTF-8":         strings.ReplaceAll(update, "system:nodes", "\xff"),
		"v1beta1":               strings.Replace(update, "admission.k8s.io/v1", "admission.k8s.io/v1beta1", 1),
		"another kind":          strings.Replace(update, "AdmissionReview", "TokenReview", 1),
		"no kind":               strings.Replace(update, `"kind":"AdmissionReview",`, "", 1),
		"no request":            `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`,
		"null request":          `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":null}`,
		"an answer":             `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"1","allowed":true}}`,
		"a request twice":       strings.Replace(update, `"request":`, `"request":{"uid":"first","dryRun":true},"request":`, 1),
		"null, then a request":  strings.Replace(update, `"request":`, `"request":null,"request":`, 1),
		"nested deeply":         strings.Replace(update, `"operation":`, `"x":`+strings.Repeat("[", 3000)+strings.Repeat("]", 3000)+`,"operation":`, 1),
		"nested, and cut off":   `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":` + strings.Repeat(`{"object":`, 700),
		"more after it":         update + update,
		"cut off":               update[:len(update)/2],
		"nothing":               "",
		"no JSON":               "hello",
		"a list":                "[]",
		"YAML":                  "apiVersion: admission.k8s.io/v1\nkind: AdmissionReview\n",
		"a request that is one": `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":7}`,
	}
}

// The short way through a review leads to the same answer as controller-runtime's.
func TestSameAsControllerRuntime(t *testing.T) {
	answers := bothAnswers(t)
	for name, body := range bodies(t) {
		t.Run(name, func(t *testing.T) {
			for _, contentType := range []string{"application/json", "text/plain"} {
				ours, theirs := answers(contentType, body)
				if diff := cmp.Diff(theirs, ours); diff != "" {
					t.Errorf("%s (-theirs +ours):\n%s", contentType, diff)
				}
			}
		})
	}
}

// FuzzReview is the same for whatever comes over the wire; nothing of it makes the guard panic.
func FuzzReview(f *testing.F) {
	for _, body := range bodies(f) {
		f.Add(body)
	}
	answers := bothAnswers(f)
	f.Fuzz(func(t *testing.T, body string) {
		ours, theirs := answers("application/json", body)
		if strings.Contains(ours, "panic") {
			t.Error(ours)
		}
		if len(body) > 8<<10 || strings.Contains(body, "*") {
			return // it may cost too much to have controller-runtime read it (TestAmplification)
		}
		if diff := cmp.Diff(theirs, ours); diff != "" {
			t.Errorf("(-theirs +ours):\n%s", diff)
		}
	})
}
