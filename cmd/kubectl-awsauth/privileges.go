package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac/watch"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// rbacOptions say where RBAC is read from, to know what is as good as system:masters.
type rbacOptions struct {
	from      string // live, off, a file, or "" for live where the object is
	namespace string
}

func (o *rbacOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.from, "rbac", "", "what is as good as system:masters: read RBAC from `live|FILE|off`; the default is live where the cluster is asked anyhow")
	f.StringVar(&o.namespace, "guard-namespace", "aws-auth-guard", "`NAMESPACE` of the guard: rights on its pods and its policy count as well")
}

// privileges resolves RBAC; nil if it is not asked. note is a line for the reader. live says that the object is read from
// the cluster.
func (o *rbacOptions) privileges(ctx context.Context, in *inputs, cluster clusterOptions, live bool, p *policy.Policy) (port validate.Privileges, note string, err error) {
	guard := rbac.Guard{Namespace: o.namespace, Groups: p.PrivilegedGroups(), Usernames: p.PrivilegedUsernames()}
	switch o.from {
	case "off":
		return nil, "", nil
	case "live", "":
		if o.from == "" && !live || !p.Privileged.FromRBAC {
			return nil, "", nil
		}
		config, err := cluster.config()
		if err != nil {
			return nil, "", fmt.Errorf("--rbac live: %w", err)
		}
		objects, err := watch.Read(ctx, config)
		err = cluster.explain(err)
		if err != nil && o.from == "" {
			return nil, fmt.Sprintf("RBAC cannot be read, so only the groups that the policy names count as privileged: %s", err), nil
		}
		if err != nil {
			return nil, "", fmt.Errorf("--rbac live: %w", err)
		}
		known := rbac.Know(objects, guard)
		if e, _ := known.Equivalents(); e.Partial != nil {
			note = fmt.Sprintf("part of RBAC cannot be read: %s (%s)", rbac.Consequence(e.Partial.Kinds), e.Partial.Why)
		}
		return known, note, nil
	}
	shown, data, err := in.read(o.from)
	if err != nil {
		return nil, "", fmt.Errorf("--rbac: %w", err)
	}
	objects, err := rbac.Decode(data)
	if err != nil {
		return nil, "", fmt.Errorf("--rbac: %s: %w", shown, err)
	}
	if len(objects.ClusterRoleBindings) == 0 && len(objects.RoleBindings) == 0 {
		return nil, "", fmt.Errorf("--rbac: %s holds no ClusterRoleBinding and no RoleBinding; write it with: kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml", shown)
	}
	return rbac.Know(objects, guard), "", nil
}

// loadPolicy is the policy of a file, or the default one.
func loadPolicy(file string) (*policy.Policy, error) {
	if file == "" {
		return policy.Default(), nil
	}
	return policy.Load(file)
}
