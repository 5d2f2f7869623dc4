package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// TestCluster runs the commands against a real API server.
func TestCluster(t *testing.T) {
	cluster := guarded.StartFor(t)
	client, err := kubernetes.NewForConfig(cluster.Config)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", cluster.Kubeconfig)
	t.Run("live", func(t *testing.T) { testLive(t, cluster, client) })
	t.Run("fleet", func(t *testing.T) { testFleet(t, cluster, client) })
	t.Run("policy", func(t *testing.T) { testPolicy(t, cluster, client) })
	t.Run("copy", func(t *testing.T) { testCopy(t, client) })
	t.Run("size", func(t *testing.T) { testSize(t, client) })
	t.Run("change", func(t *testing.T) { testChange(t, cluster, client) })
}

// setMapRoles puts aws-auth into the cluster until the test ends.
func setMapRoles(t *testing.T, client kubernetes.Interface, mapRoles string) {
	t.Helper()
	objects := client.CoreV1().ConfigMaps("kube-system")
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "aws-auth"}, Data: map[string]string{"mapRoles": mapRoles}}
	if _, err := objects.Create(t.Context(), cm, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := objects.Delete(context.Background(), "aws-auth", metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// testLive is about the object and RBAC in the cluster: as its admin, and as somebody who may read aws-auth and not RBAC.
func testLive(t *testing.T, cluster *guarded.Cluster, client kubernetes.Interface) {
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }
	binding := func(name, role, kind, subject string) error {
		_, err := client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: meta(name),
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: kind, Name: subject}}}, metav1.CreateOptions{})
		return err
	}
	reader := &rbacv1.ClusterRole{ObjectMeta: meta("reader"), Rules: []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"configmaps"}}}}
	const nodes = "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"
	const ops = "- rolearn: arn:aws:iam::111122223333:role/ops\n  username: ops\n  groups: [ops]\n"
	setMapRoles(t, client, nodes)
	_, roleErr := client.RbacV1().ClusterRoles().Create(t.Context(), reader, metav1.CreateOptions{})
	most := &rbacv1.ClusterRole{ObjectMeta: meta("most-of-rbac"), Rules: append(slices.Clone(reader.Rules), rbacv1.PolicyRule{Verbs: []string{"list"}, APIGroups: []string{rbacv1.GroupName},
		Resources: []string{"clusterroles", "clusterrolebindings", "roles"}})}
	_, mostErr := client.RbacV1().ClusterRoles().Create(t.Context(), most, metav1.CreateOptions{})
	for _, err := range []error{roleErr, mostErr, binding("most-of-rbac", "most-of-rbac", rbacv1.UserKind, "carol"), binding("ops-admin", "cluster-admin", rbacv1.GroupKind, "ops"), binding("reader", "reader", rbacv1.UserKind, "bob")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	as := func(user string) (kubeconfig string) {
		config, err := clientcmd.LoadFromFile(cluster.Kubeconfig)
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range config.AuthInfos {
			info.Impersonate = user
		}
		kubeconfig = filepath.Join(dir, user)
		if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
			t.Fatal(err)
		}
		return kubeconfig
	}
	bob, carol, roles := as("bob"), as("carol"), filepath.Join(dir, "roles.yaml")
	if err := os.WriteFile(roles, []byte(nodes+ops), 0o600); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(dir, "aws-auth.yaml")
	text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\ndata:\n  mapRoles: |\n    " + strings.ReplaceAll(strings.TrimSpace(nodes+ops), "\n", "\n    ") + "\n"
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	unbound := filepath.Join(dir, "unbound.yaml")
	if err := os.WriteFile(unbound, []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system}\ndata:\n  mapRoles: |\n    - rolearn: arn:aws:iam::111122223333:role/quiet\n      username: quiet\n      groups: [viewers]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const chain = "group ops -> ClusterRoleBinding ops-admin -> ClusterRole cluster-admin (* on *)"
	const blind = "note: RBAC cannot be read, so only the groups that the policy names count as privileged: clusterroles.rbac.authorization.k8s.io is forbidden"
	const part = "note: part of RBAC cannot be read, so a group or username that it makes equivalent to cluster-admin may be missing: cannot read rolebindings: rolebindings.rbac.authorization.k8s.io is forbidden"
	for name, tt := range map[string]struct {
		args []string
		code int
		want []string
		not  string
	}{
		"an edit of the live object asks live RBAC":    {[]string{"check", "--map-roles", roles, "--against", "live"}, exitDenied, []string{"AA402", chain}, ""},
		"not if it is turned off":                      {[]string{"check", "--map-roles", roles, "--against", "live", "--rbac", "off"}, exitAdmitted, nil, "AA402"},
		"a manifest by itself asks nothing":            {[]string{"check", "-f", manifest}, exitAdmitted, nil, "AA402"},
		"unless --rbac says so":                        {[]string{"check", "-f", manifest, "--rbac", "live"}, exitDenied, []string{"AA402", chain}, ""},
		"who may not read RBAC gets a note":            {[]string{"check", "--map-roles", roles, "--against", "live", "--kubeconfig", bob}, exitAdmitted, []string{blind}, "AA402"},
		"and not let go on who wants it":               {[]string{"check", "-f", manifest, "--rbac", "live", "--kubeconfig", bob}, exitFailed, []string{"--rbac live: clusterroles.rbac"}, ""},
		"what can be read of RBAC counts":              {[]string{"check", "--map-roles", roles, "--against", "live", "--kubeconfig", carol}, exitDenied, []string{"AA402", chain, part}, ""},
		"also who wants it":                            {[]string{"check", "-f", manifest, "--rbac", "live", "--kubeconfig", carol}, exitDenied, []string{"AA402", chain, part}, ""},
		"access of the live object":                    {[]string{"access"}, 0, []string{"mapRoles:1", "arn:aws:iam::111122223333:role/nodes"}, "note:"},
		"diff against the live object":                 {[]string{"diff", manifest}, 1, []string{"+ arn:aws:iam::111122223333:role/ops can authenticate as ops with ops", "becomes equivalent to cluster-admin: " + chain}, ""},
		"whois by a manifest and live RBAC":            {[]string{"whois", "arn:aws:sts::111122223333:assumed-role/ops/bob", "-f", manifest, "--rbac", "live"}, 0, []string{chain}, "note:"},
		"access of the live object without RBAC":       {[]string{"access", "--kubeconfig", bob}, 0, []string{blind}, ""},
		"access as somebody else":                      {[]string{"access", "--as", "bob", "-n", "kube-system"}, 0, []string{blind}, ""},
		"access as nobody of that name":                {[]string{"access", "--as", "mallory", "--as-group", "strangers"}, exitFailed, []string{`User "mallory" cannot get resource "configmaps"`}, ""},
		"access as a group":                            {[]string{"access", "--as", "mallory", "--as-group", "ops"}, 0, []string{"mapRoles:1"}, "RBAC"},
		"whois of whom nothing is bound to":            {[]string{"whois", "arn:aws:iam::111122223333:role/quiet", "-f", unbound, "--rbac", "live"}, 0, []string{"nothing is bound to group viewers or username quiet: can authenticate, but may do nothing"}, "RBAC"},
		"nothing is said where bindings were not read": {[]string{"whois", "arn:aws:iam::111122223333:role/quiet", "-f", unbound, "--rbac", "live", "--as", "carol"}, 0, []string{part}, "nothing is bound"},
		"principals of the live object by Tab":         {[]string{"__complete", "whois", "arn:aws:iam::111122223333:role/n"}, 0, []string{"arn:aws:iam::111122223333:role/nodes\tsystem:node:{{EC2PrivateDNSName}}\n:4"}, ""},
		"whois by the live object where nobody is bob": {[]string{"whois", "arn:aws:iam::111122223333:user/bob"}, 1, []string{"cannot authenticate by aws-auth"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, code := kubectl(tt.args...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("want %q", want)
				}
			}
			if tt.not != "" && strings.Contains(out, tt.not) {
				t.Errorf("want no %q", tt.not)
			}
			if t.Failed() {
				t.Logf("%s", out)
			}
		})
	}
}

// testCopy is about a copy of the object, in which what is wrong is there already.
func testCopy(t *testing.T, client kubernetes.Interface) {
	const stored = "- rolearn: arn:aws:iam::111122223333:role/team/ci\n  username: ci\n  groups: [deployers]\n"
	setMapRoles(t, client, stored)
	object, err := client.CoreV1().ConfigMaps("kube-system").Get(t.Context(), "aws-auth", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		edit, uid string
		code      int
		want      string
	}{
		"unchanged":         {stored, string(object.UID), exitAdmitted, "1 warning: would be allowed"},
		"with another edit": {strings.Replace(stored, "deployers", "deployers, viewers", 1), string(object.UID), exitAdmitted, "1 warning: would be allowed"},
		"with a mistake":    {strings.Replace(stored, "deployers", "system:node", 1), string(object.UID), exitDenied, "1 error, 1 warning: would be denied"},
		"of another object": {stored, "3f1c7b4e-8b5e-4a63-9a53-0c1f0f4f5a11", exitDenied, "1 error, 1 warning: would be denied"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "copy.yaml")
			text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: aws-auth, namespace: kube-system, uid: " + tt.uid + "}\ndata:\n  mapRoles: |\n    " +
				strings.ReplaceAll(strings.TrimSpace(tt.edit), "\n", "\n    ") + "\n"
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, code := kubectl("check", "-f", file); code != tt.code || !strings.Contains(out, "\n"+tt.want+"\n") {
				t.Errorf("exit code %d, want %d, and %q in\n%s", code, tt.code, tt.want, out)
			}
		})
	}
}

// testPolicy is about where the cluster's policy is, and what is said where it is not.
func testPolicy(t *testing.T, cluster *guarded.Cluster, client kubernetes.Interface) {
	const admin = "- rolearn: arn:aws:iam::111122223333:role/admin\n  username: admin\n  groups: [system:masters]\n"
	const approving = `apiVersion: aws-auth-guard.io/v1alpha1
kind: Policy
privileged:
  approvals:
  - arn: arn:aws:iam::111122223333:role/admin
    groups: [system:masters]
    reason: the platform team's role
`
	setMapRoles(t, client, "- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:bootstrappers, system:nodes]\n"+admin)
	put := func(t *testing.T, namespace, name, text string, labels map[string]string) {
		t.Helper()
		if _, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
		objects := client.CoreV1().ConfigMaps(namespace)
		cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Data: map[string]string{"policy.yaml": text}}
		if _, err := objects.Create(t.Context(), cm, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := objects.Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	chart := map[string]string{"app.kubernetes.io/name": "aws-auth-guard"}
	type policyAt struct {
		namespace, name, text string
		labels                map[string]string
	}
	for name, tt := range map[string]struct {
		policies []policyAt
		args     []string
		code     int
		says     string
	}{
		"where the chart keeps it":      {[]policyAt{{"aws-auth-guard", "aws-auth-guard-policy", approving, nil}}, nil, exitAdmitted, "no findings"},
		"under another name":            {[]policyAt{{"aws-auth-guard", "security-policy", approving, nil}}, nil, exitAdmitted, "no findings"},
		"in another namespace":          {[]policyAt{{"security", "guard-policy", approving, chart}}, nil, exitAdmitted, "no findings"},
		"in the namespace that is said": {[]policyAt{{"security", "aws-auth-guard-policy", approving, nil}}, []string{"--guard-namespace", "security"}, exitAdmitted, "no findings"},
		"twice elsewhere":               {[]policyAt{{"security", "guard-policy", approving, chart}, {"security-2", "guard-policy", approving, chart}}, nil, exitFailed, "several policies, ConfigMaps security"},
		"none":                          {nil, nil, exitDenied, "note: the built-in policy applies: the cluster has no ConfigMap aws-auth-guard/aws-auth-guard-policy"},
		"none, and it is wanted":        {nil, []string{"--policy", "live"}, exitFailed, "error: --policy live: the cluster has no ConfigMap"},
		"one that is not valid":         {[]policyAt{{"aws-auth-guard", "aws-auth-guard-policy", "mode: on-fridays", nil}}, nil, exitFailed, "the cluster's policy, ConfigMap aws-auth-guard/aws-auth-guard-policy, is not valid"},
		"one that is not valid, and the built-in one is wanted": {[]policyAt{{"aws-auth-guard", "aws-auth-guard-policy", "mode: on-fridays", nil}}, []string{"--policy", "default"}, exitDenied, "AA401"},
		"for somebody who may not read it":                      {[]policyAt{{"aws-auth-guard", "aws-auth-guard-policy", approving, nil}}, []string{"--kubeconfig", asReader(t, cluster, client)}, exitDenied, "note: the built-in policy applies: cannot read the policy, ConfigMap aws-auth-guard/aws-auth-guard-policy"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, p := range tt.policies {
				put(t, p.namespace, p.name, p.text, p.labels)
			}
			out, code := kubectl(append([]string{"check", "--rbac", "off", "--iam", "off", "--fleet", "off"}, tt.args...)...)
			if code != tt.code || !strings.Contains(out, tt.says) {
				t.Errorf("exit code %d, want %d, and %q in\n%s", code, tt.code, tt.says, out)
			}
		})
	}
	t.Run("approvals of the cluster's policy are listed", func(t *testing.T) {
		put(t, "aws-auth-guard", "aws-auth-guard-policy", approving, nil)
		if out, code := kubectl("access"); code != 0 || !strings.Contains(out, "admin, approved") {
			t.Errorf("exit code %d\n%s", code, out)
		}
	})
}

// asReader is the kubeconfig of somebody who may read aws-auth and nothing else.
func asReader(t *testing.T, cluster *guarded.Cluster, client kubernetes.Interface) (kubeconfig string) {
	t.Helper()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "aws-auth-reader"},
		Rules: []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{"aws-auth"}}}}
	binding := &rbacv1.RoleBinding{ObjectMeta: role.ObjectMeta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "reader"}}}
	if _, err := client.RbacV1().Roles("kube-system").Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.RbacV1().RoleBindings("kube-system").Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.LoadFromFile(cluster.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range config.AuthInfos {
		info.Impersonate = "reader"
	}
	kubeconfig = filepath.Join(t.TempDir(), "reader")
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

// testSize holds that what checkSize refuses is what the API server refuses.
func testSize(t *testing.T, client kubernetes.Interface) {
	const most = 1 << 20
	keys := map[string]string{}
	for i := range 5_000 {
		keys[fmt.Sprintf("%0250d", i)] = "x"
	}
	for name, tt := range map[string]struct {
		data   map[string]string
		binary map[string][]byte
		fits   bool
	}{
		"at the limit":                      {data: map[string]string{"mapRoles": strings.Repeat("#", most)}, fits: true},
		"a byte more":                       {data: map[string]string{"mapRoles": strings.Repeat("#", most+1)}},
		"several values at the limit":       {data: map[string]string{"mapRoles": "#", "mapUsers": strings.Repeat("#", most-1)}, fits: true},
		"several values, a byte more":       {data: map[string]string{"mapRoles": "#", "mapUsers": strings.Repeat("#", most)}},
		"binary data at the limit":          {binary: map[string][]byte{"b": make([]byte, most)}, fits: true},
		"binary data, a byte more":          {binary: map[string][]byte{"b": make([]byte, most+1)}},
		"data and binary data":              {data: map[string]string{"mapRoles": "##"}, binary: map[string][]byte{"b": make([]byte, most-1)}},
		"data and binary data that fit":     {data: map[string]string{"mapRoles": "#"}, binary: map[string][]byte{"b": make([]byte, most-1)}, fits: true},
		"keys of more than the limit":       {data: keys, fits: true},
		"multibyte characters, in bytes":    {data: map[string]string{"mapRoles": strings.Repeat("é", most/2) + "#"}},
		"multibyte characters at the limit": {data: map[string]string{"mapRoles": strings.Repeat("é", most/2)}, fits: true},
	} {
		t.Run(name, func(t *testing.T) {
			cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "aws-auth"}, Data: tt.data, BinaryData: tt.binary}
			_, err := client.CoreV1().ConfigMaps("kube-system").Create(t.Context(), cm, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			if fits := err == nil; fits != tt.fits || err != nil && !apierrors.IsInvalid(err) {
				t.Errorf("the API server accepts it: %t, want %t (%v)", fits, tt.fits, err)
			}
			if err := checkSize(cm); (err == nil) != tt.fits {
				t.Errorf("check: %v, want it to fit: %t", err, tt.fits)
			}
		})
	}
}
