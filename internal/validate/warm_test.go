package validate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// What a validator has judged before makes it quicker, and nothing else: every golden case gets the same report from one
// that has judged its old and new object in all orders.
func TestJudgedBefore(t *testing.T) {
	for _, c := range goldenCases(t) {
		t.Run(c.name, func(t *testing.T) {
			cold, req := c.run(t), c.request()
			v, err := validate.New(c.policy, validate.WithClock(func() time.Time { return clock }), validate.WithPorts(c.ports(t)))
			if err != nil {
				t.Fatal(err)
			}
			for _, cm := range []*corev1.ConfigMap{req.Old, req.New} {
				if cm != nil {
					v.Validate(t.Context(), validate.Request{Operation: validate.Create, New: cm})
				}
			}
			if req.Operation == validate.Update {
				v.Validate(t.Context(), validate.Request{Operation: validate.Update, Old: req.New, New: req.Old, User: req.User})
			}
			for range 2 {
				if diff := cmp.Diff(cold, v.Validate(t.Context(), req), cmp.AllowUnexported(validate.Finding{})); diff != "" {
					t.Errorf("(-cold +warm):\n%s", diff)
				}
			}
		})
	}
}

// Nor does it matter which other objects a validator has judged: each gets the report that a new validator gives.
func TestJudgedAmongOthers(t *testing.T) {
	objects := []*corev1.ConfigMap{aconfigmap(roles0(nodes + "- {}\n")), aconfigmap(roles0(nodes + "- sso: {permissionSetName: Admin, accountID: '111122223333'}\n"))}
	for _, c := range goldenCases(t) {
		req := c.request()
		for _, cm := range []*corev1.ConfigMap{req.Old, req.New} {
			if cm != nil {
				objects = append(objects, cm)
			}
		}
	}
	warm := validator(t, "")
	for range 2 {
		for _, cm := range objects {
			req := validate.Request{Operation: validate.Create, New: cm}
			cold := validator(t, "").Validate(t.Context(), req)
			if diff := cmp.Diff(cold, warm.Validate(t.Context(), req), cmp.AllowUnexported(validate.Finding{})); diff != "" {
				t.Errorf("%v (-cold +warm):\n%s", cm.Data, diff)
			}
		}
	}
}

// What RBAC makes of a name counts from the next edit on, also for entries that were judged before.
func TestRBACChanges(t *testing.T) {
	rbac := &privileges{known: &privilege.Equivalents{}}
	v, err := validate.New(policy.Default(), validate.WithPorts(validate.Ports{Privileges: rbac}))
	if err != nil {
		t.Fatal(err)
	}
	ops := "- rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n  groups: [ops]\n"
	add := validate.Request{Operation: validate.Update, Old: aconfigmap(roles0(nodes)), New: aconfigmap(roles0(nodes + ops))}
	remove := validate.Request{Operation: validate.Update, Old: add.New, New: add.Old}
	for _, step := range []struct {
		name    string
		known   *privilege.Equivalents
		req     validate.Request
		allowed bool
		rule    string
	}{
		{"nothing is known of it", &privilege.Equivalents{}, add, true, ""},
		{"it is an admin now", &privilege.Equivalents{Groups: map[string]string{"ops": "group ops -> all"}}, add, false, "AA402"},
		{"it was the last one", &privilege.Equivalents{Groups: map[string]string{"ops": "group ops -> all"}}, remove, true, "AA507"},
		{"it is none any more", &privilege.Equivalents{}, remove, true, ""},
		{"nor is it when it comes", &privilege.Equivalents{}, add, true, ""},
	} {
		rbac.known = step.known
		rep := v.Validate(t.Context(), step.req)
		if got := fmt.Sprint(told(rep)); rep.Allowed != step.allowed || !strings.Contains(got, step.rule) || step.rule == "" && len(rep.Findings) > 0 {
			t.Errorf("%s: allowed %v, %s; want %v and %q", step.name, rep.Allowed, got, step.allowed, step.rule)
		}
	}
}
