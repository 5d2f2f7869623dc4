package helm_test

import (
	"context"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// member is somebody who has nothing but the groups.
func member(t *testing.T, groups ...string) client.Client {
	t.Helper()
	_ = user(t, "admin") // skips without an API server
	config := rest.CopyConfig(apiServer)
	config.Impersonate = rest.ImpersonationConfig{UserName: "member", Groups: append(groups, "system:authenticated")}
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestBreakGlass: the groups may do to aws-auth what an emergency needs, and nothing else.
func TestBreakGlass(t *testing.T) {
	admin := user(t, "admin")
	for key, o := range objects(t, template(t, `{rbac: {breakGlass: true}, policy: {breakGlass: {groups: [rescuers, "it's \"odd\""]}}}`)) {
		if !strings.HasSuffix(key, "-break-glass") {
			continue
		}
		if err := admin.Create(t.Context(), o.DeepCopy()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := admin.Delete(context.Background(), o.DeepCopy()); err != nil {
				t.Error(err)
			}
		})
	}
	for _, group := range []string{"rescuers", `it's "odd"`} {
		c := member(t, group)
		waitUntil(t, "RBAC is in force", func() bool {
			return !apierrors.IsForbidden(c.Create(t.Context(), awsAuth(nodesEntry), client.DryRunAll))
		})
		cm := awsAuth(nodesEntry)
		if err := c.Create(t.Context(), cm); err != nil {
			t.Fatal(err)
		}
		read := current(t, c)
		read.Data["mapRoles"] += ciEntry
		if err := c.Update(t.Context(), read); err != nil {
			t.Error(err)
		}
		before := read.DeepCopy()
		read.Data["mapRoles"] = nodesEntry
		if err := c.Patch(t.Context(), read, client.MergeFrom(before)); err != nil {
			t.Error(err)
		}
		if err := c.Delete(t.Context(), awsAuth("")); err != nil {
			t.Fatal(err)
		}
		other := awsAuth("")
		other.Name = "kube-root-ca.crt"
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(other), other); !apierrors.IsForbidden(err) {
			t.Errorf("another ConfigMap: %v, want forbidden", err)
		}
	}
	if err := member(t, "viewers").Create(t.Context(), awsAuth(nodesEntry), client.DryRunAll); !apierrors.IsForbidden(err) {
		t.Errorf("without the group: %v, want forbidden", err)
	}
}

// TestNoBreakGlass: without groups there is nothing to bind, and nobody gets rights whom the values do not name for that.
func TestNoBreakGlass(t *testing.T) {
	t.Parallel()
	for _, values := range []string{"rbac: {breakGlass: true}", "policy: {breakGlass: {groups: [rescuers]}}", "{rbac: {create: false, breakGlass: true}, policy: {breakGlass: {groups: [rescuers]}}}"} {
		for key := range objects(t, template(t, values)) {
			if strings.HasSuffix(key, "-break-glass") {
				t.Errorf("%s has %s", values, key)
			}
		}
	}
}
