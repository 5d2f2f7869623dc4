package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// review is the body of an AdmissionReview of v1 about aws-auth: request's fields, over those of a sound update.
func review(t *testing.T, request map[string]any) string {
	t.Helper()
	return versioned(t, "admission.k8s.io/v1", request)
}

func versioned(t *testing.T, apiVersion string, request map[string]any) string {
	t.Helper()
	all := map[string]any{
		"uid": "8d3f4f7e-8f2e-4f0e-9d58-0a7c0a6c9f10", "operation": "UPDATE", "name": "aws-auth", "namespace": "kube-system",
		"kind":     map[string]string{"group": "", "version": "v1", "kind": "ConfigMap"},
		"resource": map[string]string{"group": "", "version": "v1", "resource": "configmaps"},
		"userInfo": map[string]any{"username": "admin", "groups": []string{"system:masters"}},
		"object":   configMap("aws-auth", good), "oldObject": configMap("aws-auth", base),
	}
	for key, value := range request {
		all[key] = value
	}
	body, err := json.Marshal(map[string]any{"kind": "AdmissionReview", "apiVersion": apiVersion, "request": all})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func configMap(name, mapRoles string) map[string]any {
	return map[string]any{"kind": "ConfigMap", "apiVersion": "v1",
		"metadata": map[string]string{"name": name, "namespace": "kube-system"}, "data": map[string]string{"mapRoles": mapRoles}}
}

// Bodies as no API server sends them, and some that it does: always a clear answer, and never a yes by accident.
func TestBodies(t *testing.T) {
	type fields = map[string]any
	for name, c := range map[string]struct {
		method  string // POST if empty
		body    string
		allowed bool
		code    int32  // of the Status in the answer
		says    string // in its message
		version string // of the answer; v1 if empty
		unread  bool   // so that the answer is a Status alone
	}{
		"a sound update":                   {body: review(t, nil), allowed: true, code: 200},
		"a bad update":                     {body: review(t, fields{"object": configMap("aws-auth", bad)}), code: 422, says: "AA203"},
		"v1beta1":                          {body: versioned(t, "admission.k8s.io/v1beta1", fields{"object": configMap("aws-auth", bad)}), code: 422, says: "AA203", version: "admission.k8s.io/v1beta1"},
		"a dry run":                        {body: review(t, fields{"dryRun": true, "object": configMap("aws-auth", bad)}), code: 422, says: "AA203"},
		"a delete":                         {body: review(t, fields{"operation": "DELETE", "object": nil}), code: 422, says: "AA501"},
		"a delete of a collection":         {body: review(t, fields{"operation": "DELETE", "object": nil, "name": ""}), code: 422, says: "AA501"},
		"a delete without the old object":  {body: review(t, fields{"operation": "DELETE", "object": nil, "oldObject": nil}), code: 422, says: "AA501"},
		"a delete with options as object":  {body: review(t, fields{"operation": "DELETE", "object": fields{"kind": "DeleteOptions"}}), code: 400, says: "ConfigMap"},
		"an update without an object":      {body: review(t, fields{"object": nil}), code: 400, says: "UPDATE without an object"},
		"an update without an old object":  {body: review(t, fields{"object": configMap("aws-auth", bad), "oldObject": nil}), code: 400, says: "UPDATE without an oldObject"},
		"a create without an object":       {body: review(t, fields{"operation": "CREATE", "object": nil, "oldObject": nil}), code: 400, says: "CREATE without an object"},
		"a create without a name":          {body: review(t, fields{"operation": "CREATE", "name": "", "object": configMap("aws-auth", bad), "oldObject": nil}), code: 422, says: "AA203"},
		"an object of another kind":        {body: review(t, fields{"object": fields{"kind": "Secret", "apiVersion": "v1", "metadata": fields{"name": "aws-auth"}}}), code: 400, says: `kind "Secret"`},
		"an object that is a text":         {body: review(t, fields{"object": "aws-auth"}), code: 400, says: "not a ConfigMap"},
		"an object that is a list":         {body: review(t, fields{"object": []string{}}), code: 400, says: "not a ConfigMap"},
		"data that is a list":              {body: review(t, fields{"object": fields{"kind": "ConfigMap", "metadata": fields{"name": "aws-auth"}, "data": []string{}}}), code: 400, says: "not a ConfigMap"},
		"data that is a number":            {body: review(t, fields{"object": fields{"kind": "ConfigMap", "metadata": fields{"name": "aws-auth"}, "data": fields{"mapRoles": 1}}}), code: 400, says: "not a ConfigMap"},
		"an object without data":           {body: review(t, fields{"object": fields{"kind": "ConfigMap", "metadata": fields{"name": "aws-auth"}}}), code: 422, says: "AA502"},
		"another object's name":            {body: review(t, fields{"name": "coredns", "object": configMap("coredns", bad), "oldObject": configMap("coredns", bad)}), allowed: true, code: 200, says: "not kube-system/aws-auth"},
		"another namespace":                {body: review(t, fields{"namespace": "default", "object": configMap("aws-auth", bad)}), allowed: true, code: 200, says: "not kube-system/aws-auth"},
		"a Secret by the name of aws-auth": {body: review(t, fields{"resource": fields{"group": "", "version": "v1", "resource": "secrets"}}), allowed: true, code: 200, says: "not kube-system/aws-auth"},
		"a review without a request":       {body: `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}`, code: 400, says: "not an AdmissionReview with a request"},
		"a review with a null request":     {body: `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":null}`, code: 400, says: "not an AdmissionReview with a request"},
		"a review of an unknown version":   {body: versioned(t, "admission.k8s.io/v2", fields{"object": configMap("aws-auth", bad)}), code: 422, says: "AA203"},
		"a Pod":                            {body: `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"aws-auth"}}`, code: 400},
		"a bare ConfigMap":                 {body: `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"aws-auth","namespace":"kube-system"}}`, code: 400},
		"an empty JSON object":             {body: `{}`, code: 400},
		"null":                             {body: `null`, code: 400},
		"no JSON":                          {body: `mapRoles: |`, code: 400},
		"JSON that ends in the middle":     {body: review(t, nil)[:200], code: 400},
		"two bodies in one":                {body: review(t, nil) + review(t, nil), code: 400},
		"NUL bytes":                        {body: strings.Repeat("\x00", 1000), code: 400},
		"deeply nested JSON":               {body: strings.Repeat("[", 100_000), code: 400},
		"YAML with aliases":                {body: "a: &a [" + strings.Repeat("x,", 600) + "]\nb: &b [" + strings.Repeat("*a,", 600) + "]\nc: [" + strings.Repeat("*b,", 600) + "]\n", code: 400, says: "no AdmissionReview in JSON"},
		"a million owners":                 {body: review(t, fields{"object": fields{"kind": "ConfigMap", "apiVersion": "v1", "metadata": fields{"name": "aws-auth", "ownerReferences": make([]struct{}, 1<<20)}}}), code: 413, says: "too large"},
		"a million causes":                 {body: `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1","response":{"status":{"details":{"causes":[{}` + strings.Repeat(",{}", 1<<20) + `]}}}}`, code: 400, says: "no AdmissionReview"},
		"the object twice":                 {body: strings.Replace(review(t, fields{"object": configMap("aws-auth", bad)}), `"object":`, `"object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"aws-auth"}},"object":`, 1), code: 422, says: "AA"},
		"mapRoles twice":                   {body: strings.Replace(review(t, fields{"object": configMap("aws-auth", bad)}), `"mapRoles":`, `"mapRoles":"","mapRoles":`, 1), code: 400, says: "duplicate"},
		"no uid":                           {body: review(t, fields{"uid": "", "object": configMap("aws-auth", bad)}), code: 422, says: "AA203"},
		"a CONNECT":                        {body: review(t, fields{"operation": "CONNECT", "object": configMap("aws-auth", bad)}), allowed: true, code: 200},
		"an empty body":                    {body: "", code: 400, says: "body is empty"},
		"8 MiB":                            {body: review(t, fields{"object": configMap("aws-auth", strings.Repeat("#", 8<<20))}), code: 413, says: "too large"},
		"8 MiB of nothing":                 {body: strings.Repeat(" ", 8<<20), code: 400, says: "no AdmissionReview"},
		"17 MiB of nothing":                {body: strings.Repeat(" ", 17<<20), code: 413, says: "too large", unread: true},
		"GET":                              {method: http.MethodGet, code: 400, says: "body is empty"},
		"GET with a review":                {method: http.MethodGet, body: review(t, fields{"object": configMap("aws-auth", bad)}), code: 422, says: "AA203"},
	} {
		t.Run(name, func(t *testing.T) {
			method := c.method
			if method == "" {
				method = http.MethodPost
			}
			status, text := send(t, method, "application/json", []byte(c.body))
			if c.unread { // the uid is not known, without which nobody takes an AdmissionReview
				var got metav1.Status
				if err := json.Unmarshal(text, &got); err != nil || status != int(c.code) || got.Code != c.code || !strings.Contains(got.Message, c.says) {
					t.Errorf("HTTP status %d, %v, want %d, and %q in: %s", status, err, c.code, c.says, text)
				}
				return
			}
			if status != http.StatusOK {
				t.Fatalf("HTTP status %d: %s", status, text)
			}
			var got admissionv1.AdmissionReview
			if err := json.Unmarshal(text, &got); err != nil || got.Response == nil || got.Response.Result == nil {
				t.Fatalf("no AdmissionReview with a response and its result (%v): %s", err, text)
			}
			r := got.Response
			if r.Allowed != c.allowed || r.Result.Code != c.code || !strings.Contains(r.Result.Message, c.says) {
				t.Errorf("allowed %t, code %d, want %t, %d and %q in: %s", r.Allowed, r.Result.Code, c.allowed, c.code, c.says, text)
			}
			if !c.allowed && r.Result.Message == "" {
				t.Errorf("a refusal without a word: %s", text)
			}
			if c.version != "" && got.APIVersion != c.version {
				t.Errorf("the answer is of version %q, want %q", got.APIVersion, c.version)
			}
		})
	}
	t.Run("another content type", func(t *testing.T) {
		if _, text := send(t, http.MethodPost, "text/plain", []byte(review(t, nil))); !strings.Contains(string(text), "expected application/json") || strings.Contains(string(text), `"allowed":true`) {
			t.Errorf("answer: %s", text)
		}
	})
	t.Run("another path", func(t *testing.T) {
		resp, err := guard.Client().Get(strings.Replace(guard.URL, "/validate-aws-auth", "/", 1))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close() //nolint:errcheck // not read
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("HTTP status %d, want 404", resp.StatusCode)
		}
	})
	if !guard.Alive() {
		t.Error("the guard has ended")
	}
	log, err := os.ReadFile(guard.Log)
	if err != nil {
		t.Fatal(err)
	}
	if i := bytes.Index(log, []byte("panic")); i >= 0 {
		t.Errorf("the guard's log has a panic:\n%s", log[i:])
	}
}

// send gives the guard a body as the API server does, over TLS.
func send(t *testing.T, method, contentType string, body []byte) (status int, text []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, guard.URL+"?timeout=10s", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := guard.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, text
}

// unsent is a body of which nothing comes.
type unsent struct{ until context.Context }

func (u unsent) Read([]byte) (int, error) {
	<-u.until.Done()
	return 0, u.until.Err()
}

// An edit for which there is no room is refused in the guard's words, although it was not read to its end.
func TestBusySaysSo(t *testing.T) {
	givenRoles(t, base)
	setTimeout(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	var holding sync.WaitGroup
	defer holding.Wait()
	defer cancel()
	for _, size := range []int64{16 << 20, 4 << 20} { // all the room that there is for bodies
		holding.Go(func() {
			for ctx.Err() == nil {
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, guard.URL+"?timeout=10s", unsent{ctx})
				if err != nil {
					t.Error(err)
					return
				}
				req.ContentLength = size
				req.Header.Set("Content-Type", "application/json")
				if resp, err := guard.Client().Do(req); err == nil {
					resp.Body.Close() //nolint:errcheck // not read
				}
			}
		})
	}
	large, err := json.Marshal(map[string]any{"data": map[string]string{"mapRoles": base + strings.Repeat("# as long as aws-auth can be\n", 2000)}})
	if err != nil {
		t.Fatal(err)
	}
	operator := configMapsOf(t, "operator")
	if err := guarded.Poll(t.Context(), func(ctx context.Context) error {
		_, err := operator.Patch(ctx, "aws-auth", types.MergePatchType, large, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil || !strings.Contains(err.Error(), "too many reviews at once: try again") {
			return fmt.Errorf("got %v, want too many reviews at once", err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
