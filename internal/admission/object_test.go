package admission_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// TestAllOfTheObjectArrives: the guard decodes only a part of each object, and no rule may miss what it looks at. Each edit
// is judged as objects and as a review.
func TestAllOfTheObjectArrives(t *testing.T) {
	v, err := validate.New(policy.Default())
	if err != nil {
		t.Fatal(err)
	}
	ours := bothAnswers(t)
	deleted := func(cm *corev1.ConfigMap, finalizers ...string) {
		cm.DeletionTimestamp, cm.Finalizers = &metav1.Time{Time: metav1.Now().Rfc3339Copy().Time}, finalizers
	}
	owner := metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "gone", UID: "1"}
	for name, c := range map[string]struct {
		change func(old, updated *corev1.ConfigMap)
		rule   string
	}{
		"an owner": {func(_, n *corev1.ConfigMap) { n.OwnerReferences = []metav1.OwnerReference{owner} }, "AA111"},
		"an owner with another uid": {func(o, n *corev1.ConfigMap) {
			o.OwnerReferences = []metav1.OwnerReference{owner}
			n.OwnerReferences = []metav1.OwnerReference{owner}
			n.OwnerReferences[0].UID = "2"
		}, "AA111"},
		"the last finalizer": {func(o, n *corev1.ConfigMap) { deleted(o, "example.com/a"); deleted(n) }, "AA501"},
		"being deleted": {func(o, n *corev1.ConfigMap) {
			deleted(o, "example.com/a")
			deleted(n, "example.com/a")
			n.Data["mapRoles"] += "# a\n"
		}, "AA501"},
		"frozen":      {func(_, n *corev1.ConfigMap) { n.Immutable = new(true) }, "AA109"},
		"binary data": {func(_, n *corev1.ConfigMap) { n.BinaryData = map[string][]byte{"mapUsers": []byte("x")} }, "AA103"},
		"another key": {func(_, n *corev1.ConfigMap) { n.Data["maproles"] = "x" }, "AA103"},
	} {
		t.Run(name, func(t *testing.T) {
			old := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
				ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "aws-auth"}, Data: map[string]string{"mapRoles": nodes}}
			updated := old.DeepCopy()
			c.change(old, updated)
			want := v.Validate(context.Background(), validate.Request{Operation: validate.Update, Old: old, New: updated})
			body := marshalled(t, request(admissionv1.Update, raw(t, old), raw(t, updated)))
			for i, text := range func() []string { a, b := ours("application/json", body); return []string{a, b} }() {
				var got admissionv1.AdmissionReview
				if err := json.Unmarshal([]byte(text), &got); err != nil {
					t.Fatal(err)
				}
				if got.Response.Allowed != want.Allowed || !strings.Contains(text, c.rule) {
					t.Errorf("answer %d: allowed is %v, want %v and %s: %s", i, got.Response.Allowed, want.Allowed, c.rule, text)
				}
			}
		})
	}
}

func raw(t *testing.T, cm *corev1.ConfigMap) runtime.RawExtension {
	t.Helper()
	b, err := json.Marshal(cm)
	if err != nil {
		t.Fatal(err)
	}
	return runtime.RawExtension{Raw: b}
}
