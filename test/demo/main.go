// Command demo starts EKS's way of signing in on this machine (test/eks), plays a short story on it with kubectl's own output, first
// without the guard and then with the floor and the guard, and leaves it running for the reader to try, until Ctrl-C. With
// --ci it ends after the story; with --no-story it only starts everything, with the guard. It exits with 1 if the story did not go as
// described, and with --ci also if the picture of it in the documentation shows something else; --picture writes that.
//
// KUBEBUILDER_ASSETS names the directory with etcd, kube-apiserver, kubectl and aws-iam-authenticator, and PATH has helm; `make demo`
// builds and sets both.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/fatih/color"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
	"github.com/aws-auth-guard/aws-auth-guard/test/eks"
	"github.com/aws-auth-guard/aws-auth-guard/test/guarded"
)

// policyFile is what the cluster of the demo allows.
const policyFile = `apiVersion: aws-auth-guard.io/v1alpha1
kind: Policy
privileged:
  approvals:
  - arn: arn:aws:iam::111122223333:role/admin
    groups: [system:masters]
    reason: the platform team's role
breakGlass:
  groups: [aws-auth-break-glass]
`

var (
	heading = color.New(color.Bold)
	prompt  = color.New(color.FgCyan)
	added   = color.New(color.FgGreen)
	removed = color.New(color.FgRed)
	faint   = color.New(color.Faint)
)

func main() {
	var o options
	flag.BoolVar(&o.ci, "ci", false, "end after the story, and compare it with its picture")
	flag.BoolVar(&o.picture, "picture", false, "end after the story, and write its picture")
	flag.BoolVar(&o.noStory, "no-story", false, "start everything and tell nothing")
	flag.Parse()
	// Caught until the very end: a second Ctrl-C must not leave an API server behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := run(ctx, o)
	switch {
	case ctx.Err() != nil:
		return // the user pressed Ctrl-C
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct{ ci, picture, noStory bool }

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "aws-auth-guard-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	bin := filepath.Join(dir, "bin")
	policy := filepath.Join(dir, "policy.yaml")
	if err := errors.Join(os.Mkdir(bin, 0o700), os.WriteFile(policy, []byte(policyFile), 0o600)); err != nil {
		return err
	}

	progress("starting etcd, kube-apiserver and aws-iam-authenticator")
	aws, err := fake.New(account)
	if err != nil {
		return err
	}
	cluster, err := eks.Start(ctx, dir, eks.Options{Mode: eks.APIAndConfigMap, AWS: aws})
	defer func() {
		progress("ending everything")
		err = errors.Join(err, cluster.Stop())
	}()
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(dir, "sign-in.kubeconfig")
	if err := errors.Join(bindGroups(ctx, cluster.Admin), cluster.WriteKubeconfig(kubeconfig, names, people)); err != nil {
		return err
	}
	progress("building the guard and the kubectl plugin")
	guard, err := guarded.NewGuard(ctx, dir, policy)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, guard.Stop()) }()
	guard.AskAWS(cluster.AWSURL)
	if err := guarded.Build(ctx, filepath.Join(bin, "kubectl-awsauth"), "cmd/kubectl-awsauth"); err != nil {
		return err
	}
	kubectl, err := filepath.Abs(filepath.Join(cluster.Bin, "kubectl"))
	if err != nil {
		return err
	}
	if err := os.Symlink(kubectl, filepath.Join(bin, "kubectl")); err != nil {
		return err
	}
	n := &narrator{ctx: ctx, cluster: cluster, guard: guard, dir: dir, kubeconfig: kubeconfig, out: newRecorder()}
	if o.noStory {
		err = n.prepare()
	} else {
		err = n.tell()
	}
	if err != nil {
		return err
	}
	if o.ci || o.picture {
		return n.out.keepPicture(o.picture)
	}
	invite(dir, bin, kubeconfig)
	<-ctx.Done()
	fmt.Println()
	return nil
}

func progress(what string) {
	faint.Printf("%s ...\n", what) //nolint:errcheck // as fmt.Println
}

// invite says how the reader can go on.
func invite(dir, bin, kubeconfig string) {
	heading.Println("\nNow it is yours. In another terminal:") //nolint:errcheck // as fmt.Println
	fmt.Printf(`
  export KUBECONFIG=%s PATH=%s:$PATH

The contexts sign in as on EKS, with a new token for each command: %s.
%s is the cluster's creator: aws-auth does not decide about it.

Five things to try:

  kubectl --context node auth whoami
      And the other contexts: who is who. nobody is mapped by nothing.

  kubectl edit configmap aws-auth -n kube-system
      Remove a group from the worker role and save: the editor opens again, with the finding at the top.

  kubectl awsauth check -f %s --against live
      The same verdict before you apply. Break something in the file first.

  kubectl delete configmap aws-auth -n kube-system
      Denied. Then add --context %s --as=on-call --as-group=system:masters --as-group=aws-auth-break-glass:
      allowed, with a warning.

  Map a role that IAM does not have
      It has workers, admin, developer, deploy, on-call, audit and reporting in account 111122223333.

What this cluster allows is in %s; it is reloaded within seconds.
Ctrl-C ends everything and removes it.
`, kubeconfig, bin, strings.Join(names, ", "), eks.CreatorContext, filepath.Join(dir, "aws-auth.yaml"), eks.CreatorContext, filepath.Join(dir, "policy.yaml"))
}

// exitCode is how a command ended; an error only if it did not run.
func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), nil
	}
	return 0, err
}
