package rbac_test

import (
	"strings"
	"testing"

	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
)

// guard is what the tests' guard is.
var guard = rbac.Guard{Namespace: "guard", PolicyName: "aws-auth-guard-policy", ConfigurationName: "aws-auth-guard", Groups: []string{"break-glass"}}

func resolve(t *testing.T, text string) (groups, usernames map[string]string) {
	t.Helper()
	o, err := rbac.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	e := rbac.Resolve(o, guard)
	return e.Groups, e.Usernames
}

// clusterRole and the others write an object in short: rules are "verbs|groups|resources|names".
func clusterRole(name string, rules ...string) string {
	return "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: " + name + "}\n" + rulesText(rules)
}

func rulesText(rules []string) string {
	var b strings.Builder
	b.WriteString("rules:\n")
	for _, r := range rules {
		f := append(strings.Split(r, "|"), "")
		b.WriteString("- {verbs: [" + quoted(f[0]) + "], apiGroups: [" + quoted(f[1]) + "], resources: [" + quoted(f[2]) + "]")
		if f[3] != "" {
			b.WriteString(", resourceNames: [" + quoted(f[3]) + "]")
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func quoted(list string) string { return `"` + strings.ReplaceAll(list, ",", `","`) + `"` }

// everywhere binds a ClusterRole to subjects such as group:ops, user:alice, sa:ci/deployer.
func everywhere(name, roleName string, subjects ...string) string {
	return "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: " + name + "}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: " + roleName + "}\n" + subjectsText(subjects)
}

// within binds in one namespace; roleName is ClusterRole/x or Role/x.
func within(namespace, name, roleName string, subjects ...string) string {
	kind, n, _ := strings.Cut(roleName, "/")
	return "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: " + name + ", namespace: " + namespace + "}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: " + kind + ", name: " + n + "}\n" + subjectsText(subjects)
}

func subjectsText(subjects []string) string {
	var b strings.Builder
	b.WriteString("subjects:\n")
	for _, s := range subjects {
		kind, name, _ := strings.Cut(s, ":")
		switch kind {
		case "group":
			b.WriteString("- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: \"" + name + "\"}\n")
		case "user":
			b.WriteString("- {apiGroup: rbac.authorization.k8s.io, kind: User, name: \"" + name + "\"}\n")
		case "sa":
			ns, n, _ := strings.Cut(name, "/")
			b.WriteString("- {kind: ServiceAccount, name: " + n + ", namespace: " + ns + "}\n")
		}
	}
	return b.String()
}

var admin = clusterRole("cluster-admin", "*|*|*")

func TestChains(t *testing.T) {
	for name, tt := range map[string]struct {
		objects string
		group   string // "" for the user alice
		want    string
	}{
		"cluster-admin": {admin + everywhere("ops-admin", "cluster-admin", "group:ops"), "ops", "group ops -> ClusterRoleBinding ops-admin -> ClusterRole cluster-admin (* on *)"},
		"by username":   {admin + everywhere("alice", "cluster-admin", "user:alice"), "", "user alice -> ClusterRoleBinding alice -> ClusterRole cluster-admin (* on *)"},
		"in kube-system": {clusterRole("edit", "create|,apps|pods,deployments") + within("kube-system", "ops", "ClusterRole/edit", "group:ops"), "ops",
			"group ops -> RoleBinding kube-system/ops -> ClusterRole edit (create pods in kube-system)"},
		"in a team's namespace": {admin + within("team", "ops", "ClusterRole/cluster-admin", "group:ops"), "ops", ""},
		"through a service account": {admin + everywhere("deployer", "cluster-admin", "sa:ci/deployer") + clusterRole("edit", "create||pods") + within("ci", "ops", "ClusterRole/edit", "group:ops"), "ops",
			"group ops -> RoleBinding ci/ops -> ClusterRole edit (create pods in ci, whose service account ci/deployer -> ClusterRoleBinding deployer -> ClusterRole cluster-admin (* on *))"},
		"impersonating alice": {admin + everywhere("alice", "cluster-admin", "user:alice") + clusterRole("support", "impersonate||users|bob,alice") + everywhere("support", "support", "group:ops"), "ops",
			"group ops -> ClusterRoleBinding support -> ClusterRole support (impersonate users alice: user alice -> ClusterRoleBinding alice -> ClusterRole cluster-admin (* on *))"},
	} {
		t.Run(name, func(t *testing.T) {
			groups, users := resolve(t, tt.objects)
			got := users["alice"]
			if tt.group != "" {
				got = groups[tt.group]
			}
			if got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestNamesOfThePolicy: to be able to take the place of a name to which the guard's policy gives power is a way to that power;
// the name itself is the policy's to judge.
func TestNamesOfThePolicy(t *testing.T) {
	const account = "system:serviceaccount:flux/kustomize"
	named := guard
	named.Usernames = []string{"alice", strings.Replace(account, "/", ":", 1), "arn:aws:iam::111122223333:role/lead"}
	named.Groups = append([]string{"leads", "system:serviceaccounts:argo"}, guard.Groups...)
	for name, tt := range map[string]struct {
		objects string
		counts  bool
	}{
		"impersonating the user":               {clusterRole("x", "impersonate||users|alice") + everywhere("x", "x", "group:team"), true},
		"impersonating an ARN":                 {clusterRole("x", "impersonate||users|arn:aws:iam::111122223333:role/lead") + everywhere("x", "x", "group:team"), true},
		"impersonating another user":           {clusterRole("x", "impersonate||users|bob") + everywhere("x", "x", "group:team"), false},
		"impersonating the group":              {clusterRole("x", "impersonate||groups|leads") + everywhere("x", "x", "group:team"), true},
		"impersonating the service account":    {clusterRole("x", "impersonate||serviceaccounts|kustomize") + within("flux", "x", "ClusterRole/x", "group:team"), true},
		"a token of the service account":       {clusterRole("x", "create||serviceaccounts/token|kustomize") + within("flux", "x", "ClusterRole/x", "group:team"), true},
		"a token of another service account":   {clusterRole("x", "create||serviceaccounts/token|other") + within("flux", "x", "ClusterRole/x", "group:team"), false},
		"pods beside the service account":      {clusterRole("x", "create||pods") + within("flux", "x", "ClusterRole/x", "group:team"), true},
		"pods in the namespace of the group":   {clusterRole("x", "create||pods") + within("argo", "x", "ClusterRole/x", "group:team"), true},
		"secrets beside the service account":   {clusterRole("x", "get||secrets") + within("flux", "x", "ClusterRole/x", "group:team"), true},
		"reading pods beside it":               {clusterRole("x", "get||pods") + within("flux", "x", "ClusterRole/x", "group:team"), false},
		"pods elsewhere":                       {clusterRole("x", "create||pods") + within("team", "x", "ClusterRole/x", "group:team"), false},
		"granting the group":                   {clusterRole("x", "grant|aws-auth-guard.io|privilegedgroups|leads") + everywhere("x", "x", "group:team"), true},
		"granting the user":                    {clusterRole("x", "grant|aws-auth-guard.io|privilegedusernames|alice") + everywhere("x", "x", "group:team"), true},
		"granting another user":                {clusterRole("x", "grant|aws-auth-guard.io|privilegedusernames|bob") + everywhere("x", "x", "group:team"), false},
		"granting in one namespace":            {clusterRole("x", "grant|aws-auth-guard.io|privilegedgroups") + within("team", "x", "ClusterRole/x", "group:team"), false},
		"impersonating who may take its place": {clusterRole("y", "impersonate||users|alice") + everywhere("y", "y", "user:bob") + clusterRole("x", "impersonate||users|bob") + everywhere("x", "x", "group:team"), true},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := rbac.Decode([]byte(tt.objects))
			if err != nil {
				t.Fatal(err)
			}
			e := rbac.Resolve(o, named)
			if got := e.Groups["team"]; (got != "") != tt.counts {
				t.Errorf("got %q", got)
			}
			for _, u := range named.Usernames {
				if got, ok := e.Usernames[u]; ok {
					t.Errorf("%s is in the answer: %q", u, got)
				}
			}
		})
	}
}
