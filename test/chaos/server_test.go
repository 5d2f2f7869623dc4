//go:build chaos

package chaos

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestAPIServerRestarted: somebody edits all the time while the API server crashes and comes back. No bad edit slips in at
// any moment, no confirmed edit is lost, and the guard sees RBAC again.
func TestAPIServerRestarted(t *testing.T) {
	begin(t, setting{flags: []string{"--rbac", "cluster", "--kubeconfig", cluster.Kubeconfig}})
	eventually(t, func() error { return edit(t.Context(), good) })
	restarts := share(3, 1)
	var back, seen time.Duration
	var group sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	defer group.Wait()
	defer cancel()
	var tried, unanswered, confirmed int
	group.Go(func() {
		for ; ctx.Err() == nil; tried++ {
			if err := edit(ctx, bad); err == nil {
				t.Error("a bad edit was allowed")
			} else if refused(err, "AA203") != nil {
				unanswered++
			}
		}
	})
	group.Go(func() {
		for n := 1; ctx.Err() == nil; n++ {
			if edit(ctx, strings.Replace(good, "username: ci", "username: ci-"+strconv.Itoa(n), 1)) == nil {
				confirmed = n
			}
		}
	})
	for i := range restarts {
		if err := cluster.KillAPIServer(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := cluster.StartAPIServer(); err != nil {
			t.Fatal(err)
		}
		back = max(back, eventually(t, func() error { return refused(try(t.Context(), bad), "AA203") }))
		// What RBAC says from now on is heard: a group that was nobody's becomes equivalent to cluster-admin.
		late := "late-admins-" + strconv.Itoa(i)
		text := good + strings.Replace(entry("late"), "deployers", late, 1)
		if err := try(t.Context(), text); err != nil {
			t.Errorf("before the binding: %v", err)
		}
		_, err := admins.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: late},
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: late}}}, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
		seen = max(seen, eventually(t, func() error { return refused(try(t.Context(), text), "AA402") }))
	}
	cancel()
	group.Wait()
	stored, err := operator.Get(t.Context(), "aws-auth", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(stored.Data["mapRoles"], "username: ci-")
	number, _, _ := strings.Cut(rest, "\n")
	// The answer to the last may have been lost on its way, or the edit with it.
	if last, err := strconv.Atoi(number); err != nil || last < confirmed {
		t.Errorf("edit %q is stored, want %d or a later one", number, confirmed)
	}
	measured("api-server-restarts", restarts)
	measured("api-server-back-to-first-refusal", back)
	measured("api-server-back-rbac-seen-after", seen)
	measured("api-server-bad-edits-meanwhile", tried)
	measured("api-server-bad-edits-unanswered", unanswered)
	measured("api-server-good-edits-confirmed-upto", confirmed)
}
