package watch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac/watch"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

const account = "system:serviceaccount:guard:aws-auth-guard"

// eventually waits for a change to come through.
func eventually(t *testing.T, is func() error) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := is()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %v", err)
		}
	}
}

func controlPlane(t *testing.T) (admin *kubernetes.Clientset, guard *rest.Config) {
	t.Helper()
	cluster := guarded.StartFor(t)
	admin, err := kubernetes.NewForConfig(cluster.Config)
	if err != nil {
		t.Fatal(err)
	}
	guard = rest.CopyConfig(cluster.Config)
	guard.Impersonate = rest.ImpersonationConfig{UserName: account, Groups: []string{"system:serviceaccounts", "system:authenticated"}}
	return admin, guard
}

func clusterRole(t *testing.T, admin kubernetes.Interface, name string, rules ...rbacv1.PolicyRule) {
	t.Helper()
	_, err := admin.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func bind(t *testing.T, admin kubernetes.Interface, name, role, kind, subject string) {
	t.Helper()
	_, err := admin.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: kind, Name: subject}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// TestWatcher follows a cluster from a guard without rights to changes in RBAC.
func TestWatcher(t *testing.T) {
	admin, config := controlPlane(t)
	registry := prometheus.NewRegistry()
	w, err := watch.New(config, rbac.Guard{Namespace: "guard"}, logr.Discard(), registry)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Check(nil); err == nil {
		t.Error("ready before RBAC was looked at")
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Start(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()

	eventually(t, func() error { return w.Check(nil) })
	if _, err := w.Equivalents(); err == nil || !strings.Contains(err.Error(), "forbidden") {
		t.Errorf("without rights: %v, want the API server's refusal", err)
	}
	const unreadable = `
# HELP aws_auth_guard_rbac_readable 1 while the guard can watch this kind of RBAC object; if 0, what it knows may be stale or missing.
# TYPE aws_auth_guard_rbac_readable gauge
aws_auth_guard_rbac_readable{resource="clusterrolebindings"} %[1]d
aws_auth_guard_rbac_readable{resource="clusterroles"} %[1]d
aws_auth_guard_rbac_readable{resource="rolebindings"} %[1]d
aws_auth_guard_rbac_readable{resource="roles"} %[1]d
`
	metric := func(value int) error {
		return testutil.GatherAndCompare(registry, strings.NewReader(fmt.Sprintf(unreadable, value)), "aws_auth_guard_rbac_readable")
	}
	if err := metric(0); err != nil {
		t.Error(err)
	}

	clusterRole(t, admin, "guard", rbacv1.PolicyRule{Verbs: []string{"get", "list", "watch"}, APIGroups: []string{rbacv1.GroupName},
		Resources: []string{"clusterroles", "clusterrolebindings", "roles", "rolebindings"}})
	bind(t, admin, "guard", "guard", rbacv1.UserKind, account)
	eventually(t, func() error {
		known, err := w.Equivalents()
		if err == nil && known.Partial != nil { // the kinds come one by one
			err = known.Partial.Why
		}
		return err
	})
	eventually(t, func() error { return metric(1) })

	// What Kubernetes itself comes with makes no ordinary group privileged.
	known, err := w.Equivalents()
	if err != nil {
		t.Fatal(err)
	}
	if len(known.Groups) != 1 || known.Groups["system:masters"] == "" {
		t.Errorf("on a new cluster these groups are privileged: %v, want system:masters alone", known.Groups)
	}
	if known.Usernames["system:serviceaccount:kube-system:clusterrole-aggregation-controller"] == "" || known.Usernames["system:kube-controller-manager"] == "" {
		t.Errorf("the control plane's own are missing in %v", known.Usernames)
	}

	// Without its ClusterRoles, nothing that everybody has of it is unknown.
	fresh, err := watch.Read(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	fresh.ClusterRoles, fresh.Unreadable = nil, map[string]error{rbac.ClusterRoles: errors.New("forbidden")}
	part := rbac.Resolve(fresh, rbac.Guard{Namespace: "guard"})
	if len(part.Groups) != 1 || part.Groups["system:masters"] == "" {
		t.Errorf("without ClusterRoles these groups are privileged: %v, want system:masters alone", part.Groups)
	}
	for _, everyone := range []string{"system:authenticated", "system:unauthenticated", "system:serviceaccounts"} {
		if why := part.Partial.Groups[everyone]; why != "" {
			t.Errorf("%s is unknown: %s", everyone, why)
		}
	}

	bind(t, admin, "ops-admin", "cluster-admin", rbacv1.GroupKind, "ops")
	is := func(want string) func() error {
		return func() error {
			known, err := w.Equivalents()
			if err != nil {
				return err
			}
			if got := known.Groups["ops"]; got != want {
				return fmt.Errorf("got %q, want %q", got, want)
			}
			return nil
		}
	}
	eventually(t, is("group ops -> ClusterRoleBinding ops-admin -> ClusterRole cluster-admin (* on *)"))
	if err := admin.RbacV1().ClusterRoleBindings().Delete(t.Context(), "ops-admin", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, is(""))

	// A role that is bound already gets another rule.
	clusterRole(t, admin, "ops", rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}})
	bind(t, admin, "ops", "ops", rbacv1.GroupKind, "ops")
	role, err := admin.RbacV1().ClusterRoles().Get(t.Context(), "ops", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	role.Rules[0].Resources = append(role.Rules[0].Resources, "secrets")
	if _, err := admin.RbacV1().ClusterRoles().Update(t.Context(), role, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, is("group ops -> ClusterRoleBinding ops -> ClusterRole ops (get secrets in kube-system)"))

	// The policy's own groups count when somebody may impersonate them.
	clusterRole(t, admin, "helper", rbacv1.PolicyRule{Verbs: []string{"impersonate"}, APIGroups: []string{""}, Resources: []string{"groups"}, ResourceNames: []string{"platform-admins"}})
	bind(t, admin, "helper", "helper", rbacv1.GroupKind, "helpers")
	w.SetGroups([]string{"platform-admins"})
	eventually(t, func() error {
		if known, _ := w.Equivalents(); known.Groups["helpers"] == "" {
			return fmt.Errorf("helpers is not among %v", known.Groups)
		}
		return nil
	})

	// So do its usernames.
	clusterRole(t, admin, "stand-in", rbacv1.PolicyRule{Verbs: []string{"impersonate"}, APIGroups: []string{""}, Resources: []string{"users"}, ResourceNames: []string{"alice"}})
	bind(t, admin, "stand-in", "stand-in", rbacv1.GroupKind, "stand-ins")
	w.SetUsernames([]string{"alice"})
	eventually(t, func() error {
		if known, _ := w.Equivalents(); known.Groups["stand-ins"] == "" {
			return fmt.Errorf("stand-ins is not among %v", known.Groups)
		}
		return nil
	})

	// The same, read once.
	objects, err := watch.Read(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if known := rbac.Resolve(objects, rbac.Guard{Namespace: "guard"}); known.Groups["ops"] == "" || known.Groups["helpers"] != "" {
		t.Errorf("read once: %v", known.Groups)
	}
}

// TestGrants asks the real authorizer.
func TestGrants(t *testing.T) {
	admin, config := controlPlane(t)
	g, err := watch.NewGrants(config)
	if err != nil {
		t.Fatal(err)
	}
	bob := authenticationv1.UserInfo{Username: "bob", Groups: []string{"leads", "system:authenticated"}, Extra: map[string]authenticationv1.ExtraValue{"arn": {"arn:aws:iam::111122223333:user/bob"}}}
	if _, _, err := g.MayGrant(t.Context(), bob, "privilegedgroups", "system:masters"); err == nil || !strings.Contains(err.Error(), "forbidden") {
		t.Errorf("without the right to ask: %v, want the API server's refusal", err)
	}
	clusterRole(t, admin, "guard", rbacv1.PolicyRule{Verbs: []string{"create"}, APIGroups: []string{"authorization.k8s.io"}, Resources: []string{"subjectaccessreviews"}})
	bind(t, admin, "guard", "guard", rbacv1.UserKind, account)
	may := func(user authenticationv1.UserInfo, resource, name string) (allowed bool) {
		eventually(t, func() (err error) {
			allowed, _, err = g.MayGrant(t.Context(), user, resource, name)
			return err
		})
		return allowed
	}
	if may(bob, "privilegedgroups", "system:masters") {
		t.Error("bob may, and nobody said so")
	}
	clusterRole(t, admin, "granter", rbacv1.PolicyRule{Verbs: []string{"grant"}, APIGroups: []string{"aws-auth-guard.io"}, Resources: []string{"privilegedgroups"}, ResourceNames: []string{"ops"}})
	bind(t, admin, "granter", "granter", rbacv1.GroupKind, "leads")
	eventually(t, func() error {
		if !may(bob, "privilegedgroups", "ops") {
			return fmt.Errorf("bob may not")
		}
		return nil
	})
	for name, tt := range map[string]struct {
		user           authenticationv1.UserInfo
		resource, name string
		want           bool
	}{
		"another group":                    {bob, "privilegedgroups", "system:masters", false},
		"a username of that name":          {bob, "privilegedusernames", "ops", false},
		"somebody else":                    {authenticationv1.UserInfo{Username: "carol"}, "privilegedgroups", "ops", false},
		"system:masters may everything":    {authenticationv1.UserInfo{Username: "root", Groups: []string{"system:masters"}}, "privilegedgroups", "system:masters", true},
		"a cluster-admin may by * on *":    {authenticationv1.UserInfo{Username: "dave", Groups: []string{"admins"}}, "privilegedgroups", "system:masters", true},
		"without groups, what bob is not":  {authenticationv1.UserInfo{Username: "bob"}, "privilegedgroups", "ops", false},
		"the exact name of the group only": {bob, "privilegedgroups", "op", false},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(name, "a cluster-admin") {
				bind(t, admin, "admins", "cluster-admin", rbacv1.GroupKind, "admins")
				eventually(t, func() error {
					if !may(tt.user, tt.resource, tt.name) {
						return fmt.Errorf("not yet")
					}
					return nil
				})
			}
			if got := may(tt.user, tt.resource, tt.name); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
