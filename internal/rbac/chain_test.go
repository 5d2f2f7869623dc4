package rbac_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
)

// chain is a cluster with one service account that is cluster-admin, and a chain of rights that ends at it. link makes
// the rule by which who comes before has what comes after; names run against the order in which roles are looked at.
func chain(length int, link func(next string) rbacv1.PolicyRule) *rbac.Objects {
	account := func(i int) string { return fmt.Sprintf("sa-%06d", i) }
	subject := func(i int) []rbacv1.Subject {
		return []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "team", Name: account(i)}}
	}
	o := &rbac.Objects{
		ClusterRoles:        []*rbacv1.ClusterRole{{ObjectMeta: metav1.ObjectMeta{Name: "cluster-admin"}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}}}},
		ClusterRoleBindings: []*rbacv1.ClusterRoleBinding{{ObjectMeta: metav1.ObjectMeta{Name: "deployer"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "cluster-admin"}, Subjects: subject(0)}},
	}
	for i := 1; i < length; i++ {
		meta := metav1.ObjectMeta{Namespace: "team", Name: fmt.Sprintf("link-%06d", length-i)}
		o.Roles = append(o.Roles, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{link(account(i - 1))}})
		o.RoleBindings = append(o.RoleBindings, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{Kind: "Role", Name: meta.Name}, Subjects: subject(i)})
	}
	return o
}

func impersonating(next string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: []string{"impersonate"}, APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, ResourceNames: []string{next}}
}

// cpuTime is the CPU time that this process has used, which does not depend on what else the machine does.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// A chain of rights costs in proportion to its length: nine times as much evidence for eight times the length at most, and
// 32 times as much CPU, which is half of what it would be if it went with the square of the length.
func TestLongChains(t *testing.T) {
	token := func(next string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{Verbs: []string{"create"}, APIGroups: []string{""}, Resources: []string{"serviceaccounts/token"}, ResourceNames: []string{next}}
	}
	for name, link := range map[string]func(string) rbacv1.PolicyRule{"impersonation": impersonating, "tokens": token} {
		t.Run(name, func(t *testing.T) {
			cost := func(length int) (least time.Duration, bytes int) {
				o := chain(length, link)
				var known *privilege.Equivalents
				for range 5 {
					before := cpuTime(t)
					known = rbac.Resolve(o, guard)
					if took := cpuTime(t) - before; least == 0 || took < least {
						least = took
					}
				}
				if len(known.Usernames) != length {
					t.Fatalf("%d of %d are found", len(known.Usernames), length)
				}
				for _, evidence := range known.Usernames {
					bytes += len(evidence)
				}
				return least, bytes
			}
			shortTook, short := cost(500)
			longTook, long := cost(4000)
			if long > 9*short {
				t.Errorf("evidence of %d bytes for 500 links and of %d for 4000, want 9 times as much at most", short, long)
			}
			if longTook > 32*shortTook {
				t.Errorf("500 links take %v of CPU and 4000 %v, want 32 times as much at most", shortTook, longTook)
			}
		})
	}
}

// A finding shows the beginning of a chain.
func TestChainInWords(t *testing.T) {
	e := rbac.Resolve(chain(20, impersonating), guard)
	want := "service account team/sa-000001 -> RoleBinding team/link-000019 -> Role team/link-000019 (impersonate serviceaccounts sa-000000 in team: " +
		"service account team/sa-000000 -> ClusterRoleBinding deployer -> ClusterRole cluster-admin (* on *))"
	if got := e.Usernames["system:serviceaccount:team:sa-000001"]; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	last := e.Usernames["system:serviceaccount:team:sa-000019"]
	if strings.Count(last, "impersonate") != 5 || !strings.HasSuffix(last, "(impersonate serviceaccounts sa-000014 in team: ...)))))") {
		t.Errorf("the last of 20: %q", last)
	}
}

// A name as long as an object is not repeated in every message.
func TestLongNamesInWords(t *testing.T) {
	long := strings.Repeat("x", 500_000)
	e := rbac.Resolve(&rbac.Objects{
		ClusterRoles: []*rbacv1.ClusterRole{{ObjectMeta: metav1.ObjectMeta{Name: "cluster-admin"}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}}}},
		ClusterRoleBindings: []*rbacv1.ClusterRoleBinding{{ObjectMeta: metav1.ObjectMeta{Name: "a"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "cluster-admin"},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.GroupKind, Name: long}}}},
	}, guard)
	if got := e.Groups[long]; got == "" || len(got) > 1000 {
		t.Errorf("evidence of %d bytes", len(got))
	}
}
