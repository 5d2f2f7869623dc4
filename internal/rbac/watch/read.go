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

// Read lists the RBAC objects of a cluster once. A kind that cannot be read is among Unreadable; the error says that none can.
func Read(ctx context.Context, config *rest.Config) (*rbac.Objects, error) {
	client, err := rbacv1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("RBAC: %w", err)
	}
	o := &rbac.Objects{}
	errs := [4]error{
		list(ctx, client.ClusterRoles().List, &o.ClusterRoles),
		list(ctx, client.ClusterRoleBindings().List, &o.ClusterRoleBindings),
		list(ctx, client.Roles(metav1.NamespaceAll).List, &o.Roles),
		list(ctx, client.RoleBindings(metav1.NamespaceAll).List, &o.RoleBindings),
	}
	unreadable := map[string]error{}
	for i, err := range errs {
		if err != nil {
			unreadable[resources[i]] = err
		}
	}
	switch len(unreadable) {
	case 0:
		return o, nil
	case len(resources):
		return nil, errs[0]
	}
	o.Unreadable = unreadable
	return o, nil
}

// list reads all pages of one resource.
func list[T any, L runtime.Object](ctx context.Context, page func(context.Context, metav1.ListOptions) (L, error), into *[]*T) error {
	var read []*T // of a list that breaks off nothing counts
	err := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return page(ctx, options)
	}).
		EachListItem(ctx, metav1.ListOptions{}, func(object runtime.Object) error {
			if o, ok := any(object).(*T); ok {
				read = append(read, o)
			}
			return nil
		})
	if err == nil {
		*into = read
	}
	return err
}
