package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

const helperMayImpersonate = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: helper}
rules:
- {verbs: [impersonate], apiGroups: [""], resources: [groups], resourceNames: [platform-admins]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: helper}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: helper}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: helpers}
`

// RBAC from a file counts without a cluster, and is read again with every policy: its groups are part of the question.
func TestRBACFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rbac.yaml")
	if err := os.WriteFile(file, []byte(helperMayImpersonate), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := (&options{standalone: true, rbac: file}).connectPrivileges(logr.Discard(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		policy *policy.Policy
		want   bool
	}{
		"a group like any other": {policy.Default(), false},
		"a privileged group":     {&policy.Policy{Exempt: &policy.Exempt{}, Privileged: policy.Privileged{Groups: []string{"platform-admins"}}}, true},
		"a break-glass group":    {&policy.Policy{Exempt: &policy.Exempt{}, BreakGlass: policy.BreakGlass{Groups: []string{"platform-admins"}}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var ports validate.Ports
			p.connect(&ports, tt.policy)
			known, err := ports.Privileges.Equivalents()
			if err != nil {
				t.Fatal(err)
			}
			if got := known.Groups["helpers"] != ""; got != tt.want {
				t.Errorf("helpers is privileged: %v", got)
			}
			if ports.Grants != nil {
				t.Error("a cluster is asked")
			}
		})
	}
}

func TestRBACFlag(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nruels: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{bad: `unknown field "ruels"`, filepath.Join(t.TempDir(), "none.yaml"): "no such file"} {
		if _, err := (&options{standalone: true, rbac: flag}).connectPrivileges(logr.Discard(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--rbac %s: %v, want %q", flag, err, want)
		}
	}
	for _, flag := range []string{"", "off"} {
		p, err := (&options{standalone: true, rbac: flag}).connectPrivileges(logr.Discard(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var ports validate.Ports
		if p.connect(&ports, policy.Default()); ports.Privileges != nil || ports.Grants != nil || len(p.tasks()) > 0 || len(p.checks()) > 0 {
			t.Errorf("--rbac %q with --standalone: something is asked", flag)
		}
	}
}
