package approvals

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

const policyText = `apiVersion: aws-auth-guard.io/v1alpha1
kind: Policy
privileged:
  approvals:
  - {arn: "arn:aws:iam::111122223333:role/admin", groups: [system:masters], reason: used}
  - {arn: "arn:aws:iam::111122223333:role/old", groups: [system:masters], reason: over, expires: 1999-12-31}
  - {arn: "arn:aws:iam::111122223333:role/older", groups: [system:masters], reason: over, expires: 1999-12-31}
  - {arn: "arn:aws:iam::111122223333:role/nobody", groups: [system:masters], reason: unused}
waivers:
- {rule: AA203, subject: "arn:aws:iam::111122223333:role/x", reason: unused}
`

const mapRoles = `- {rolearn: "arn:aws:iam::111122223333:role/admin", username: admin, groups: [system:masters]}
- {rolearn: "arn:aws:iam::111122223333:role/old", username: old, groups: [system:masters]}
`

// TestReviewer: what is not simply used is logged once, and counted at every look.
func TestReviewer(t *testing.T) {
	awsAuth := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "aws-auth"}, Data: map[string]string{"mapRoles": mapRoles}}
	synctest.Test(t, func(t *testing.T) {
		p, err := policy.Parse([]byte(policyText))
		if err != nil {
			t.Fatal(err)
		}
		v, err := validate.New(p)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		log := funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{})
		logged := func() string {
			synctest.Wait()
			slices.Sort(lines)
			text := strings.Join(lines, "\n")
			lines = nil
			return text
		}
		clients := fake.NewClientset(awsAuth)
		var broken atomic.Bool
		clients.PrependReactor("get", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
			return broken.Load(), nil, errors.New("etcd is down")
		})
		registry := prometheus.NewPedanticRegistry()
		go New(clients.CoreV1(), func() *validate.Validator { return v }, log, registry).Run(t.Context()) //nolint:errcheck // it ends without one
		const nobody, older, waiver = `policy line 8: approval of arn:aws:iam::111122223333:role/nobody system:masters: unused`,
			`policy line 7: approval of arn:aws:iam::111122223333:role/older system:masters: expired`,
			`policy line 10: waiver of AA203 arn:aws:iam::111122223333:role/x: unused`
		const old = `policy line 6: approval of arn:aws:iam::111122223333:role/old system:masters: expired`
		message := func(texts ...string) string {
			for i := range texts {
				texts[i] = `"level"=0 "msg"="` + texts[i] + `"`
			}
			slices.Sort(texts)
			return strings.Join(texts, "\n")
		}
		if got, want := logged(), message(nobody, older, waiver, old+"-in-use"); got != want {
			t.Errorf("logged\n%s\nwant\n%s", got, want)
		}
		want := map[string]float64{"approval used": 1, "approval expired-in-use": 1, "approval expired": 1, "approval unused": 1, "waiver unused": 1}
		for range 3 {
			if got := counts(t, registry); !maps.Equal(got, want) {
				t.Errorf("counted %v, want %v", got, want)
			}
			time.Sleep(interval)
			if got := logged(); got != "" {
				t.Errorf("logged again: %s", got)
			}
		}
		broken.Store(true)
		time.Sleep(3 * interval)
		if got, want := logged(), message("cannot read aws-auth to review the policy's approvals: etcd is down"); got != want {
			t.Errorf("logged\n%s\nwant\n%s", got, want)
		}
		broken.Store(false)
		if err := clients.CoreV1().ConfigMaps("kube-system").Delete(t.Context(), "aws-auth", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(interval)
		synctest.Wait()
		if got, want := counts(t, registry), map[string]float64{"approval expired": 2, "approval unused": 2, "waiver unused": 1}; !maps.Equal(got, want) {
			t.Errorf("without an aws-auth: counted %v, want %v", got, want)
		}
	})
}

// counts are the metric's values, by kind and state.
func counts(t *testing.T, registry prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			all[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = m.GetGauge().GetValue()
		}
	}
	return all
}
