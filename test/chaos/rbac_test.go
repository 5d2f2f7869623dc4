//go:build chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
)

// reader is the guard's username and the name of its ClusterRole, while it may not read everything.
const reader = "rbac-reader"

// boundGroups are groups equivalent to cluster-admin, and the kinds that prove it.
var boundGroups = map[string][]string{
	"chaos-admins":   {rbac.ClusterRoleBindings},                    // bound to cluster-admin, which is known if ClusterRoles are not
	"chaos-platform": {rbac.ClusterRoles, rbac.ClusterRoleBindings}, // bound to a ClusterRole of the cluster's own
	"chaos-keepers":  {rbac.Roles, rbac.RoleBindings},               // bound to a Role in kube-system
	"chaos-editors":  {rbac.ClusterRoles, rbac.RoleBindings},        // bound to a ClusterRole in kube-system
}

// harmless is bound to nothing.
const harmless = "chaos-nobodies"

// TestRBACTakenAway takes the guard's right to read each kind of RBAC objects away in turn, and then all: while it runs, so that what it
// knew stays, and through a restart, so that it is not known. Bound groups are handed out all the while. What the other kinds prove
// is denied at any moment, what is not known is denied or not as the policy says, the guard stays ready, and all is known again
// when the right comes back.
func TestRBACTakenAway(t *testing.T) {
	bindGroups(t)
	const deny = approving + "  onUnreadable: deny\n"
	mayRead(t, rbac.Resources[:]...)
	begin(t, setting{policy: deny, flags: []string{"--rbac", "cluster", "--kubeconfig", readersKubeconfig(t)}})
	eventually(t, func() error { return verdicts(t.Context()) })
	measured("rbac-taken-away-memory-before-MiB", resident(t))

	turns := [][]string{rbac.Resources[:]}
	for _, kind := range slices.Backward(rbac.Resources[:]) {
		turns = slices.Insert(turns, 0, []string{kind})
	}
	for _, missing := range turns[len(turns)-max(share(len(turns), 1), 1):] { // all of them is the last
		name := missing[0]
		if len(missing) > 1 {
			name = "all"
		}
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var group sync.WaitGroup
			defer group.Wait()
			defer cancel()
			var tried, unanswered int
			group.Go(func() {
				for ; ctx.Err() == nil; tried++ {
					for g := range boundGroups {
						if err := try(ctx, granting(g)); err == nil {
							t.Errorf("%s was handed out", g)
						} else if refused(err, "AA402") != nil {
							unanswered++
						}
					}
				}
			})

			mayRead(t, slices.DeleteFunc(slices.Clone(rbac.Resources[:]), func(k string) bool { return slices.Contains(missing, k) })...)
			if err := errors.Join(cluster.KillAPIServer(t.Context()), cluster.StartAPIServer()); err != nil { // ends the watches
				t.Fatal(err)
			}
			list := rbac.Enumerate(missing)
			measured("rbac-"+name+"-reported-after", eventually(t, func() error { return readiness("[!] rbac access: cannot read "+list+" since ", "is forbidden") }))
			if err := verdicts(t.Context()); err != nil {
				t.Errorf("what was known before: %v", err)
			}

			restart(t)
			eventually(t, func() error {
				return readiness("[!] rbac access: cannot read "+list+": the guard cannot tell whether ", "is forbidden")
			})
			eventually(t, func() error { return verdicts(t.Context(), missing...) })
			if resident := resident(t); resident > 200 {
				t.Errorf("the guard takes %d MiB, want 200 at most", resident)
			}
			measured("rbac-"+name+"-edits-judged", tried)
			measured("rbac-"+name+"-edits-unanswered", unanswered)
			cancel()
			group.Wait()

			// Without onUnreadable, what is not known is allowed with a warning, and what is known is not.
			write(t, "policy.yaml", approving)
			eventually(t, func() error {
				for g, needs := range boundGroups {
					err := try(t.Context(), granting(g))
					if slices.ContainsFunc(needs, func(k string) bool { return slices.Contains(missing, k) }) {
						if err != nil {
							return fmt.Errorf("%s, which is not known: %w", g, err)
						}
					} else if err := refused(err, "AA402"); err != nil {
						t.Fatalf("%s, which is known: %v", g, err)
					}
				}
				return nil
			})
			write(t, "policy.yaml", deny)

			mayRead(t, rbac.Resources[:]...)
			measured("rbac-"+name+"-back-after", eventually(t, func() error {
				return errors.Join(verdicts(t.Context()), readiness("[+] rbac access: ok"))
			}))
		})
	}
	measured("rbac-taken-away-memory-after-MiB", resident(t))
}

func granting(group string) string { return base + strings.Replace(ci, "deployers", group, 1) }

// verdicts holds what becomes of each group against what is known without the kinds that are missing: denied for what it is, denied
// since that is not known, or allowed.
func verdicts(ctx context.Context, missing ...string) error {
	lacks := func(needs []string) bool {
		return slices.ContainsFunc(needs, func(k string) bool { return slices.Contains(missing, k) })
	}
	const proven, unknown = "equivalent to cluster-admin (", "could not check in RBAC"
	says := func(err error, words string) bool { // lines are wrapped
		return err != nil && strings.Contains(strings.Join(strings.Fields(err.Error()), " "), words)
	}
	for g, needs := range boundGroups {
		want := proven
		if lacks(needs) {
			want = unknown
		}
		err := try(ctx, granting(g))
		if refused(err, "AA402") != nil || !says(err, want) || want == unknown && says(err, proven) {
			return fmt.Errorf("%s: want a refusal with %q: %w", g, want, err)
		}
	}
	err := try(ctx, granting(harmless))
	if lacks([]string{rbac.ClusterRoleBindings, rbac.RoleBindings}) { // one may be about it
		if refused(err, "AA402") != nil || !says(err, unknown) {
			return fmt.Errorf("%s: want a refusal with %q: %w", harmless, unknown, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s, which is bound to nothing: %w", harmless, err)
	}
	return nil
}

// readiness checks that the guard is ready and says all of that.
func readiness(parts ...string) error {
	resp, err := http.Get("http://" + guard.Health() + "/readyz")
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(string(text), p) }) {
		return fmt.Errorf("%s: want 200 and %q:\n%s", resp.Status, parts, text)
	}
	return nil
}

// readersKubeconfig is that of a guard that may read no more than mayRead says.
func readersKubeconfig(t *testing.T) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(cluster.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range config.AuthInfos {
		user.Impersonate = reader
	}
	name := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, name); err != nil {
		t.Fatal(err)
	}
	return name
}

// mayRead lets the guard read those kinds and no others.
func mayRead(t *testing.T, kinds ...string) {
	t.Helper()
	ctx := t.Context()
	rules := []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"configmaps"}}}
	if len(kinds) > 0 {
		rules = append(rules, rbacv1.PolicyRule{Verbs: []string{"get", "list", "watch"}, APIGroups: []string{rbacv1.GroupName}, Resources: kinds})
	}
	roles := admins.RbacV1().ClusterRoles()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: reader}, Rules: rules}
	_, err := roles.Update(ctx, role, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		_, err = roles.Create(ctx, role, metav1.CreateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	bind(t, reader, "ClusterRole", reader, "", rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: reader})
}

// bind makes a binding, in a namespace or for all, unless it is there.
func bind(t *testing.T, name, kind, role, namespace string, subject rbacv1.Subject) {
	t.Helper()
	meta := metav1.ObjectMeta{Name: name, Namespace: namespace}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role}
	var err error
	if namespace == "" {
		_, err = admins.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: []rbacv1.Subject{subject}}, metav1.CreateOptions{})
	} else {
		_, err = admins.RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: ref, Subjects: []rbacv1.Subject{subject}}, metav1.CreateOptions{})
	}
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// bindGroups makes the bound groups what they are, until the test ends.
func bindGroups(t *testing.T) {
	t.Helper()
	api, ctx, system := admins.RbacV1(), t.Context(), metav1.NamespaceSystem
	meta := metav1.ObjectMeta{Name: "chaos-own"}
	_, err := api.ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}}}, metav1.CreateOptions{})
	if err == nil {
		_, err = api.Roles(system).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{Verbs: []string{"list"}, APIGroups: []string{""}, Resources: []string{"secrets"}}}}, metav1.CreateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, of := range map[string]struct{ kind, role, namespace string }{"chaos-admins": {"ClusterRole", "cluster-admin", ""}, "chaos-platform": {"ClusterRole", "chaos-own", ""},
		"chaos-keepers": {"Role", "chaos-own", system}, "chaos-editors": {"ClusterRole", "chaos-own", system}} {
		bind(t, name, of.kind, of.role, of.namespace, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name})
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		all := metav1.DeleteOptions{}
		err := errors.Join(api.ClusterRoles().Delete(ctx, "chaos-own", all), api.Roles(system).Delete(ctx, "chaos-own", all),
			api.ClusterRoles().Delete(ctx, reader, all), api.ClusterRoleBindings().Delete(ctx, reader, all),
			api.ClusterRoleBindings().Delete(ctx, "chaos-admins", all), api.ClusterRoleBindings().Delete(ctx, "chaos-platform", all),
			api.RoleBindings(system).Delete(ctx, "chaos-keepers", all), api.RoleBindings(system).Delete(ctx, "chaos-editors", all))
		if err != nil {
			t.Error(err)
		}
	})
}
