package cli

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac/watch"
)

// loadPolicy is the policy of a file, or the default one.
func loadPolicy(file string) (*policy.Policy, error) {
	if file == "" {
		return policy.Default(), nil
	}
	return policy.Load(file)
}

// rbacOptions say where RBAC is read from, to know what is as good as system:masters.
type rbacOptions struct {
	from      string // live, off, a file, or "" for live where the object is
	namespace string
}

func (o *rbacOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.from, "rbac", "", "read RBAC from `live|FILE|off`, to know what is equivalent to cluster-admin; "+
		"if empty, live when aws-auth is read from the cluster")
	f.StringVar(&o.namespace, "guard-namespace", "aws-auth-guard",
		"`NAMESPACE` of the guard; permissions on its pods and policy count too")
}

// privileges resolves RBAC; nil if it is not asked. live says that the object is read from the cluster.
func (o *rbacOptions) privileges(cmd *cobra.Command, in *input, cluster clusterOptions, live bool,
	p *policy.Policy) (privilege.Source, error) {
	guard := rbac.Guard{Namespace: o.namespace, Groups: p.PrivilegedGroups(), Usernames: p.PrivilegedUsernames()}
	switch {
	case o.from == "off", o.from == "" && !live:
		return nil, nil
	case o.from != "" && o.from != "live":
		objects, err := in.rbac(o.from)
		if err != nil {
			return nil, fmt.Errorf("--rbac: %w", err)
		}
		return rbac.Know(objects, guard), nil
	case !*p.Privileged.FromRBAC:
		return nil, nil
	}
	config, err := cluster.config()
	if err != nil {
		return nil, fmt.Errorf("--rbac live: %w", err)
	}
	objects, err := watch.Read(cmd.Context(), config)
	if err = cluster.explain(err); err != nil {
		if o.from == "live" {
			return nil, fmt.Errorf("--rbac live: %w", err)
		}
		note(cmd, "RBAC cannot be read, so only the groups that the policy names count as privileged: "+err.Error())
		return nil, nil
	}
	known := rbac.Know(objects, guard)
	if e, _ := known.Equivalents(); e.Partial != nil {
		note(cmd, fmt.Sprintf("part of RBAC cannot be read: %s (%s)", rbac.Consequence(e.Partial.Kinds), e.Partial.Why))
	}
	return known, nil
}

// rbac reads RBAC from a file.
func (in *input) rbac(name string) (*rbac.Objects, error) {
	shown, data, err := in.read(name)
	if err != nil {
		return nil, err
	}
	objects, err := rbac.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", shown, err)
	}
	if len(objects.ClusterRoleBindings) == 0 && len(objects.RoleBindings) == 0 {
		return nil, fmt.Errorf("%s holds no ClusterRoleBinding and no RoleBinding; write it with: "+
			"kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o yaml", shown)
	}
	return objects, nil
}
