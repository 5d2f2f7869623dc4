//go:build chaos

package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// review is the body of an AdmissionReview, as the API server sends it.
func review(operation admissionv1.Operation, old, updated string) []byte {
	object := func(mapRoles string) runtime.RawExtension {
		if mapRoles == "" {
			return runtime.RawExtension{}
		}
		return runtime.RawExtension{Raw: marshal(corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Name: "aws-auth", Namespace: metav1.NamespaceSystem}, Data: map[string]string{"mapRoles": mapRoles}})}
	}
	return marshal(admissionv1.AdmissionReview{TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{UID: "8d3f4f7e-8f2e-4f0e-9d58-0a7c0a6c9f10", Operation: operation, Name: "aws-auth", Namespace: metav1.NamespaceSystem,
			Kind: metav1.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}, Resource: metav1.GroupVersionResource{Version: "v1", Resource: "configmaps"},
			Object: object(updated), OldObject: object(old)}})
}

func marshal(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // of constants
	}
	return data
}

// ask sends a review to the guard itself.
func ask(client *http.Client, body []byte) (allowed bool, err error) {
	resp, err := client.Post(guard.URL, "application/json", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return false, err
	}
	var answer admissionv1.AdmissionReview
	if err := json.Unmarshal(text, &answer); err != nil || answer.Response == nil {
		return false, fmt.Errorf("HTTP status %d, %v: %s", resp.StatusCode, err, text)
	}
	return answer.Response.Allowed, nil
}

// leeway is how many MiB a heap may come and go by itself. Two hundred bytes lost with each review would be more.
const leeway = 16

// TestMemory: a hundred thousand reviews, no text of which comes twice, and the guard is no larger after them than after the
// first tenth, but for leeway; and no goroutine stays behind.
func TestMemory(t *testing.T) {
	begin(t, setting{})
	var twenty strings.Builder
	twenty.WriteString(base)
	for i := range 18 {
		twenty.WriteString(entry(fmt.Sprintf("team-%d", i)))
	}
	old := twenty.String()
	kinds := []struct {
		allowed bool
		body    func(n int) []byte
	}{
		{true, func(n int) []byte { return review(admissionv1.Update, old, old+entry(fmt.Sprint("n", n))) }},
		{true, func(n int) []byte { return review(admissionv1.Update, old+entry(fmt.Sprint("n", n)), old) }},
		{true, func(n int) []byte { return review(admissionv1.Create, "", old+entry(fmt.Sprint("n", n))) }},
		{false, func(n int) []byte {
			return review(admissionv1.Update, old, old+strings.Replace(entry(fmt.Sprint("n", n)), "deployers", "system:masters", 1))
		}},
		{false, func(n int) []byte { return review(admissionv1.Update, old, old+fmt.Sprintf("- rolearn: 'n%d\n", n)) }},
		{false, func(n int) []byte { return review(admissionv1.Delete, old+entry(fmt.Sprint("n", n)), "") }},
	}
	client := guard.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = writers
	goroutinesBefore := goroutines(t)
	reviews := share(100_000, 5_000)
	var next atomic.Int64
	do := func(upTo int) {
		var group sync.WaitGroup
		for range writers {
			group.Go(func() {
				for {
					n := int(next.Add(1))
					if n > upTo || t.Failed() {
						return
					}
					kind := kinds[n%len(kinds)]
					if allowed, err := ask(client, kind.body(n)); err != nil || allowed != kind.allowed {
						t.Errorf("review %d: allowed %t, want %t: %v", n, allowed, kind.allowed, err)
					}
				}
			})
		}
		group.Wait()
		next.Store(int64(upTo))
	}
	started := time.Now()
	do(reviews / 10)
	first := resident(t)
	most := first
	var each []string
	for i := 2; i <= 10; i++ {
		do(reviews * i / 10)
		now := resident(t)
		most, each = max(most, now), append(each, strconv.Itoa(now))
	}
	last := resident(t)
	measured("memory-reviews", reviews)
	measured("memory-reviews-per-second", int(float64(reviews)/time.Since(started).Seconds()))
	measured("memory-first-rss-MiB", first)
	measured("memory-rss-MiB-each-tenth", strings.Join(each, ","))
	measured("memory-most-rss-MiB", most)
	measured("memory-last-rss-MiB", last)
	if last > first+leeway {
		t.Errorf("the guard grew from %d to %d MiB, want %d more at most", first, last, leeway)
	}
	client.CloseIdleConnections()
	measured("memory-goroutines-before", goroutinesBefore)
	measured("memory-goroutines-back-after", eventually(t, func() error { return back(t, goroutinesBefore) }))
}

// back checks that there are no more goroutines than before, give or take the few that serve this very question.
func back(t *testing.T, before int) error {
	t.Helper()
	if now := goroutines(t); now > before+5 {
		return fmt.Errorf("%d goroutines, there were %d", now, before)
	}
	return nil
}
