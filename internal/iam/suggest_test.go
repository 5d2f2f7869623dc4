package iam_test

import (
	"context"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

// To whom names are shown that the edit does not hold.
func TestWhoSeesNames(t *testing.T) {
	t.Parallel()
	const listed = "iam: {suggestOtherAccounts: {usernames: [alice], groups: [auditors]}}\n"
	callers := map[string]authenticationv1.UserInfo{
		"nobody in particular": {Username: "mallory", Groups: []string{"system:authenticated"}},
		"a listed username":    {Username: "alice", Groups: []string{"system:authenticated"}},
		"a listed group":       {Username: "bob", Groups: []string{"auditors", "system:authenticated"}},
		"in other letters":     {Username: "Alice", Groups: []string{"Auditors", "system:authenticated"}},
		"without a username":   {Groups: []string{"system:authenticated"}},
		"the command line":     {},
	}
	sees := map[string]bool{"a listed username": true, "a listed group": true, "the command line": true}
	role := func(arn string) map[string]string {
		return map[string]string{"mapRoles": "- rolearn: " + arn + "\n  username: ci\n  groups: [deployers]\n"}
	}
	for name, tt := range map[string]struct {
		added        map[string]string
		rule, hidden string // hidden is what only some may see
		shown        string // what everybody sees
	}{
		"a misspelt role of the own account":   {added: role(own + "role/deplyoer"), rule: "AA301", shown: "did you mean " + own + "role/deployer?"},
		"a role of the own name there":         {added: role(other + "role/ci"), rule: "AA301", shown: "did you mean " + own + "role/ci?"},
		"a misspelt role of another account":   {added: role(other + "role/auditro"), rule: "AA301", hidden: "role/auditor", shown: "IAM has no role"},
		"a user in the place of a role":        {added: role(other + "role/bob"), rule: "AA301", hidden: "user/people/bob", shown: "IAM has no role"},
		"a user under another path":            {added: map[string]string{"mapUsers": "- userarn: " + other + "user/bob\n  username: b\n  groups: [x]\n"}, rule: "AA301", hidden: "people", shown: "is not the ARN of user \"bob\""},
		"a permission set's name, but no such": {added: role(other + "role/AWSReservedSSO_Admin_0123456789abcdef"), rule: "AA301", hidden: "/secret/", shown: "has the name of an IAM Identity Center (SSO) role"},
		"who may assume a node's role": {added: map[string]string{"mapRoles": "- rolearn: " + other + "role/trusting\n  username: system:node:{{SessionName}}\n  groups: [system:nodes]\n"},
			rule: "AA408", hidden: "role/boss", shown: "may assume that role"},
	} {
		for caller, user := range callers {
			for _, policyText := range []string{reading, reading + listed} {
				t.Run(name+"/"+caller+"/"+map[bool]string{true: "listed", false: "default"}[policyText != reading], func(t *testing.T) {
					t.Parallel()
					bubble(t, func(t *testing.T) {
						s := seed()
						s.Users = append(s.Users[:2:2], fake.User{ARN: other + "user/people/bob"})
						s.Roles = append(s.Roles, fake.Role{ARN: other + "role/secret/AWSReservedSSO_Admin_0123456789abcdef"}, fake.Role{ARN: other + "role/trusting", Trusts: []string{other + "role/boss"}})
						w := memoryWorld(t, "guard", policyText, s)
						v, err := validate.New(parsePolicy(t, policyText), validate.WithPorts(validate.Ports{Principals: w.directory}))
						if err != nil {
							t.Fatal(err)
						}
						object := func(more map[string]string) *corev1.ConfigMap {
							c := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "aws-auth", Namespace: "kube-system"}, Data: map[string]string{"mapRoles": nodeRole}}
							for k, text := range more {
								c.Data[k] += text
							}
							return c
						}
						ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
						defer cancel()
						report := v.Validate(ctx, validate.Request{Operation: validate.Update, Old: object(nil), New: object(tt.added), User: user})
						var said strings.Builder
						found := false
						for _, f := range report.Findings {
							found = found || f.Rule == tt.rule
							said.WriteString(f.Sentence() + "\n")
						}
						text := strings.NewReplacer(other+"role/AWSReservedSSO", "", other+"role/trusting", "", other+"user/bob", "").Replace(said.String()) // what was asked for
						if report.Allowed || !found || !strings.Contains(said.String(), tt.shown) {
							t.Errorf("want a denial by %s that says %q, got:\n%s", tt.rule, tt.shown, said.String())
						}
						want := sees[caller] && (policyText != reading || caller == "the command line")
						if tt.hidden != "" && strings.Contains(text, tt.hidden) != want {
							t.Errorf("%q is shown: %t, want %t, in:\n%s", tt.hidden, !want, want, said.String())
						}
					})
				})
			}
		}
	}
}
