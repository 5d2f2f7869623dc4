package validate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// What RBAC makes of a name counts from the next edit on.
func TestRBACChanges(t *testing.T) {
	rbac := &privileges{known: &privilege.Equivalents{}}
	v, err := validate.New(policy.Default(), validate.WithPorts(validate.Ports{Privileges: rbac}))
	if err != nil {
		t.Fatal(err)
	}
	ops := "- rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n  groups: [ops]\n"
	add := validate.Request{Operation: validate.Update, Old: aconfigmap(roles0(nodeRole)), New: aconfigmap(roles0(nodeRole + ops))}
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
		if got := fmt.Sprint(findingsOf(rep)); rep.Allowed != step.allowed || !strings.Contains(got, step.rule) || step.rule == "" && len(rep.Findings) > 0 {
			t.Errorf("%s: allowed %v, %s; want %v and %q", step.name, rep.Allowed, got, step.allowed, step.rule)
		}
	}
}
