package rbac_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// large is a cluster with many bindings: half of them RoleBindings of edit in namespaces of their own, and every tenth of all
// makes somebody cluster-admin.
func large(bindings int) *rbac.Objects {
	o := &rbac.Objects{}
	everything := rbacv1.PolicyRule{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}
	edit := rbacv1.PolicyRule{Verbs: []string{"create", "update", "patch", "delete"}, APIGroups: []string{"", "apps", "batch"}, Resources: []string{"pods", "configmaps", "deployments", "jobs", "pods/exec"}}
	view := rbacv1.PolicyRule{Verbs: []string{"get", "list", "watch"}, APIGroups: []string{"", "apps"}, Resources: []string{"pods", "configmaps", "deployments"}}
	for name, r := range map[string]rbacv1.PolicyRule{"cluster-admin": everything, "edit": edit, "view": view} {
		o.ClusterRoles = append(o.ClusterRoles, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{r}})
	}
	for i := range 200 {
		o.ClusterRoles = append(o.ClusterRoles, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("operator-", i)}, Rules: []rbacv1.PolicyRule{view, edit, view}})
	}
	for i := range bindings {
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}
		subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: fmt.Sprint("group-", i)},
			{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: fmt.Sprint("user-", i)}}
		switch {
		case i%10 == 0:
			ref.Name = "cluster-admin"
		case i%2 == 0:
			ref.Name = "edit"
			o.RoleBindings = append(o.RoleBindings, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "edit", Namespace: fmt.Sprint("team-", i)}, RoleRef: ref, Subjects: subjects})
			continue
		}
		o.ClusterRoleBindings = append(o.ClusterRoleBindings, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("binding-", i)}, RoleRef: ref, Subjects: subjects})
	}
	return o
}

// BenchmarkResolve is what a change of RBAC costs, beside admissions.
func BenchmarkResolve(b *testing.B) {
	o := large(5000)
	b.ReportAllocs()
	for b.Loop() {
		if e := rbac.Resolve(o, guard); len(e.Groups) < 500 {
			b.Fatalf("%d groups", len(e.Groups))
		}
	}
}

// BenchmarkAdmission is what an admission costs, without RBAC and with that of 5,000 bindings; and one with a template, which
// has to be held against every privileged name.
func BenchmarkAdmission(b *testing.B) {
	const nodeRole = "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"
	const plain = "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [deployers]\n"
	const template = "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: '{{SessionName}}'\n  groups: [deployers]\n"
	known := rbac.Know(large(5000), guard)
	for _, bench := range []struct {
		name, entry string
		port        privilege.Source
	}{{"without RBAC", plain, nil}, {"5000 bindings", plain, known}, {"a template, without RBAC", template, nil}, {"a template, 5000 bindings", template, known}} {
		b.Run(bench.name, func(b *testing.B) {
			v, err := validate.New(policy.Default(), validate.WithPorts(validate.Ports{Privileges: bench.port}))
			if err != nil {
				b.Fatal(err)
			}
			object := func(mapRoles string) *corev1.ConfigMap {
				return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "aws-auth", Namespace: "kube-system"}, Data: map[string]string{"mapRoles": mapRoles}}
			}
			req := validate.Request{Operation: validate.Update, Old: object(nodeRole), New: object(nodeRole + bench.entry)}
			b.ReportAllocs()
			for b.Loop() {
				v.Validate(b.Context(), req)
			}
		})
	}
}
