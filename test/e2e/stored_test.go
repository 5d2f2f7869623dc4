package e2e

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// observer is a webhook that allows everything and keeps the last object that it was shown.
type observer struct {
	mu   sync.Mutex
	seen *corev1.ConfigMap
}

func (s *observer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(w, "no review", http.StatusBadRequest)
		return
	}
	cm := &corev1.ConfigMap{}
	if err := json.Unmarshal(review.Request.Object.Raw, cm); err == nil && review.Request.Name == "aws-auth" {
		s.mu.Lock()
		s.seen = cm
		s.mu.Unlock()
	}
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	review.Request = nil
	_ = json.NewEncoder(w).Encode(review) // fails only where the connection is gone
}

// take is what was shown since the last call, nil if nothing was.
func (s *observer) take() *corev1.ConfigMap {
	s.mu.Lock()
	defer s.mu.Unlock()
	cm := s.seen
	s.seen = nil
	return cm
}

// TestStoredIsJudged sends bodies that no client writes, in every format. Whatever the API server stores is what it has shown to webhooks,
// byte for byte but for what is no UTF-8; and where the guard has allowed it, the authenticator still reads the nodes and the admin.
// AWS_AUTH_GUARD_BODIES says how many bodies.
func TestStoredIsJudged(t *testing.T) {
	s := &observer{}
	server := httptest.NewTLSServer(s)
	defer server.Close()
	admin, err := kubernetes.NewForConfig(cluster.Config)
	if err != nil {
		t.Fatal(err)
	}
	hooks := admin.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	config := &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "stored-is-judged"}, Webhooks: []admissionregistrationv1.ValidatingWebhook{{
		Name: "observer.example.com", SideEffects: new(admissionregistrationv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
		ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &server.URL, CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})},
		Rules: []admissionregistrationv1.RuleWithOperations{{Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll},
			Rule: admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}}}}}}}
	if _, err := hooks.Create(t.Context(), config, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := hooks.Delete(context.Background(), config.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	anyone, spared := callers[0].hands(t), callers[len(callers)-1].hands(t)
	reset(t, false)
	n := 0
	pollUntil(t, func() error {
		n++
		if err := spared.change(t.Context(), func(cm *corev1.ConfigMap) { cm.Labels = map[string]string{"n": strconv.Itoa(n)} }); err != nil {
			return err
		}
		if s.take() == nil {
			return fmt.Errorf("the observer is not called")
		}
		return nil
	})
	count := 300
	if v := os.Getenv("AWS_AUTH_GUARD_BODIES"); v != "" {
		if count, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	accepted, denied, damaged := map[string]int{}, map[string]int{}, 0
	for i := range count {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		reset(t, false)
		s.take()
		verb, contentType, body := oddBody(r)
		h, guarded := spared, i%2 == 0
		if guarded {
			h = anyone
		}
		req := h.rest.Verb(verb).AbsPath(awsAuthPath).SetHeader("Content-Type", contentType).Body([]byte(body))
		if strings.Contains(contentType, "apply") {
			req = req.Param("fieldManager", "odd").Param("force", "true")
		}
		err := req.Do(t.Context()).Error()
		got := stored(t)
		if err != nil {
			denied[contentType]++
			if got.Data["mapRoles"] != base {
				t.Fatalf("body %d was refused (%v), and yet the API server stores %q", i, err, got.Data)
			}
			continue
		}
		accepted[contentType]++
		if seen := s.take(); seen != nil {
			want, have := looked(seen), looked(got)
			if want != have {
				t.Errorf("body %d (%s %q): the API server stores %s and has shown %s", i, contentType, body, have, want)
			}
			for _, value := range got.Data {
				if strings.ToValidUTF8(value, "") != value {
					damaged++
				}
			}
		} else if got.Data["mapRoles"] != base {
			t.Errorf("body %d (%s %q) was stored without having been shown", i, contentType, body)
		}
		if guarded {
			keeps(t)
		}
	}
	t.Logf("accepted %v, refused %v, stored with bytes that are not UTF-8 %d", accepted, denied, damaged)
	for _, format := range formats {
		if accepted[format] == 0 {
			t.Errorf("no body of %s was ever accepted", format)
		}
	}
}

// looked is as much of a ConfigMap as the guard looks at, as JSON says it.
func looked(cm *corev1.ConfigMap) string {
	text, err := json.Marshal(map[string]any{"data": cm.Data, "binaryData": cm.BinaryData, "immutable": cm.Immutable, "owners": cm.OwnerReferences, "finalizers": cm.Finalizers,
		"name": cm.Name, "namespace": cm.Namespace, "uid": cm.UID, "deleted": cm.DeletionTimestamp})
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(string(text), `\ufffd`, "\ufffd") // encoding/json writes a byte that is not UTF-8 so, and the character itself
}

var formats = []string{"application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/merge-patch+json",
	"application/strategic-merge-patch+json", "application/json-patch+json", "application/apply-patch+yaml"}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// oddValue is a text for mapRoles and its like.
func oddValue(r *rand.Rand) string {
	return pick(r, base, base, good, bad, admin, "", "null", "\t", base+"# \xff\n", base+"# \u2028\u0000\n", base+"# <>&\\\n", strings.ReplaceAll(base, "\n", "\r\n"), "[]")
}

func oddKey(r *rand.Rand) string {
	return pick(r, "mapRoles", "mapRoles", "mapRoles", "mapRoles", "mapUsers", "maproles", "MAPROLES", "mapAccounts", "map\xffRoles", "")
}

func oddBody(r *rand.Rand) (verb, contentType, body string) {
	contentType = pick(r, formats...)
	switch contentType {
	case "application/vnd.kubernetes.protobuf":
		return http.MethodPut, contentType, oddProtobuf(r)
	case "application/json-patch+json":
		var ops []string
		for range 1 + r.IntN(3) {
			ops = append(ops, fmt.Sprintf(`{"op":%q,"path":%q,"path":"/data/%s","from":"/data/mapRoles","value":%s,"VALUE":"x"}`, pick(r, "add", "replace", "copy", "test"),
				"/data/x", pick(r, "mapRoles", "map~0Roles", "mapUsers"), oddQuoted(r)))
		}
		return http.MethodPatch, contentType, "[" + strings.Join(ops, ",") + "]"
	}
	var fields []string
	for range 1 + r.IntN(4) {
		fields = append(fields, oddName(r)+":"+oddQuoted(r))
	}
	data := "{" + strings.Join(fields, ",") + "}"
	parts := []string{`"apiVersion":"v1"`, `"kind":"ConfigMap"`, `"metadata":{"name":"aws-auth","namespace":"kube-system"` + pick(r, "", `,"labels":{"a":"b","a":"c"}`, `,"uid":null`) + `}`,
		pick(r, `"data"`, `"data"`, `"data"`, `"d\u0061ta"`, `"Data"`) + ":" + data}
	for range r.IntN(3) {
		parts = append(parts, pick(r, `"data":{"mapRoles":`+oddQuoted(r)+`}`, `"DATA":{"mapRoles":""}`, `"immutable":null`, `"unknown":[[{}]]`, `"binaryData":{"x":"`+base64.StdEncoding.EncodeToString([]byte("\xff"))+`"}`))
	}
	if r.IntN(2) == 0 {
		slices.Reverse(parts)
	}
	verb = http.MethodPatch
	if contentType == "application/json" || contentType == "application/yaml" {
		verb = http.MethodPut
	}
	return verb, contentType, "{" + strings.Join(parts, ",") + "}"
}

// oddName is a key of data, quoted and perhaps escaped.
func oddName(r *rand.Rand) string {
	return pick(r, `"mapRoles"`, `"mapRoles"`, `"\u006dapRoles"`, `"map\u0052oles"`, `"mapUsers"`, `"maproles"`, `"mapR\u006fles"`)
}

func oddQuoted(r *rand.Rand) string {
	q := quoted(oddValue(r))
	switch r.IntN(8) {
	case 0:
		return strings.ReplaceAll(q, "system", `\u0073ystem`)
	case 1:
		return strings.Replace(q, "#", `# \ud800 \ufffd`, 1)
	case 2:
		return strings.Replace(q, "#", "# \xff", 1)
	case 3:
		return pick(r, "null", "1", "[]", "{}", `""`)
	}
	return q
}

// oddProtobuf writes messages as no generated code does: fields in any order and more than once, entries without a key or with
// two, fields that nobody knows, other wire types.
func oddProtobuf(r *rand.Rand) string {
	tag := func(b []byte, number, wireType uint64) []byte { return binary.AppendUvarint(b, number<<3|wireType) }
	field := func(b []byte, number uint64, value []byte) []byte {
		return append(binary.AppendUvarint(tag(b, number, 2), uint64(len(value))), value...)
	}
	odd := func(b []byte) []byte {
		switch r.IntN(12) {
		case 0:
			return field(b, 99, []byte("\xff"))
		case 1:
			return binary.AppendUvarint(tag(b, 77, 0), r.Uint64())
		case 2:
			return binary.LittleEndian.AppendUint64(tag(b, 78, 1), r.Uint64())
		case 3:
			return tag(tag(b, 79, 3), 79, 4) // a group
		}
		return b
	}
	entry := func() []byte {
		var parts [][]byte
		for range pick(r, 1, 1, 1, 1, 0, 2) {
			parts = append(parts, field(nil, 1, []byte(oddKey(r))))
		}
		for range pick(r, 1, 1, 1, 1, 0, 2) {
			parts = append(parts, field(nil, 2, []byte(oddValue(r))))
		}
		r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		return odd(slices.Concat(parts...))
	}
	meta := odd(field(field(nil, 1, []byte("aws-auth")), 3, []byte("kube-system")))
	for range r.IntN(2) {
		meta = field(meta, 12, field(field(nil, 1, []byte("example.com/a")), 2, []byte(pick(r, "x", "\xff", "\xed\xa0\x80"))))
	}
	parts := [][]byte{field(nil, 1, meta)}
	for range pick(r, 0, 1, 1, 2, 3) {
		parts = append(parts, field(nil, 2, entry()))
	}
	for range pick(r, 0, 0, 0, 1) {
		parts = append(parts, field(nil, 1, field(nil, 3, []byte("kube-system"))), field(nil, 3, field(field(nil, 1, []byte(oddKey(r))), 2, []byte("\xff"))))
	}
	if r.IntN(8) == 0 {
		parts = append(parts, binary.AppendUvarint(tag(nil, pick[uint64](r, 2, 4), 0), 0))
	}
	r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	raw := odd(slices.Concat(parts...))
	kind := field(field(nil, 1, []byte("v1")), 2, []byte("ConfigMap"))
	envelope := field(field(nil, 1, kind), 2, raw)
	switch r.IntN(8) {
	case 0: // one in the other
		envelope = field(field(nil, 1, kind), 2, append([]byte("k8s\x00"), envelope...))
	case 1: // the raw bytes twice
		envelope = field(envelope, 2, raw)
	case 2:
		envelope = field(envelope, 3, []byte(pick(r, "gzip", "")))
	}
	return "k8s\x00" + string(odd(envelope))
}
