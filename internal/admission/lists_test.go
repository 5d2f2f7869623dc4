package admission_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/test/memory"
)

// collection is a list or map in a review, by the names of the fields that lead to it.
type collection struct {
	path  []string
	isMap bool
	empty string // its cheapest element
}

// collections finds all lists and maps that t has in JSON. Where raw is, there may be an object of that type.
func collections(t reflect.Type, path []string, raw map[string]reflect.Type) (all []collection) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if inner, ok := raw[strings.Join(path, ".")]; ok && t == reflect.TypeFor[runtime.RawExtension]() {
		t = inner
	}
	cheapest := func(e reflect.Type) string {
		switch e.Kind() {
		case reflect.String:
			return `""`
		case reflect.Slice:
			if e.Elem().Kind() == reflect.Uint8 {
				return `""`
			}
			return "[]"
		default:
			return "{}"
		}
	}
	switch {
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		return []collection{{path, false, cheapest(t.Elem())}}
	case t.Kind() == reflect.Map:
		return []collection{{path, true, cheapest(t.Elem())}}
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case name == "-" || !f.IsExported():
			case name == "" && f.Anonymous:
				all = append(all, collections(f.Type, path, raw)...)
			case name != "":
				all = append(all, collections(f.Type, append(path[:len(path):len(path)], name), raw)...)
			}
		}
	}
	return all
}

// fill is as many elements as fit into size bytes.
func (c collection) fill(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		if c.isMap {
			fmt.Fprintf(&b, `"%x":`, i)
		}
		b.WriteString(c.empty)
	}
	if c.isMap {
		return "{" + b.String() + "}"
	}
	return "[" + b.String() + "]"
}

// TestAmplification fills every list and map that a review has, and the two objects in it, with what is short in JSON and long
// in memory; and writes what is no review in every format that Kubernetes decodes. What is allocated stays in proportion to the
// body.
func TestAmplification(t *testing.T) {
	v, err := validate.New(policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	configMap := reflect.TypeFor[corev1.ConfigMap]()
	found := collections(reflect.TypeFor[admissionv1.AdmissionReview](), nil, map[string]reflect.Type{"request.object": configMap, "request.oldObject": configMap})
	sound := map[string]any{}
	if err := json.Unmarshal([]byte(marshalled(t, request(admissionv1.Update, awsAuth(nodes), awsAuth(nodes+noGroups)))), &sound); err != nil {
		t.Fatal(err)
	}
	const here = "the collection"
	bodies := map[string]func(size int) string{
		"YAML, lists":       func(size int) string { return "kind: AdmissionReview\nx: [" + strings.Repeat("[],", size/3) + "]\n" },
		"YAML, maps":        func(size int) string { return "{kind: AdmissionReview, x: [" + strings.Repeat("{a},", size/4) + "]}\n" },
		"YAML, levels":      func(size int) string { return strings.Repeat("- ", size/2) },
		"YAML, aliases":     func(int) string { return aliases(3, 600) },
		"YAML, few aliases": func(int) string { return aliases(5, 300) },
		"JSON of no kind": func(size int) string {
			return `{"apiVersion":"v1","kind":"Pod","x":[` + strings.Repeat(`{"a":0},`, size/8) + `0]}`
		},
	}
	for _, c := range found {
		for _, apiVersion := range []string{"admission.k8s.io/v1", "admission.k8s.io/v1beta1"} {
			bodies[strings.Join(c.path, ".")+", "+apiVersion] = func(size int) string {
				sound["apiVersion"] = apiVersion
				text, err := json.Marshal(with(sound, c.path, here))
				if err != nil {
					t.Fatal(err)
				}
				return strings.Replace(string(text), `"`+here+`"`, c.fill(size), 1)
			}
		}
	}
	if len(found) < 15 {
		t.Fatalf("only %d collections: %v", len(found), found)
	}
	webhook := admission.Webhook(&admission.Handler{Validator: func() *validate.Validator { return v }, Log: logr.Discard()})
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{30_000, 4 << 20} {
				text := body(size)
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, admission.Path+"?timeout=10s", strings.NewReader(text))
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				// A small body is judged whatever it is, and 256 of them come at once.
				if got, most := memory.Allocated(func() { webhook.ServeHTTP(w, r) }), uint64(6*len(text)+4<<20); got > most {
					t.Errorf("%d bytes are allocated for a body of %d, want %d at most: %.300s", got, len(text), most, w.Body)
				}
			}
		})
	}
}

// aliases is YAML in which each of some lists has many times the one before.
func aliases(levels, width int) string {
	var b strings.Builder
	b.WriteString("kind: AdmissionReview\nl0: &l0 [" + strings.Repeat("x,", width) + "]\n")
	for i := 1; i < levels; i++ {
		fmt.Fprintf(&b, "l%d: &l%[1]d [%s]\n", i, strings.Repeat(fmt.Sprintf("*l%d,", i-1), width))
	}
	return b.String()
}

// with is a copy of o that has the value at a path.
func with(o map[string]any, path []string, value any) map[string]any {
	copied := map[string]any{}
	for k, v := range o {
		copied[k] = v
	}
	if len(path) == 1 {
		copied[path[0]] = value
		return copied
	}
	inner, _ := copied[path[0]].(map[string]any)
	copied[path[0]] = with(inner, path[1:], value)
	return copied
}

// TestHonestLists: what a real caller and a real object have is decoded whole.
func TestHonestLists(t *testing.T) {
	ours := bothAnswers(t)
	r := request(admissionv1.Update, awsAuth(nodes), awsAuth(nodes+noGroups))
	for i := range 30_000 {
		r.UserInfo.Groups = append(r.UserInfo.Groups, fmt.Sprint("group-", i))
	}
	r.UserInfo.Extra = map[string]authenticationv1.ExtraValue{"arn": {"arn:aws:iam::111122223333:role/admin"}, "empty": {}, "null": nil}
	var cm corev1.ConfigMap
	if err := json.Unmarshal(r.Object.Raw, &cm); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		cm.Finalizers = append(cm.Finalizers, fmt.Sprint("example.com/", i))
	}
	object, err := json.Marshal(cm)
	if err != nil {
		t.Fatal(err)
	}
	r.Object = runtime.RawExtension{Raw: object}
	if got, theirs := ours("application/json", marshalled(t, r)); got != theirs || !strings.Contains(got, `"allowed":true`) {
		t.Errorf("got %.300s, want %.300s", got, theirs)
	}
}
