package admission_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// BenchmarkReview answers whole reviews, without the network: "decode" is encoding/json alone, on the same bytes.
func BenchmarkReview(b *testing.B) {
	for name, size := range map[string]int{"100 roles": 100, "1 MiB": 9000} {
		var text strings.Builder
		text.WriteString(nodes)
		for i := range size {
			fmt.Fprintf(&text, "- rolearn: arn:aws:iam::111122223333:role/team-%d\n  username: team-%d\n  groups:\n  - viewers\n  - team-%d\n", i, i, i)
		}
		body := func(old, updated string) []byte {
			r := request(admissionv1.Update, awsAuth(old), awsAuth(updated))
			out, err := json.Marshal(admissionv1.AdmissionReview{TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: &r})
			if err != nil {
				b.Fatal(err)
			}
			return out
		}
		unchanged := body(text.String(), text.String())
		b.Run(name+"/decode", func(b *testing.B) {
			b.SetBytes(int64(len(unchanged)))
			for b.Loop() {
				var review admissionv1.AdmissionReview
				if err := json.Unmarshal(unchanged, &review); err != nil {
					b.Fatal(err)
				}
			}
		})
		changed := make([][]byte, 64) // another one each time, and of an object that was never seen
		for i := range changed {
			old := strings.Replace(text.String(), "  username: team-1\n", fmt.Sprintf("  username: team-y%d\n", i), 1)
			changed[i] = body(old, strings.Replace(old, "  username: team-50\n", "  username: team-x\n", 1))
		}
		for edit, bodies := range map[string][][]byte{"unchanged": {unchanged}, "1 changed": changed} {
			b.Run(name+"/"+edit, func(b *testing.B) {
				v, err := validate.New(policy.Default())
				if err != nil {
					b.Fatal(err)
				}
				server := admission.Webhook(&admission.Handler{Validator: func() *validate.Validator { return v }, Log: logr.Discard()})
				b.SetBytes(int64(len(unchanged)))
				answer := func(body []byte) {
					w := httptest.NewRecorder()
					r := httptest.NewRequest(http.MethodPost, admission.Path, bytes.NewReader(body))
					r.Header.Set("Content-Type", "application/json")
					server.ServeHTTP(w, r)
					if !strings.Contains(w.Body.String(), `"allowed":true`) {
						b.Fatal(w.Body.String())
					}
				}
				answer(bodies[0])
				for i := 0; b.Loop(); i++ {
					answer(bodies[i%len(bodies)])
				}
			})
		}
	}
}
