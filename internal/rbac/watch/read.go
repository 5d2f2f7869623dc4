package watch

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	unreadable := map[string]error{}
	var first error
	for i, read := range []func() error{
		func() error { return list(ctx, client.ClusterRoles().List, &o.ClusterRoles) },
		func() error { return list(ctx, client.ClusterRoleBindings().List, &o.ClusterRoleBindings) },
		func() error { return list(ctx, client.Roles(metav1.NamespaceAll).List, &o.Roles) },
		func() error { return list(ctx, client.RoleBindings(metav1.NamespaceAll).List, &o.RoleBindings) },
	} {
		if err := read(); err != nil {
			// What is not an answer about this kind is the same for the next one, and may be a plugin that asks a person.
			if answer, is := errors.AsType[*apierrors.StatusError](err); !is || answer.ErrStatus.Code == http.StatusUnauthorized {
				return nil, err
			}
			unreadable[resources[i]] = err
			if first == nil {
				first = err
			}
		}
	}
	switch len(unreadable) {
	case 0:
		return o, nil
	case len(resources):
		return nil, first
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
