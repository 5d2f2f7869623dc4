package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
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
		{ARN: "arn:aws:iam::111122223333:role/pipelines/deploy"},
		{ARN: "arn:aws:iam::111122223333:role/on-call"},
		{ARN: "arn:aws:iam::111122223333:role/security/audit"},
		{ARN: "arn:aws:iam::111122223333:role/reporting"},
	},
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

var edits = []edit{
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
		title: "A tab", about: "A tab (→) in the indentation: EKS would ignore mapRoles, with every worker.",
		new:  "    - rolearn: arn:aws:iam::111122223333:role/audit\n    \tusername: audit\n      groups:\n      - viewers\n",
		says: []string{"AA101"},
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
	cluster *guarded.Cluster
	dir     string
	chapter int
}

// tell plays the whole story. It ends with an error where kubectl does not say what is told.
func tell(ctx context.Context, cluster *guarded.Cluster, guard *guarded.Guard, dir string) error {
	n := &narrator{ctx: ctx, cluster: cluster, dir: dir}
	n.open("Before the guard", "Three roles in aws-auth. One of them is wrong, and nobody has noticed.")
	if err := n.write(before); err != nil {
		return err
	}
	if err := n.kubectl(true, nil, "apply", "-f", "aws-auth.yaml"); err != nil {
		return err
	}
	n.open("The guard is installed", "A webhook, and the floor: a policy that the API server evaluates by itself.")
	if err := guard.Start(ctx); err != nil {
		return err
	}
	allows, err := policy.Parse([]byte(policyFile))
	if err != nil {
		return err
	}
	if err := errors.Join(cluster.Install(ctx, guard), cluster.InstallFloor(ctx, allows)); err != nil {
		return err
	}
	for _, kind := range []string{"validatingwebhookconfigurations", "validatingadmissionpolicies"} {
		if err := n.kubectl(true, nil, "get", kind, "-o", "name"); err != nil {
			return err
		}
	}
	text := before
	for _, e := range edits {
		changed := text + e.new
		if e.old != "" {
			changed = strings.Replace(text, e.old, e.new, 1)
		}
		n.open(e.title, e.about)
		showEdit(text, changed)
		if err := n.write(changed); err != nil {
			return err
		}
		says := e.says
		if !e.allowed {
			says = append(says, deniedBy[e.floor])
		}
		if err := n.kubectl(e.allowed, says, "apply", "-f", "aws-auth.yaml"); err != nil {
			return err
		}
		if e.allowed {
			text = changed
		}
	}
	if err := n.write(text); err != nil {
		return err
	}
	n.open("What EKS reads now", "The two good edits are there, and none of the six bad ones.")
	return n.kubectl(true, []string{"role/workers", "role/admin", "role/deploy", "role/on-call"}, "get", "configmap", "aws-auth", "-n", "kube-system", "-o", "jsonpath={.data.mapRoles}")
}

func (n *narrator) open(title, about string) {
	n.chapter++
	heading.Printf("\n%d. %s\n", n.chapter, title) //nolint:errcheck // as fmt.Println
	fmt.Printf("   %s\n\n", about)
}

func (n *narrator) write(text string) error {
	return os.WriteFile(filepath.Join(n.dir, "aws-auth.yaml"), []byte(text), 0o600)
}

// showEdit prints the lines in which two texts differ, which are in one place.
func showEdit(old, updated string) {
	a, b := strings.SplitAfter(old, "\n"), strings.SplitAfter(updated, "\n")
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	for _, line := range a {
		removed.Print("   - " + line) //nolint:errcheck // as fmt.Println
	}
	for _, line := range b {
		added.Print("   + " + strings.ReplaceAll(line, "\t", "→ ")) //nolint:errcheck // as fmt.Println
	}
	fmt.Println()
}

// kubectl shows a command and its output, and checks both: whether it succeeds, and what it says.
func (n *narrator) kubectl(success bool, says []string, args ...string) error {
	command := "kubectl " + strings.Join(args, " ")
	prompt.Printf("$ %s\n", command) //nolint:errcheck // as fmt.Println
	cmd := n.cluster.Kubectl(n.ctx, args...)
	cmd.Dir = n.dir
	var said bytes.Buffer
	both := io.MultiWriter(os.Stdout, &said)
	cmd.Stdout, cmd.Stderr = both, both
	code, err := exitCode(cmd.Run())
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	if success != (code == 0) {
		return fmt.Errorf("chapter %d did not go as told: %s ended with exit code %d", n.chapter, command, code)
	}
	for _, words := range says {
		if !strings.Contains(said.String(), words) {
			return fmt.Errorf("chapter %d did not go as told: kubectl does not say %q", n.chapter, words)
		}
	}
	if len(says) == 0 && strings.Contains(said.String(), "Warning") {
		return fmt.Errorf("chapter %d did not go as told: there is a warning", n.chapter)
	}
	return nil
}
