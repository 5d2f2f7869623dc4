package main_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const opsEntry = "- rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n  groups: [ops]\n"

// testPrivileges binds and unbinds a group, and grants and asks whether one may.
func (c *cluster) testPrivileges(t *testing.T, r *replica) {
	c.eventually(t, func() error {
		if _, detail := r.get("/readyz"); !strings.Contains(detail, "[+] rbac access: ok") {
			return errors.New(detail)
		}
		return nil
	})
	c.eventually(t, func() error { return c.edit(nodesEntry + opsEntry) })

	everything := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "ops-admin"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "ops"}}}
	if err := c.admin.Create(t.Context(), everything); err != nil {
		t.Fatal(err)
	}
	refused := func(words string) func() error {
		return func() error {
			if err := c.edit(nodesEntry + opsEntry); err == nil || !strings.Contains(strings.Join(strings.Fields(err.Error()), " "), words) { // lines are wrapped
				return fmt.Errorf("got %v, want %q", err, words)
			}
			return nil
		}
	}
	c.eventually(t, refused(`AA402 unapproved-equivalent: group "ops" makes arn:aws:iam::111122223333:role/ops equivalent to cluster-admin `+
		"(group ops -> ClusterRoleBinding ops-admin -> ClusterRole cluster-admin (* on *))"))

	const approved = "privileged:\n  approvals:\n  - {arn: 'arn:aws:iam::111122223333:role/ops', groups: [ops], reason: on call}\n"
	c.setPolicy(t, approved)
	c.eventually(t, func() error { return c.edit(nodesEntry + opsEntry) })

	// An editor who is no admin may add it only when RBAC says so.
	c.setPolicy(t, approved+"  subjectAccessReview: true\n")
	editor := c.editor(t)
	tryEditor := func() error { return update(t, editor, nodesEntry+opsEntry, true) }
	c.eventually(t, func() error {
		if err := tryEditor(); err == nil || !strings.Contains(err.Error(), `RBAC does not allow "editor" to grant`) {
			return fmt.Errorf("got %v, want the editor refused", err)
		}
		return nil
	})
	c.eventually(t, func() error { return c.edit(nodesEntry + opsEntry) }) // system:masters may everything
	c.role(t, "granter", "editor", rbacv1.PolicyRule{Verbs: []string{"grant"}, APIGroups: []string{"aws-auth-guard.io"},
		Resources: []string{"privilegedgroups"}, ResourceNames: []string{"ops"}})
	c.eventually(t, tryEditor)

	c.setPolicy(t, "")
	if err := c.admin.Delete(t.Context(), everything); err != nil {
		t.Fatal(err)
	}
	c.eventually(t, func() error { return c.edit(nodesEntry + opsEntry) })
	if status, metrics := r.getMetrics(); status != http.StatusOK || !strings.Contains(metrics, `aws_auth_guard_rbac_readable{resource="rolebindings"} 1`) {
		t.Errorf("metrics: %d, no sign that RBAC is readable", status)
	}
}

// editor may edit aws-auth and nothing else.
func (c *cluster) editor(t *testing.T) client.Client {
	t.Helper()
	c.role(t, "editor", "editor", rbacv1.PolicyRule{Verbs: []string{"get", "update"}, APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{"aws-auth"}})
	config := rest.CopyConfig(c.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "editor", Groups: []string{"system:authenticated"}}
	editor, err := client.New(config, client.Options{Scheme: c.admin.Scheme(), Mapper: c.admin.RESTMapper()})
	if err != nil {
		t.Fatal(err)
	}
	return editor
}

// role binds a user to a ClusterRole of its own.
func (c *cluster) role(t *testing.T, name, user string, rules ...rbacv1.PolicyRule) {
	t.Helper()
	for _, o := range []client.Object{
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules},
		&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}}},
	} {
		if err := c.admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// testBreakGlass: somebody in a break-glass group maps an unapproved admin. A warning and an Event say that the edit would be
// denied otherwise.
func (c *cluster) testBreakGlass(t *testing.T) {
	c.setPolicy(t, "breakGlass: {groups: [glass]}")
	config := rest.CopyConfig(c.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "rescuer", Groups: []string{"system:masters", "glass"}}
	warnings := &warnings{}
	config.WarningHandler = warnings
	rescuer, err := client.New(config, client.Options{Scheme: c.admin.Scheme(), Mapper: c.admin.RESTMapper()})
	if err != nil {
		t.Fatal(err)
	}
	masters := strings.Replace(opsEntry, "[ops]", "['system:masters']", 1)
	c.eventually(t, func() error { return update(t, rescuer, nodesEntry+masters, false) })
	for _, want := range []string{"you are in a break-glass group; it would be denied otherwise", "AA401 unapproved-grant"} {
		if !strings.Contains(warnings.text(), want) {
			t.Errorf("want the warning %q in:\n%s", want, warnings.text())
		}
	}
	c.eventually(t, func() error {
		return c.event("AllowedDespiteError", `UPDATE by "rescuer" was allowed (break-glass) and would be denied otherwise: AA401`)
	})
	if err := update(t, rescuer, nodesEntry, false); err != nil {
		t.Fatal(err)
	}
	c.setPolicy(t, "")
}

// warnings keeps what the API server warns of.
type warnings struct {
	mu  sync.Mutex
	all []string
}

func (w *warnings) HandleWarningHeader(_ int, _ string, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, text)
}

func (w *warnings) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.all, "\n")
}
