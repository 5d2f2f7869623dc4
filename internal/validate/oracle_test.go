package validate_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	yamlv2 "gopkg.in/yaml.v2"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/aws-iam-authenticator/pkg/config"
	"sigs.k8s.io/aws-iam-authenticator/pkg/mapper/configmap"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// The oracle is the authenticator's own parser, in its strict reading (ParseMap) and in the lenient one that EKS has
// also shipped: yaml.v2 straight into the structs.

func init() { logrus.SetOutput(io.Discard) } // ParseMap logs every complaint

// identity is one mapping, by either reader.
type identity struct{ arn, username, groups string }

func (i identity) admin() bool {
	return slices.Contains(strings.Split(i.groups, "\x00"), "system:masters")
}

func roleIdentity(m config.RoleMapping) identity {
	return identity{m.RoleARN, m.Username, strings.Join(m.Groups, "\x00")}
}

func userIdentity(m config.UserMapping) identity {
	return identity{m.UserARN, m.Username, strings.Join(m.Groups, "\x00")}
}

// ours are the mappings that we say EKS keeps.
func ours(entries []awsauth.Entry) []identity {
	var out []identity
	for _, e := range entries {
		if e.ARN.Value == "" || e.Recovered {
			continue
		}
		var groups []string
		for _, g := range e.Groups {
			groups = append(groups, g.Value)
		}
		out = append(out, identity{e.ARN.Value, e.Username.Value, strings.Join(groups, "\x00")})
	}
	return out
}

func accountsOf(texts []awsauth.Text) []string {
	var out []string
	for _, t := range texts {
		out = append(out, t.Value)
	}
	return out
}

// strict is the authenticator's reading. Entries with an sso block never match on EKS and are left out.
func strict(data map[string]string) (roles, users []identity, accounts []string, err error) {
	u, r, accounts, err := configmap.ParseMap(data)
	for _, m := range r {
		if m.SSO == nil {
			roles = append(roles, roleIdentity(m))
		}
	}
	for _, m := range u {
		users = append(users, userIdentity(m))
	}
	return roles, users, accounts, err
}

// lenient is yaml.v2 straight into the structs, after the authenticator's own list of skippable values.
func lenient(data map[string]string) (roles, users []identity, accounts []string, err error) {
	skip := func(s string) bool { return slices.Contains([]string{"", "``", `""`, "''"}, strings.TrimSpace(s)) }
	var r []config.RoleMapping
	var u []config.UserMapping
	for key, into := range map[string]any{awsauth.MapRoles: &r, awsauth.MapUsers: &u, awsauth.MapAccounts: &accounts} {
		if text, ok := data[key]; ok && !skip(text) {
			if e := yamlv2.Unmarshal([]byte(text), into); e != nil {
				err = e
			}
		}
	}
	for _, m := range r {
		roles = append(roles, roleIdentity(m))
	}
	for _, m := range u {
		users = append(users, userIdentity(m))
	}
	return roles, users, accounts, err
}

// reading is one way to read a document.
type reading func(map[string]string) (roles, users []identity, accounts []string, err error)

// agree says how our reading differs from another, or "".
func agree(data map[string]string, read reading) string {
	doc, _ := awsauth.Parse(data)
	roles, users, accounts, err := read(data)
	switch {
	case err != nil:
		return fmt.Sprintf("it complains: %v", err)
	case !slices.Equal(ours(doc.Roles), roles):
		return fmt.Sprintf("mapRoles: ours %q, its %q", ours(doc.Roles), roles)
	case !slices.Equal(ours(doc.Users), users):
		return fmt.Sprintf("mapUsers: ours %q, its %q", ours(doc.Users), users)
	case !slices.Equal(accountsOf(doc.Accounts), accounts) && len(accounts)+len(doc.Accounts) > 0:
		return fmt.Sprintf("mapAccounts: ours %q, its %q", accountsOf(doc.Accounts), accounts)
	}
	return ""
}

// textOnly is a validator that judges the text and nothing that depends on what a cluster allows, so that the fuzzer
// spends its time on documents that are allowed.
func textOnly(t testing.TB) *validate.Validator {
	t.Helper()
	p := policy.Default()
	p.Rules = map[string]policy.Severity{}
	for _, r := range validate.Catalogue() {
		if r.ID >= "AA2" && r.ID != "AA205" {
			p.Rules[r.ID] = policy.Off
		}
	}
	v, err := validate.New(p)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func aconfigmap(data map[string]string) *corev1.ConfigMap {
	cm := &corev1.ConfigMap{Data: data}
	cm.Name, cm.Namespace = "aws-auth", "kube-system"
	return cm
}

func create(v *validate.Validator, data map[string]string) validate.Report {
	return v.Validate(context.Background(), validate.Request{Operation: validate.Create, New: aconfigmap(data)})
}
