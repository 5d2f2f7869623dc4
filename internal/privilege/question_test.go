package privilege_test

import (
	"context"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
)

// authorizer allows one name, and counts what it is asked.
type authorizer struct {
	allowed string
	asked   int
}

func (a *authorizer) MayGrant(_ context.Context, user authenticationv1.UserInfo, resource, name string) (bool, string, error) {
	a.asked++
	return name == a.allowed, user.Username + " " + resource, nil
}

func TestAsking(t *testing.T) {
	a := &authorizer{allowed: "ops"}
	ask := privilege.Asking(t.Context(), a, authenticationv1.UserInfo{Username: "alice"})
	for range 2 {
		if r := ask(privilege.Question{Resource: "privilegedgroups", Name: "ops"}); !r.Allowed || r.Reason != "alice privilegedgroups" || r.Err != nil {
			t.Errorf("%+v, want allowed", r)
		}
		if r := ask(privilege.Question{Resource: "privilegedgroups", Name: "system:masters"}); r.Allowed {
			t.Errorf("%+v, want denied", r)
		}
	}
	if a.asked != 2 {
		t.Errorf("asked %d times, want once about each", a.asked)
	}
	if r := privilege.Asking(t.Context(), nil, authenticationv1.UserInfo{})(privilege.Question{}); r.Allowed || r.Err == nil {
		t.Errorf("%+v without an authorizer, want an error", r)
	}
}
