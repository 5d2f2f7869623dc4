package admission_test

import (
	"context"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/aws-auth-guard/aws-auth-guard/internal/admission"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// TestExcused: an edit is reported that would be denied otherwise, and that really happens.
func TestExcused(t *testing.T) {
	p := policy.Default()
	p.BreakGlass.Groups = []string{"break-glass"}
	v, err := validate.New(p)
	if err != nil {
		t.Fatal(err)
	}
	const before = `{"metadata":{"name":"aws-auth","namespace":"kube-system","uid":"u-1"},"data":{"mapUsers":"[]"}}`
	bad := `{"metadata":{"name":"aws-auth","namespace":"kube-system"},"data":{"mapUsers":"- userarn: nobody\n  username: nobody\n  groups: [nobody]\n"}}`
	for name, test := range map[string]struct {
		user   authenticationv1.UserInfo
		object string
		dryRun bool
		want   []admission.Excused
	}{
		"break-glass": {authenticationv1.UserInfo{Username: "oncall", Groups: []string{"break-glass"}}, bad, false,
			[]admission.Excused{{Operation: admissionv1.Update, Username: "oncall", UID: "u-1", Why: "break-glass", Rules: "AA201"}}},
		"EKS's writer": {authenticationv1.UserInfo{Username: "eks:node-manager"}, bad, false,
			[]admission.Excused{{Operation: admissionv1.Update, Username: "eks:node-manager", UID: "u-1", Why: "exempt", Rules: "AA201"}}},
		"a dry run":       {authenticationv1.UserInfo{Username: "eks:node-manager"}, bad, true, nil},
		"nothing to say":  {authenticationv1.UserInfo{Username: "eks:node-manager"}, before, false, nil},
		"somebody denied": {authenticationv1.UserInfo{Username: "somebody"}, bad, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []admission.Excused
			h := &admission.Handler{Validator: func() *validate.Validator { return v }, Log: logr.Discard(),
				Excused: func(x admission.Excused) { got = append(got, x) }}
			h.Handle(context.Background(), ctrladmission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
				Operation: admissionv1.Update, Namespace: "kube-system", Name: "aws-auth", UserInfo: test.user, DryRun: &test.dryRun,
				Object: runtime.RawExtension{Raw: []byte(test.object)}, OldObject: runtime.RawExtension{Raw: []byte(before)}}})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("reported (-want +got):\n%s", diff)
			}
		})
	}
}
