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

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// configMap is aws-auth with a comment of so many bytes that are written as six.
func configMap(size int, label string) string {
	roles := "# " + strings.Repeat("<", size) + `
- rolearn: arn:aws:iam::111122223333:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups: [system:bootstrappers, system:nodes]
`
	data, _ := json.Marshal(map[string]string{"mapRoles": roles})
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"aws-auth","namespace":"kube-system","labels":{"a":%q}},"data":%s}`, label, data)
}

func TestLargeReviews(t *testing.T) {
	v, err := validate.New(policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(admission.Webhook(&admission.Handler{Validator: func() *validate.Validator { return v }, Log: logr.Discard()}))
	defer server.Close()
	review := func(old, updated string) string {
		return fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","operation":"UPDATE",`+
			`"name":"aws-auth","namespace":"kube-system","resource":{"version":"v1","resource":"configmaps"},"oldObject":%s,"object":%s}}`, old, updated)
	}
	for name, test := range map[string]struct {
		body    string
		chunked bool
		allowed bool
		says    string
	}{
		"as large as two ConfigMaps get":  {review(configMap(1_000_000, "x"), configMap(1_000_000, "y")), false, true, ""},
		"the same without its length":     {review(configMap(1_000_000, "x"), configMap(1_000_000, "y")), true, true, ""},
		"large and bad":                   {review(configMap(1_000_000, "x"), strings.Replace(configMap(1_000_000, "x"), "- rolearn", "- rolearm", 1)), false, false, "AA105"},
		"small, without its length":       {review(configMap(1, "x"), configMap(1, "y")), true, true, ""},
		"larger than two ConfigMaps":      {review(configMap(3_000_000, "x"), configMap(1, "y")), false, false, "too large"},
		"larger than that, length hidden": {review(configMap(3_000_000, "x"), configMap(1, "y")), true, false, "too large"},
		"8 MiB of nothing":                {strings.Repeat("x", 8<<20), false, false, "no AdmissionReview"},
		"a million groups":                {strings.Replace(review(configMap(1, "x"), configMap(1, "y")), `"uid":"1"`, `"uid":"1","userInfo":{"groups":["g"`+strings.Repeat(`, "g"`, 1<<20)+`]}`, 1), false, false, "too large"},
		"aws-auth full of quotes":         {review(strings.ReplaceAll(configMap(200_000, "x"), `\u003c`, `\"\"\"`), configMap(1, "y")), false, true, ""},
		"a kind of 5 MiB":                 {`{"apiVersion":"v1","kind":"` + strings.Repeat("x", 5<<20) + `"}`, false, false, "no AdmissionReview"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if test.chunked {
				r.ContentLength = -1
			}
			r.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close() //nolint:errcheck // read only
			var got bytes.Buffer
			if _, err := got.ReadFrom(resp.Body); err != nil {
				t.Fatal(err)
			}
			if got.Len() > 10_000 {
				t.Errorf("an answer of %d bytes", got.Len())
			}
			if resp.StatusCode != http.StatusOK {
				if test.allowed || !strings.Contains(got.String(), test.says) {
					t.Errorf("HTTP status %d: %.400s, want allowed %v and %q", resp.StatusCode, got.String(), test.allowed, test.says)
				}
				return
			}
			var answer admissionv1.AdmissionReview
			if err := json.Unmarshal(got.Bytes(), &answer); err != nil {
				t.Fatalf("%v: %.200s", err, got.String())
			}
			if answer.Response == nil || answer.Response.Allowed != test.allowed || !strings.Contains(got.String(), test.says) {
				t.Errorf("got %.400s, want allowed %v and %q", got.String(), test.allowed, test.says)
			}
			if test.allowed && (answer.Response.UID != "1" || answer.Kind != "AdmissionReview") {
				t.Errorf("the answer does not name its request: %.200s", got.String())
			}
		})
	}
}
