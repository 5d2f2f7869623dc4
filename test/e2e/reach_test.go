package e2e

import (
	"context"
	"strings"
	"testing"
)

// asMember are kubectl's flags for a cluster admin who is in another group as well.
func asMember(group string) []string {
	return []string{"--as", "somebody", "--as-group", "system:masters", "--as-group", group}
}

// asUser are kubectl's flags for a username with all rights, such as EKS's own writers.
func asUser(username string) []string {
	return []string{"--as", username, "--as-group", "system:masters"}
}

// other cleans up a ConfigMap of kube-system that is none of the guard's business.
func other(t *testing.T, name string) {
	t.Helper()
	t.Cleanup(func() {
		kubectl(t, "", "delete", "configmap", name, "-n", "kube-system", "--ignore-not-found")
	})
}

// untouched checks that no webhook was asked about any write since m.
func (m mark) untouched(t *testing.T) {
	t.Helper()
	m.want(t, nil) // there is a write at all
	writes, err := m.decisions()
	if err != nil {
		t.Fatal(err)
	}
	for _, annotations := range writes {
		if len(annotations) > 0 {
			t.Errorf("a webhook was asked: %v", annotations)
		}
	}
}

// strangers tries all that concerns no aws-auth of kube-system. It must work whatever becomes of the guard.
func strangers(t *testing.T) {
	t.Helper()
	t.Run("another ConfigMap of kube-system", func(t *testing.T) {
		other(t, "other")
		m := auditMark(t)
		kubectl(t, manifest("other", bad), "apply", "-f", "-").want(t, "configmap/other created\n", 0)
		kubectl(t, manifest("other", base), "apply", "-f", "-").want(t, "configmap/other configured\n", 0)
		kubectl(t, manifest("other", good), "apply", "--server-side", "-f", "-").want(t, "configmap/other serverside-applied\n", 0)
		kubectl(t, manifest("other", base), "replace", "-f", "-").want(t, "configmap/other replaced\n", 0)
		kubectl(t, "", "patch", "configmap", "other", "-n", "kube-system", "-p", patch(t, bad)).want(t, "configmap/other patched\n", 0)
		kubectl(t, "", "delete", "configmap", "other", "-n", "kube-system").want(t, "configmap \"other\" deleted from kube-system namespace\n", 0)
		m.untouched(t)
	})
	t.Run("a name that begins with aws-auth", func(t *testing.T) {
		other(t, "aws-auth-backup")
		m := auditMark(t)
		kubectl(t, manifest("aws-auth-backup", bad), "apply", "-f", "-").want(t, "configmap/aws-auth-backup created\n", 0)
		m.untouched(t)
	})
	t.Run("generateName", func(t *testing.T) {
		m := auditMark(t)
		got := kubectl(t, strings.Replace(manifest("aws-auth", bad), "  name:", "  generateName:", 1), "create", "-o", "name", "-f", "-")
		name := strings.TrimSpace(strings.TrimPrefix(got.text, "configmap/"))
		if got.code != 0 || !strings.HasPrefix(name, "aws-auth") || name == "aws-auth" {
			t.Fatalf("exit code %d:\n%s", got.code, got.text)
		}
		other(t, name)
		m.untouched(t)
	})
	t.Run("an aws-auth of another namespace", func(t *testing.T) {
		mapRoles := strings.ReplaceAll(manifest("aws-auth", bad), "kube-system", "default")
		kubectl(t, mapRoles, "apply", "-f", "-").want(t, "configmap/aws-auth created\n", 0)
		kubectl(t, "", "delete", "configmap", "aws-auth", "-n", "default").want(t, "configmap \"aws-auth\" deleted from default namespace\n", 0)
	})
	t.Run("a collection without aws-auth in it", func(t *testing.T) {
		other(t, "other")
		kubectl(t, manifest("other", base), "apply", "-f", "-").want(t, "configmap/other created\n", 0)
		kubectl(t, "", "label", "configmap", "other", "-n", "kube-system", "app=other").want(t, "configmap/other labeled\n", 0)
		m := auditMark(t)
		got := kubectl(t, "", "delete", "--raw", "/api/v1/namespaces/kube-system/configmaps?labelSelector=app=other")
		if got.code != 0 || !strings.Contains(got.text, `"name":"other"`) {
			t.Errorf("exit code %d:\n%s", got.code, got.text)
		}
		m.untouched(t)
		if got := kubectl(t, "", "get", "configmap", "-n", "kube-system", "-o", "name"); strings.Contains(got.text, "/other\n") {
			t.Errorf("other is still there:\n%s", got.text)
		}
	})
}

func TestOthersAreUntouched(t *testing.T) {
	givenRoles(t, base)
	strangers(t)
	t.Run("the whole collection where there is no aws-auth", func(t *testing.T) {
		given(t, nil)
		m := auditMark(t)
		if got := kubectl(t, "", "delete", "--raw", "/api/v1/namespaces/kube-system/configmaps"); got.code != 0 {
			t.Errorf("exit code %d:\n%s", got.code, got.text)
		}
		m.untouched(t)
	})
}

// EKS's own writers and the break-glass group are never refused, and hear what would have been said.
func TestWhoIsNeverRefused(t *testing.T) {
	for name, c := range map[string]struct {
		as       []string
		admitted bool
		decision string // of the witness
		says     string
	}{
		"eks:node-manager":           {asUser("eks:node-manager"), true, "allow-exempt", "allowed, because the policy exempts you"},
		"eks:fargate-manager":        {asUser("eks:fargate-manager"), true, "allow-exempt", "allowed, because the policy exempts you"},
		"eks:kms-storage-migrator":   {asUser("eks:kms-storage-migrator"), true, "allow-exempt", "allowed, because the policy exempts you"},
		"the break-glass group":      {asMember(breakGlass), true, "allow-break-glass", "allowed, because you are in a break-glass group"},
		"eks:node-managerX":          {asUser("eks:node-managerX"), false, "", ""},
		"eks:anything":               {asUser("eks:anything"), false, "", ""},
		"EKS:node-manager":           {asUser("EKS:node-manager"), false, "", ""},
		"the break-glass group's X":  {asMember(breakGlass + "X"), false, "", ""},
		"a group eks:node-manager":   {asMember("eks:node-manager"), false, "", ""},
		"a user of the group's name": {asUser(breakGlass), false, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			givenRoles(t, base)
			m := auditMark(t)
			got := kubectl(t, manifest("aws-auth", bad), append([]string{"apply", "-f", "-"}, c.as...)...)
			if !c.admitted {
				got.want(t, refusal, 1)
				wantRoles(t, base)
				m.want(t, map[string]string{guardDecision: "deny", guardRules: "AA203"})
				return
			}
			if w := got.warnings(); got.code != 0 || len(w) != 2 || !strings.Contains(w[0], c.says) || !strings.Contains(w[1], "AA203") {
				t.Errorf("exit code %d, want two warnings, %q and AA203:\n%s", got.code, c.says, got.text)
			}
			wantRoles(t, bad)
			m.want(t, map[string]string{witnessDecision: c.decision, witnessRules: "AA203"})
		})
	}
	t.Run("a good edit of an exempt user", func(t *testing.T) {
		givenRoles(t, base)
		m := auditMark(t)
		kubectl(t, manifest("aws-auth", good), append([]string{"apply", "-f", "-"}, asUser("eks:node-manager")...)...).want(t, "configmap/aws-auth configured\n", 0)
		m.want(t, map[string]string{witnessDecision: "allow"})
	})
	t.Run("a deletion behind the broken glass", func(t *testing.T) {
		givenRoles(t, base)
		got := kubectl(t, "", append([]string{"delete", "configmap", "aws-auth", "-n", "kube-system"}, asMember(breakGlass)...)...)
		golden(t, "delete-break-glass", told("delete configmap aws-auth -n kube-system --as somebody --as-group system:masters --as-group "+breakGlass, got))
	})
}

// While no guard answers, aws-auth stays as it is, but for those who can repair it; all else goes on.
func TestGuardDown(t *testing.T) {
	if err := guard.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := guard.Start(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	t.Run("an edit fails", func(t *testing.T) {
		givenRoles(t, base)
		golden(t, "guard-down", told("patch configmap aws-auth -n kube-system --patch-file good.yaml",
			kubectl(t, "", "patch", "configmap", "aws-auth", "-n", "kube-system", "-p", patch(t, good))))
		wantRoles(t, base)
	})
	for name, as := range map[string][]string{"eks:node-manager gets in": asUser("eks:node-manager"), "the break-glass group gets in": asMember(breakGlass)} {
		t.Run(name, func(t *testing.T) {
			givenRoles(t, bad)
			kubectl(t, manifest("aws-auth", good), append([]string{"apply", "-f", "-"}, as...)...).want(t, "configmap/aws-auth configured\n", 0)
			wantRoles(t, good)
			got := kubectl(t, "", append([]string{"delete", "configmap", "aws-auth", "-n", "kube-system"}, as...)...)
			got.want(t, "configmap \"aws-auth\" deleted from kube-system namespace\n", 0)
			kubectl(t, manifest("aws-auth", good), append([]string{"create", "-f", "-"}, as...)...).want(t, "configmap/aws-auth created\n", 0)
		})
	}
	t.Run("eks:node-managerX does not get in", func(t *testing.T) {
		givenRoles(t, base)
		got := kubectl(t, manifest("aws-auth", good), append([]string{"replace", "-f", "-"}, asUser("eks:node-managerX")...)...)
		if got.code != 1 || !strings.Contains(got.text, "failed calling webhook") {
			t.Errorf("exit code %d:\n%s", got.code, got.text)
		}
		wantRoles(t, base)
	})
	t.Run("others are untouched", strangers)
}
