package validate_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// What an edit with many templates costs does not grow with the number of names of which RBAC does not say enough: the one that is
// reported is found without a list of all that match.
func TestTemplatesAmongManyUnknownNames(t *testing.T) {
	const templates = 40
	var edited strings.Builder
	edited.WriteString(nodeRole)
	for i := range templates {
		fmt.Fprintf(&edited, "- rolearn: arn:aws:iam::111122223333:role/r%d\n  username: 'user-{{SessionName}}'\n  groups: ['group-{{SessionName}}', 'other-{{SessionName}}']\n", i)
	}
	p, err := policy.Parse([]byte("apiVersion: aws-auth-guard.io/v1alpha1\nkind: Policy\nprivileged: {onUnreadable: deny}\nrules: {AA403: 'off'}\n"))
	if err != nil {
		t.Fatal(err)
	}
	cost := func(names int) uint64 {
		partial := &privilege.Partial{Kinds: []string{"clusterroles"}, Why: errors.New("cannot read clusterroles: forbidden"), Groups: map[string]string{}, Usernames: map[string]string{}}
		for i := range names {
			partial.Groups[fmt.Sprintf("group-%05d", i)], partial.Usernames[fmt.Sprintf("user-%05d", i)] = "evidence", "evidence"
		}
		v, err := validate.New(p, validate.WithPorts(validate.Ports{Privileges: privileges{known: &privilege.Equivalents{Partial: partial}}}))
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := v.Validate(t.Context(), validate.Request{Operation: validate.Update, Old: aconfigmap(roles0(nodeRole)), New: aconfigmap(roles0(edited.String()))})
		runtime.ReadMemStats(&after)
		n := 0
		for _, f := range r.Findings {
			if f.Rule == "AA402" {
				n++
				if !strings.Contains(f.Message, "can become group-00000") && !strings.Contains(f.Message, "can become user-00000") {
					t.Errorf("%q does not name the first that the template can become", f.Message)
				}
			}
		}
		if n != 2*templates || r.Allowed {
			t.Errorf("%d names: %d findings, allowed %v, want one for each template that can become one", names, n, r.Allowed)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	few, many := cost(10), cost(5_000)
	t.Logf("%d kB among 10 names, %d kB among 5,000", few>>10, many>>10)
	if many > 3*few {
		t.Errorf("%d bytes among 5,000 names, %d among 10", many, few)
	}
}

// grantsAsked notes what the cluster's authorizer is asked, and allows it all but one name.
type grantsAsked struct {
	denied string
	asked  []string
}

func (g *grantsAsked) MayGrant(_ context.Context, _ authenticationv1.UserInfo, resource, name string) (bool, string, error) {
	g.asked = append(g.asked, resource+"/"+name)
	return name != g.denied, "", nil
}

// An approval of system:masters covers all that a template can become, known or not: the authorizer is asked for that once, and not
// for each of the names. What is approved by name is asked for by name.
func TestAuthorizerIsAskedOnceForATemplate(t *testing.T) {
	p, err := policy.Parse([]byte("apiVersion: aws-auth-guard.io/v1alpha1\nkind: Policy\nprivileged:\n  onUnreadable: deny\n  subjectAccessReview: true\n" +
		"  approvals: [{arn: 'arn:aws:iam::111122223333:role/ops', groups: ['system:masters', group-00007], reason: on call}]\nrules: {AA403: 'off'}\n"))
	if err != nil {
		t.Fatal(err)
	}
	partial := &privilege.Partial{Kinds: []string{"clusterroles"}, Why: errors.New("cannot read clusterroles: forbidden"), Groups: map[string]string{}}
	for i := range 500 {
		partial.Groups[fmt.Sprintf("group-%05d", i)] = "evidence"
	}
	entry := "- rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n  groups: ['group-{{SessionName}}']\n"
	for denied, allowed := range map[string]bool{"": true, "system:masters": false} {
		grants := &grantsAsked{denied: denied}
		v, err := validate.New(p, validate.WithPorts(validate.Ports{Privileges: privileges{known: &privilege.Equivalents{Partial: partial}}, Grants: grants}))
		if err != nil {
			t.Fatal(err)
		}
		r := v.Validate(t.Context(), validate.Request{Operation: validate.Update, Old: aconfigmap(roles0(nodeRole)), New: aconfigmap(roles0(nodeRole + entry)),
			User: authenticationv1.UserInfo{Username: "alice"}})
		if r.Allowed != allowed {
			t.Errorf("the authorizer denies %q: allowed %v, want %v: %v", denied, r.Allowed, allowed, r.Findings)
		}
		if len(grants.asked) > 2 || !slices.Contains(grants.asked, "privilegedgroups/system:masters") {
			t.Errorf("the authorizer is asked %d times, want for system:masters and for what is approved by name: %.200v", len(grants.asked), grants.asked)
		}
	}
}
