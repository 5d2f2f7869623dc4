package admission

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// What was read from a body stays as it is when its buffer is filled with the next one.
func TestBodiesAreNotShared(t *testing.T) {
	var seen []admission.Request
	remember := admission.HandlerFunc(func(_ context.Context, r admission.Request) admission.Response {
		seen = append(seen, r)
		return admission.Allowed("")
	})
	s := server{Webhook: &admission.Webhook{Handler: remember, WithContextFunc: withHost}}
	send := func(fill, kind string) {
		object := fmt.Sprintf(`{"apiVersion":"v1","kind":%q,"metadata":{"name":%[2]q,"namespace":%[2]q,"uid":%[2]q},"data":{%[2]q:%[2]q},"binaryData":{%[2]q:"%[2]s"}}`, kind, fill)
		body := fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":%[1]q,"operation":"UPDATE","name":%[1]q,"namespace":%[1]q,`+
			`"userInfo":{"username":%[1]q,"groups":[%[1]q],"extra":{%[1]q:[%[1]q]}},"options":{"a":%[1]q},"oldObject":%[2]s,"object":%[2]s}}`, fill, object)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, Path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
	text := func(r admission.Request) string {
		decoded := func(o any) string {
			cm, _ := o.(*corev1.ConfigMap)
			return fmt.Sprintf("%+v", cm)
		}
		return fmt.Sprintf("%+v %s %s", r.AdmissionRequest, decoded(r.Object.Object), decoded(r.OldObject.Object))
	}
	for _, kind := range []string{"ConfigMap", "Secretish"} { // the second goes the long way
		seen = nil
		send(strings.Repeat("aaaa", 8), kind)
		before := text(seen[0])
		for range 10 { // a pool may give away any of its buffers
			send(strings.Repeat("bbbb", 8), kind)
		}
		if after := text(seen[0]); after != before || !strings.Contains(before, "aaaa") {
			t.Errorf("%s: read as\n%s\nand later it is\n%s", kind, before, after)
		}
	}
}
