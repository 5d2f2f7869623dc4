package watch

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	rbacv1client "k8s.io/client-go/kubernetes/typed/rbac/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"

	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
)

// Read lists the RBAC objects of a cluster once.
func Read(ctx context.Context, config *rest.Config) (*rbac.Objects, error) {
	client, err := rbacv1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("RBAC: %w", err)
	}
	o := &rbac.Objects{}
	for _, read := range []func() error{
		func() error { return list(ctx, client.ClusterRoles().List, &o.ClusterRoles) },
		func() error { return list(ctx, client.ClusterRoleBindings().List, &o.ClusterRoleBindings) },
		func() error { return list(ctx, client.Roles(metav1.NamespaceAll).List, &o.Roles) },
		func() error { return list(ctx, client.RoleBindings(metav1.NamespaceAll).List, &o.RoleBindings) },
	} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// list reads all pages of one resource.
func list[T any, L runtime.Object](ctx context.Context, page func(context.Context, metav1.ListOptions) (L, error), into *[]*T) error {
	return pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return page(ctx, options)
	}).
		EachListItem(ctx, metav1.ListOptions{}, func(object runtime.Object) error {
			if o, ok := any(object).(*T); ok {
				*into = append(*into, o)
			}
			return nil
		})
}
