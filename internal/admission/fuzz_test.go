package admission_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/test/memory"
)

// FuzzAnyBody sends any bytes to the webhook. Whatever they are, it answers with an AdmissionReview that the API server
// takes, allows no request that it cannot read, does not panic, and bounds what it allocates.
func FuzzAnyBody(f *testing.F) {
	none := runtime.RawExtension{}
	review := func(op admissionv1.Operation, old, updated runtime.RawExtension) []byte {
		r := request(op, old, updated)
		body, err := json.Marshal(admissionv1.AdmissionReview{
			TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: &r})
		if err != nil {
			f.Fatal(err)
		}
		return body
	}
	sound := review(admissionv1.Update, awsAuth(nodes), awsAuth(nodes+noGroups))
	for _, body := range [][]byte{
		sound,
		review(admissionv1.Create, none, awsAuth(nodes+withPath)),
		review(admissionv1.Delete, awsAuth(nodes), none),
		review(admissionv1.Update, awsAuth(nodes), object("kube-system", "other", "")),
		bytes.Replace(sound, []byte("admission.k8s.io/v1"), []byte("admission.k8s.io/v1beta1"), 1),
		bytes.Replace(sound, []byte(`"mapRoles":"`), []byte(`"mapRoles":["`), 1), // the | is missing
		sound[:len(sound)/2],
		[]byte("{}"), []byte("null"), []byte("[]"), []byte(`{"request":{}}`), []byte(`{"request":null}`), {}, {0xff},
	} {
		f.Add(body)
	}
	webhook := admission.Webhook(handler(f, ""))
	f.Fuzz(func(t *testing.T, body []byte) {
		req := httptest.NewRequest(http.MethodPost, "/validate-aws-auth?timeout=10s", bytes.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		allocated := memory.Allocated(func() { webhook.ServeHTTP(answer, req) })
		if most := uint64(256<<20 + 16<<10*len(body)); allocated > most {
			t.Errorf("%d bytes allocated for a body of %d", allocated, len(body))
		}
		var review admissionv1.AdmissionReview
		if err := json.Unmarshal(answer.Body.Bytes(), &review); err != nil || review.Response == nil {
			t.Fatalf("the answer to %q is no AdmissionReview: %q (%v)", body, answer.Body, err)
		}
		r := review.Response
		if r.Result != nil && (r.Result.Code == http.StatusInternalServerError || strings.Contains(r.Result.Message, "panic")) {
			t.Errorf("the answer to %q: %d %s", body, r.Result.Code, r.Result.Message)
		}
		var asked admissionv1.AdmissionReview
		if err := json.Unmarshal(body, &asked); r.Allowed && (err != nil || asked.Request == nil) {
			t.Errorf("%q is allowed", body)
		}
		for _, w := range r.Warnings {
			checkWarning(t, w)
		}
	})
}
