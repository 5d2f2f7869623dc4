package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/yaml"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/privilege"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac/watch"
)

// The words that --policy takes beside the name of a file.
const (
	livePolicy    = "live"
	defaultPolicy = "default"
)

// policyOptions say by which policy is judged.
type policyOptions struct {
	from string // live, default, a file, or "" for live where the object is
}

func (o *policyOptions) flags(f *pflag.FlagSet) {
	f.Var(oneFile{&o.from}, "policy", "policy: `live|FILE|default`; FILE may also be Helm values, or the ConfigMap that holds it, "+
		"default is the built-in one; if empty, live where the cluster is asked anyhow, else default")
}

// load finds the policy. live says that the object is read from the cluster.
func (o policyOptions) load(ctx context.Context, in *input, cluster clusterOptions, namespace string, live bool) (clusterPolicy, error) {
	builtIn := clusterPolicy{namespace: namespace, name: policyConfigMap, policy: policy.Default()}
	switch {
	case o.from == defaultPolicy:
		return builtIn, nil
	case o.from == "" && !live:
		builtIn.unasked = true
		return builtIn, nil
	case o.from != "" && o.from != livePolicy:
		p, err := in.policy(o.from)
		return clusterPolicy{namespace: namespace, name: policyConfigMap, policy: p}, err
	}
	known, err := cluster.policy(ctx, namespace)
	missing := fmt.Sprintf("the cluster has no ConfigMap %s/%s", namespace, policyConfigMap)
	builtIn.unasked = true
	switch {
	case err == nil && known != nil:
		return *known, nil
	case err == nil && o.from == livePolicy:
		return builtIn, &clusterError{"--policy live: " + missing,
			[]string{"name the guard's namespace with --guard-namespace, or give a file with --policy"}, nil}
	case err == nil:
		builtIn.missing = missing + "; --guard-namespace or --policy name another"
	case o.from == "" && apierrors.IsForbidden(err):
		builtIn.missing = err.Error()
	default:
		return builtIn, err
	}
	return builtIn, nil
}

// policy reads a policy from a file: by itself, in the ConfigMap that holds it in the cluster, or in values of the chart.
func (in *input) policy(name string) (*policy.Policy, error) {
	shown, data, err := in.read(name)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	var object struct {
		Kind string            `json:"kind"`
		Data map[string]string `json:"data"`
		// Policy is there if they are values of the chart.
		Policy map[string]any `json:"policy"`
	}
	parse := policy.Parse
	switch {
	case yaml.Unmarshal(data, &object) != nil:
	case object.Kind == "ConfigMap":
		text, ok := object.Data[policyKey]
		if !ok {
			return nil, fmt.Errorf("policy %s: the ConfigMap has no key %s, want the one that holds the policy: "+
				"kubectl get configmap %s -n aws-auth-guard -o yaml", shown, policyKey, policyConfigMap)
		}
		shown, data = shown+": data."+policyKey, []byte(text)
	case object.Kind == "" && object.Policy != nil:
		parse = policy.ParseValues
	}
	p, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", shown, err)
	}
	return p, nil
}

// rbacOptions say where RBAC is read from, to know what is equivalent to cluster-admin.
type rbacOptions struct {
	from      string // live, off, a file, or "" for live where the object is
	namespace string
}

func (o *rbacOptions) flags(f *pflag.FlagSet) {
	f.Var(oneFile{&o.from}, "rbac", "read RBAC from `live|FILE|off`, to know what is equivalent to cluster-admin; "+
		"if empty, live when aws-auth is read from the cluster")
	f.StringVar(&o.namespace, "guard-namespace", "aws-auth-guard",
		"`NAMESPACE` of the guard, where its policy is; permissions on its pods and policy count too")
}

// privileges resolves RBAC; nil if it is not asked. live says that the object is read from the cluster.
func (o *rbacOptions) privileges(cmd *cobra.Command, in *input, cluster clusterOptions, live bool,
	by clusterPolicy) (privilege.Source, error) {
	p := by.policy
	guard := by.guard()
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
		note(cmd, fmt.Sprintf("part of RBAC cannot be read, so a group or username that it makes equivalent to cluster-admin may be "+
			"missing: %s", e.Partial.Why))
	}
	return known, nil
}

// guard says which objects are the guard's own: the chart gives them one name (deploy/helm/aws-auth-guard/templates).
func (c clusterPolicy) guard() rbac.Guard {
	name := strings.TrimSuffix(c.name, policySuffix)
	return rbac.Guard{Namespace: c.namespace, PolicyName: c.name, ConfigurationName: name, SecretName: name + "-tls",
		Groups: c.policy.PrivilegedGroups(), Usernames: c.policy.PrivilegedUsernames()}
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
