package rbac

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

var updateRights = flag.Bool("update", false, "write the list of the API server's rights")

// rightsFile lists every resource of the API server with the verbs that it serves there, or that its own ClusterRoles and
// Roles name, a resource a line: signers.certificates.k8s.io approve attest sign.
const rightsFile = "testdata/rights.txt"

// furtherRights are none that the API server serves or its own roles name, but that it asks its authorizer about.
var furtherRights = []string{
	"users impersonate", "groups impersonate", "serviceaccounts impersonate", "uids.authentication.k8s.io impersonate", "userextras.authentication.k8s.io/scopes impersonate",
	"roles.rbac.authorization.k8s.io bind escalate", "clusterroles.rbac.authorization.k8s.io bind escalate",
	"privilegedgroups.aws-auth-guard.io grant", "privilegedusernames.aws-auth-guard.io grant",
}

// right is a verb on a resource. resource may be resource/subresource.
type right struct{ verb, group, resource string }

// written is the resource as the file and the documentation write it.
func (r right) written() string {
	parent, sub, ok := strings.Cut(r.resource, "/")
	if r.group != "" {
		parent += "." + r.group
	}
	if ok {
		parent += "/" + sub
	}
	return parent
}

func parseRight(written, verb string) right {
	parent, sub, ok := strings.Cut(written, "/")
	resource, group, _ := strings.Cut(parent, ".")
	if ok {
		resource += "/" + sub
	}
	return right{verb, group, resource}
}

func readRights(t *testing.T) (rights []right) {
	t.Helper()
	data, err := os.ReadFile(rightsFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range append(strings.Split(strings.TrimSpace(string(data)), "\n"), furtherRights...) {
		fields := strings.Fields(line)
		for _, verb := range fields[1:] {
			rights = append(rights, parseRight(fields[0], verb))
		}
	}
	return rights
}

// TestRightsOfAPIServer holds the file against a real API server: what it serves and what its own roles name.
// `go test ./internal/rbac -run RightsOfAPIServer -update` writes it, and TestEveryRight says what is to be judged then.
func TestRightsOfAPIServer(t *testing.T) {
	cluster := guarded.StartFor(t)
	client, err := kubernetes.NewForConfig(cluster.Config)
	if err != nil {
		t.Fatal(err)
	}
	verbs := map[string]map[string]bool{}
	add := func(r right) {
		if verbs[r.written()] == nil {
			verbs[r.written()] = map[string]bool{}
		}
		verbs[r.written()][r.verb] = true
	}
	_, lists, err := client.Discovery().ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		group, _, found := strings.Cut(list.GroupVersion, "/")
		if !found {
			group = ""
		}
		for _, r := range list.APIResources {
			for _, v := range r.Verbs {
				add(right{v, group, r.Name})
			}
		}
	}
	clusterRoles, err := client.RbacV1().ClusterRoles().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	roles, err := client.RbacV1().Roles(metav1.NamespaceAll).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var rules []rbacv1.PolicyRule
	for i := range clusterRoles.Items {
		rules = append(rules, clusterRoles.Items[i].Rules...)
	}
	for i := range roles.Items {
		rules = append(rules, roles.Items[i].Rules...)
	}
	for _, r := range rules {
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				for _, verb := range r.Verbs {
					add(right{verb, group, resource})
				}
			}
		}
	}
	if *updateRights {
		var b strings.Builder
		for _, written := range slices.Sorted(maps.Keys(verbs)) {
			fmt.Fprintln(&b, written, strings.Join(slices.Sorted(maps.Keys(verbs[written])), " "))
		}
		if err := os.WriteFile(rightsFile, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	known := map[right]bool{}
	for _, r := range readRights(t) {
		known[r] = true
	}
	missing := 0
	for written, of := range verbs {
		for verb := range of {
			if !known[parseRight(written, verb)] {
				t.Errorf("%s does not have %s on %s", rightsFile, verb, written)
				missing++
			}
		}
	}
	t.Logf("%d resources, %d ClusterRoles and Roles; %d rights are missing", len(verbs), len(clusterRoles.Items)+len(roles.Items), missing)

	bindings, err := client.RbacV1().ClusterRoleBindings().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	judgeBuiltIn(t, clusterRoles.Items, bindings.Items)

	// Why deletecollection discloses: with dryRun it deletes nothing, and answers with all of it.
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "token"}, StringData: map[string]string{"token": "disclosed"}}
	if _, err := client.CoreV1().Secrets("default").Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	answer, err := client.CoreV1().RESTClient().Delete().Namespace("default").Resource("secrets").Param("dryRun", metav1.DryRunAll).SetHeader("Accept", "application/json").Do(t.Context()).Raw()
	if err != nil || !strings.Contains(string(answer), "ZGlzY2xvc2Vk") {
		t.Errorf("a deletecollection of Secrets as a dry run answers %s (%v)", answer, err)
	}
	if _, err := client.CoreV1().Secrets("default").Get(t.Context(), "token", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}

// judgeBuiltIn binds the roles that people are given, in a team's namespace, in kube-system and everywhere.
func judgeBuiltIn(t *testing.T, roles []rbacv1.ClusterRole, bindings []rbacv1.ClusterRoleBinding) {
	t.Helper()
	o := &Objects{}
	for i := range roles {
		o.ClusterRoles = append(o.ClusterRoles, &roles[i])
	}
	for i := range bindings {
		o.ClusterRoleBindings = append(o.ClusterRoleBindings, &bindings[i])
	}
	fresh := Resolve(o, testGuard)
	if groups := slices.Sorted(maps.Keys(fresh.Groups)); !slices.Equal(groups, []string{masters}) {
		t.Errorf("on a new cluster the groups %q count: %v", groups, fresh.Groups)
	}
	group := func(name string) []rbacv1.Subject {
		return []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name}}
	}
	for _, role := range []string{"view", "edit", "admin"} {
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}
		for _, namespace := range []string{"team", kubeSystem} {
			o.RoleBindings = append(o.RoleBindings, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: role, Namespace: namespace}, RoleRef: ref, Subjects: group(role + " in " + namespace)})
		}
		o.ClusterRoleBindings = append(o.ClusterRoleBindings, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: role}, RoleRef: ref, Subjects: group(role + " everywhere")})
	}
	got := Resolve(o, testGuard).Groups
	for who, counts := range map[string]bool{"view in team": false, "edit in team": false, "admin in team": false, "view in kube-system": false, "edit in kube-system": true,
		"admin in kube-system": true, "view everywhere": false, "edit everywhere": true, "admin everywhere": true} {
		if (got[who] != "") != counts {
			t.Errorf("%s: got %q", who, got[who])
		}
	}
}

// privilegesDoc says of every right that is no power why not, in the table below this heading.
const (
	privilegesDoc = "../../docs/privileges.md"
	judgedHeading = "## What does not count"
)

// judgement is a row of that table. Of resources "any" stands for all without a subresource, */status for every status,
// and pods/* for every subresource of pods; of verbs * stands for all.
type judgement struct {
	resources, verbs []string
	why              string
	used             bool
}

func readJudgements(t *testing.T) (rows []*judgement) {
	t.Helper()
	data, err := os.ReadFile(privilegesDoc)
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(data), judgedHeading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", privilegesDoc, judgedHeading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 || !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") || strings.HasPrefix(line, "| resources |") {
			continue
		}
		list := func(cell string) (words []string) {
			for word := range strings.SplitSeq(cell, ",") {
				words = append(words, strings.Trim(strings.TrimSpace(word), "`"))
			}
			return words
		}
		rows = append(rows, &judgement{resources: list(cells[0]), verbs: list(cells[1]), why: strings.TrimSpace(cells[2])})
	}
	if len(rows) < 20 {
		t.Fatalf("%d rows in %s", len(rows), privilegesDoc)
	}
	return rows
}

// about says whether the row is about a right; named is false if it is so only by "any" or a wildcard.
func (j *judgement) about(r right) (named, ok bool) {
	if !slices.Contains(j.verbs, r.verb) && !slices.Contains(j.verbs, "*") {
		return false, false
	}
	parent, sub, isSub := strings.Cut(r.written(), "/")
	for _, resource := range j.resources {
		switch {
		case resource == r.written():
			return true, true
		case resource == "any" && !isSub, isSub && (resource == "*/"+sub || resource == parent+"/*"), resource == "*.extensions" && r.group == "extensions",
			strings.HasPrefix(resource, "*.") && parent == resource:
			ok = true
		}
	}
	return false, ok
}

// TestEveryRight: whatever the API server serves or its own roles name is a power, or the documentation says why not; and the
// resolution agrees, where somebody has this right alone: everywhere, in kube-system, in the guard's namespace and in a team's.
func TestEveryRight(t *testing.T) {
	rows := readJudgements(t)
	counted, others := 0, 0
	for _, r := range readRights(t) {
		if r.resource == "*" && (r.group == "*" || r.verb == "*") {
			continue // which is all of the others
		}
		verb := cmp.Or(map[bool]string{true: "get"}[r.verb == "*"], r.verb) // of rules such as * on nodes/proxy
		power := slices.ContainsFunc(powers, func(p power) bool {
			rule := rbacv1.PolicyRule{Verbs: []string{verb}, APIGroups: []string{r.group}, Resources: []string{r.resource}}
			return slices.ContainsFunc(p.verbs, func(v string) bool { return allows(&rule, v, p.group, p.resource) })
		})
		judged := false
		for _, j := range rows {
			named, ok := j.about(right{verb, r.group, r.resource})
			if !ok {
				if _, ok = j.about(r); !ok {
					continue
				}
			}
			if named && power {
				t.Errorf("%s on %s counts, and %s says that it does not: %s", r.verb, r.written(), privilegesDoc, j.why)
			}
			j.used = j.used || !power
			judged = true
		}
		if !power && !judged {
			t.Errorf("%s on %s: neither a power nor in %s", r.verb, r.written(), privilegesDoc)
		}
		if r.resource == "*" || strings.HasPrefix(r.resource, "*/") {
			continue // of any resource: the API server's own have been asked
		}
		got := holders(r, verb)
		if power {
			counted++
			if got["everywhere"] == "" {
				t.Errorf("%s on %s counts, and a ClusterRoleBinding does not give it", r.verb, r.written())
			}
		} else {
			others++
			for where, evidence := range got {
				t.Errorf("%s on %s does not count, and %s does: %s", r.verb, r.written(), where, evidence)
			}
		}
		if evidence, ok := got["team"]; ok {
			t.Errorf("%s on %s counts in a team's namespace: %s", r.verb, r.written(), evidence)
		}
	}
	for _, j := range rows {
		if !j.used || j.why == "" {
			t.Errorf("%s: the row about %s on %s is about nothing that the API server has", privilegesDoc, strings.Join(j.verbs, ", "), strings.Join(j.resources, ", "))
		}
	}
	t.Logf("%d rights count, %d do not", counted, others)
	if counted < 80 || others < 300 {
		t.Errorf("%d rights count and %d do not: where are the others?", counted, others)
	}
}

// holders are the groups that have a right alone, each somewhere else, as far as they count.
func holders(r right, verb string) map[string]string {
	rules := []rbacv1.PolicyRule{{Verbs: []string{verb}, APIGroups: []string{r.group}, Resources: []string{r.resource}}}
	o := &Objects{ClusterRoles: []*rbacv1.ClusterRole{{ObjectMeta: metav1.ObjectMeta{Name: "one"}, Rules: rules}}}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "one"}
	group := func(name string) []rbacv1.Subject {
		return []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: name}}
	}
	o.ClusterRoleBindings = []*rbacv1.ClusterRoleBinding{{ObjectMeta: metav1.ObjectMeta{Name: "everywhere"}, RoleRef: ref, Subjects: group("everywhere")}}
	for _, namespace := range []string{kubeSystem, testGuard.Namespace, "team"} {
		o.RoleBindings = append(o.RoleBindings, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "one", Namespace: namespace}, RoleRef: ref, Subjects: group(namespace)})
	}
	return Resolve(o, testGuard).Groups
}
