package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
	"github.com/aws-auth-guard/aws-auth-guard/test/eks"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// before is the aws-auth of the story before the guard is installed. The path in the last ARN is the mistake that nobody
// has noticed.
const before = `apiVersion: v1
kind: ConfigMap
metadata:
  name: aws-auth
  namespace: kube-system
data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/workers
      username: system:node:{{EC2PrivateDNSName}}
      groups:
      - system:bootstrappers
      - system:nodes
    - rolearn: arn:aws:iam::111122223333:role/admin
      username: admin
      groups:
      - system:masters
    - rolearn: arn:aws:iam::111122223333:role/developer
      username: dev:{{SessionName}}
      groups:
      - developers
    - rolearn: arn:aws:iam::111122223333:role/pipelines/deploy
      username: deploy
      groups:
      - deployers
`

const workers = `    - rolearn: arn:aws:iam::111122223333:role/workers
      username: system:node:{{EC2PrivateDNSName}}
      groups:
      - system:bootstrappers
      - system:nodes
`

// account is what IAM knows in the story: the roles of aws-auth, with their paths, and one more.
var account = fake.Seed{
	Credentials: []fake.Credential{{AccessKeyID: "guard", ARN: "arn:aws:sts::111122223333:assumed-role/aws-auth-guard/pod"}},
	Roles: []fake.Role{
		{ARN: "arn:aws:iam::111122223333:role/workers"},
		{ARN: "arn:aws:iam::111122223333:role/admin"},
		{ARN: "arn:aws:iam::111122223333:role/developer"},
		{ARN: "arn:aws:iam::111122223333:role/platform"},
		{ARN: "arn:aws:iam::111122223333:role/pipelines/deploy"},
		{ARN: "arn:aws:iam::111122223333:role/on-call"},
		{ARN: "arn:aws:iam::111122223333:role/security/audit"},
		{ARN: "arn:aws:iam::111122223333:role/reporting"},
	},
	Instances: []fake.Instance{{ID: instance, PrivateDNSName: "ip-10-0-0-1.us-west-2.compute.internal"}},
	Clusters: []fake.Cluster{{Name: eks.Name, Mode: string(eks.APIAndConfigMap), AccessEntries: []fake.AccessEntry{
		{Principal: "arn:aws:iam::111122223333:role/platform", Groups: []string{platformGroup}}}}},
}

const (
	instance = "i-0123456789abcdef0"
	nodeName = "system:node:ip-10-0-0-1.us-west-2.compute.internal"
	// platformGroup stands for AmazonEKSClusterAdminPolicy: EKS's authorizer of access policies is not public, so RBAC binds it.
	platformGroup = "platform"
	unauthorized  = "You must be logged in to the server"
)

// names are the contexts that the reader gets, and people who they sign in as.
var (
	names  = []string{"admin", "node", "developer", "entry-admin", "nobody"}
	people = map[string]eks.Principal{
		"admin":       {ARN: "arn:aws:iam::111122223333:role/admin", Session: "bob"},
		"node":        {ARN: "arn:aws:iam::111122223333:role/workers", Session: instance},
		"developer":   {ARN: "arn:aws:iam::111122223333:role/developer", Session: "alice"},
		"entry-admin": {ARN: "arn:aws:iam::111122223333:role/platform", Session: "carol"},
		"nobody":      {ARN: "arn:aws:iam::111122223333:role/reporting", Session: "dave"},
	}
	everybody = map[string]string{"admin": "admin", "node": nodeName, "developer": "dev:alice",
		"entry-admin": "assumed-role/platform/carol", "nobody": unauthorized}
)

// bindGroups gives the groups of the story their rights.
func bindGroups(ctx context.Context, admin kubernetes.Interface) error {
	for group, role := range map[string]string{platformGroup: "cluster-admin", "developers": "view"} {
		binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: group},
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group}}}
		if _, err := admin.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// edit is one chapter: a change of the file, and what kubectl says when it is applied.
type edit struct {
	title string
	about string
	// old is replaced by new; an empty old: new is appended.
	old, new string
	allowed  bool
	// floor says that the API server itself denies it, before it asks the guard.
	floor bool
	// says is what is in kubectl's output, such as the rule of a denial or a warning; nothing: no warning either.
	says []string
}

// tab is the edit that locks everybody out.
const tab = "    - rolearn: arn:aws:iam::111122223333:role/audit\n    \tusername: audit\n      groups:\n      - viewers\n"

var edits = []edit{
	{
		title: "With the guard: the same tab", about: "Denied, with the line and what to type.",
		new: tab, says: []string{"AA101"},
	},
	{
		title: "A good edit", about: "The on-call team is added. The old mistake is a warning, and blocks nothing.",
		new:     "    - rolearn: arn:aws:iam::111122223333:role/on-call\n      username: on-call\n      groups:\n      - viewers\n",
		allowed: true, says: []string{"AA203"},
	},
	{
		title: "A fix", about: "The old mistake is fixed. An edit that only improves things is allowed.",
		old: "role/pipelines/deploy", new: "role/deploy",
		allowed: true,
	},
	{
		title: "A path in an ARN", about: "Copied from IAM. EKS drops the path, so the entry would match nobody.",
		new:  "    - rolearn: arn:aws:iam::111122223333:role/security/audit\n      username: audit\n      groups:\n      - viewers\n",
		says: []string{"AA203"},
	},
	{
		title: "A role that does not exist", about: "One letter is missing. The guard asks IAM, and names the likely role.",
		new:  "    - rolearn: arn:aws:iam::111122223333:role/reportng\n      username: reporting\n      groups:\n      - viewers\n",
		says: []string{"AA301", "role/reporting"},
	},
	{
		title: "system:masters", about: "Full admin for the on-call team. The policy does not approve it.",
		old: "      username: on-call\n      groups:\n      - viewers\n", new: "      username: on-call\n      groups:\n      - system:masters\n",
		says: []string{"AA401"},
	},
	{
		title: "A lost worker role", about: "Every node would be NotReady within minutes. Here the floor answers.",
		old:   workers,
		floor: true, says: []string{"AA503", "role/workers is no longer mapped"},
	},
	{
		title: "A misspelt key", about: "EKS ignores a key that it does not know, without an error. The floor again.",
		old: "  mapRoles: |\n", new: "  mapRole: |\n",
		floor: true, says: []string{"AA103", "write mapRoles"},
	},
}

// deniedBy is how kubectl begins to report a denial of the guard, and of the floor (true).
var deniedBy = map[bool]string{false: `The ConfigMap "aws-auth" is invalid`, true: "ValidatingAdmissionPolicy '" + guarded.FloorName + "'"}

// narrator plays the story and counts its chapters.
type narrator struct {
	ctx     context.Context
	cluster *eks.EKS
	guard   *guarded.Guard
	dir     string
	// kubeconfig has the contexts; admin is the current one.
	kubeconfig string
	chapter    int
	out        *recorder
}

// tell plays the whole story. It ends with an error where kubectl does not say what is described.
func (n *narrator) tell() error {
	for _, part := range []func() error{n.everybodySignsIn, n.lockout, n.comeBack, n.install} {
		if err := part(); err != nil {
			return err
		}
	}
	text := before
	for _, e := range edits {
		var err error
		if text, err = n.play(e, text); err != nil {
			return err
		}
	}
	if err := n.write(text); err != nil {
		return err
	}
	n.open("Everybody signs in", "The two good edits are there, and none of the bad ones.")
	return n.whoami(map[string]string{"node": nodeName, "admin": "admin", "developer": "dev:alice"}, "node", "admin", "developer")
}

// prepare does what the story does, without a word: aws-auth as it is at the start, the floor and the guard.
func (n *narrator) prepare() error {
	progress("installing the floor and the guard")
	if err := n.write(before); err != nil {
		return err
	}
	apply := n.kubectlCommand("--context", eks.CreatorContext, "apply", "-f", "aws-auth.yaml")
	if out, err := apply.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl apply: %w: %s", err, out)
	}
	return n.installGuard()
}

func (n *narrator) everybodySignsIn() error {
	n.open("A cluster like EKS", "aws-auth maps the nodes and two roles. Another admin has an access entry.")
	if err := n.write(before); err != nil {
		return err
	}
	if err := n.kubectl(true, nil, "--context", eks.CreatorContext, "apply", "-f", "aws-auth.yaml"); err != nil {
		return err
	}
	return n.whoami(everybody, names...)
}

// lockout is the tab without the guard.
func (n *narrator) lockout() error {
	n.open("Without the guard: a tab", "A new role, with one tab (→) in its indentation. kubectl reports success.")
	n.showEdit(before, before+tab)
	if err := n.write(before + tab); err != nil {
		return err
	}
	if err := n.kubectl(true, nil, "apply", "-f", "aws-auth.yaml"); err != nil {
		return err
	}
	fmt.Fprintln(n.out, "\nEKS cannot read mapRoles any more, and ignores all of it:")
	return n.whoami(map[string]string{"node": unauthorized, "admin": unauthorized, "developer": unauthorized, "entry-admin": everybody["entry-admin"]},
		"node", "admin", "developer", "entry-admin")
}

// comeBack is how somebody who still has access fixes it.
func (n *narrator) comeBack() error {
	n.open("The way back", "The access entry still works. Its owner has to find the tab.")
	if err := n.write(before); err != nil {
		return err
	}
	if err := n.kubectl(true, nil, "--context", "entry-admin", "apply", "-f", "aws-auth.yaml"); err != nil {
		return err
	}
	return n.whoami(everybody, "node", "admin")
}

func (n *narrator) install() error {
	n.open("The guard is installed", "A webhook, and the floor: a policy that the API server evaluates by itself.")
	if err := n.installGuard(); err != nil {
		return err
	}
	for _, kind := range []string{"validatingwebhookconfigurations", "validatingadmissionpolicies"} {
		if err := n.kubectl(true, nil, "get", kind, "-o", "name"); err != nil {
			return err
		}
	}
	return nil
}

func (n *narrator) installGuard() error {
	allows, err := policy.Parse([]byte(policyFile))
	if err != nil {
		return err
	}
	if err := n.guard.Start(n.ctx); err != nil {
		return err
	}
	return errors.Join(n.cluster.Install(n.ctx, n.guard), n.cluster.InstallFloor(n.ctx, allows))
}

// play makes one edit, and returns the text that is in force then.
func (n *narrator) play(e edit, text string) (string, error) {
	changed := text + e.new
	if e.old != "" {
		changed = strings.Replace(text, e.old, e.new, 1)
	}
	n.open(e.title, e.about)
	n.showEdit(text, changed)
	if err := n.write(changed); err != nil {
		return text, err
	}
	says := e.says
	if !e.allowed {
		says = append(says, deniedBy[e.floor])
	}
	if err := n.kubectl(e.allowed, says, "apply", "-f", "aws-auth.yaml"); err != nil {
		return text, err
	}
	if e.allowed {
		text = changed
	}
	return text, nil
}

func (n *narrator) open(title, about string) {
	n.chapter++
	n.out.open(title)
	fmt.Fprintln(n.out)
	heading.Fprintf(n.out, "%d. %s\n", n.chapter, title) //nolint:errcheck // as fmt.Fprintln
	fmt.Fprintf(n.out, "   %s\n\n", about)
}

func (n *narrator) write(text string) error {
	return os.WriteFile(filepath.Join(n.dir, "aws-auth.yaml"), []byte(text), 0o600)
}

// showEdit prints the lines in which two texts differ, which are in one place.
func (n *narrator) showEdit(old, updated string) {
	a, b := strings.SplitAfter(old, "\n"), strings.SplitAfter(updated, "\n")
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	for _, line := range a {
		removed.Fprint(n.out, "   - "+line) //nolint:errcheck // as fmt.Fprintln
	}
	for _, line := range b {
		added.Fprint(n.out, "   + "+strings.ReplaceAll(line, "\t", "→ ")) //nolint:errcheck // as fmt.Fprintln
	}
	fmt.Fprintln(n.out)
}

// kubectlCommand is kubectl with the contexts of the story, in its directory.
func (n *narrator) kubectlCommand(args ...string) *exec.Cmd {
	cmd := n.cluster.Kubectl(n.ctx, args...)
	cmd.Dir = n.dir
	cmd.Env = append(cmd.Env, "KUBECONFIG="+n.kubeconfig)
	return cmd
}

// kubectl shows a command and its output, and checks both: whether it succeeds, and what it says.
func (n *narrator) kubectl(success bool, says []string, args ...string) error {
	command := "kubectl " + strings.Join(args, " ")
	prompt.Fprintf(n.out, "$ %s\n", command) //nolint:errcheck // as fmt.Fprintln
	cmd := n.kubectlCommand(args...)
	var said bytes.Buffer
	both := io.MultiWriter(n.out, &said)
	cmd.Stdout, cmd.Stderr = both, both
	code, err := exitCode(cmd.Run())
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	if success != (code == 0) {
		return fmt.Errorf("chapter %d did not go as described: %s ended with exit code %d", n.chapter, command, code)
	}
	for _, words := range says {
		if !strings.Contains(said.String(), words) {
			return fmt.Errorf("chapter %d did not go as described: kubectl does not say %q", n.chapter, words)
		}
	}
	if len(says) == 0 && strings.Contains(said.String(), "Warning") {
		return fmt.Errorf("chapter %d did not go as described: there is a warning", n.chapter)
	}
	return nil
}

// whoami shows who each context is, when that is what is described: EKS takes a moment to read an edit.
func (n *narrator) whoami(want map[string]string, contexts ...string) error {
	for _, name := range contexts {
		prompt.Fprintf(n.out, "$ kubectl --context %s auth whoami\n", name) //nolint:errcheck // as fmt.Fprintln
		var out []byte
		err := guarded.Poll(n.ctx, func(context.Context) error {
			out, _ = n.kubectlCommand("--context", name, "auth", "whoami").CombinedOutput()
			if !strings.Contains(string(out), want[name]) {
				return fmt.Errorf("chapter %d did not go as described: %s is not %q but %q", n.chapter, name, want[name], out)
			}
			return nil
		})
		if err != nil {
			return err
		}
		fmt.Fprintln(n.out, brief(string(out)))
	}
	return nil
}

// brief leaves out what STS said: the rows that say who the principal is in AWS, and the width that they need.
func brief(table string) string {
	var rows []string
	for line := range strings.Lines(table) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "ATTRIBUTE" || name == "UID" || strings.HasPrefix(name, "Extra") {
			continue
		}
		rows = append(rows, fmt.Sprintf("  %-8s %s", name, strings.TrimSpace(value)))
	}
	return strings.Join(rows, "\n")
}
