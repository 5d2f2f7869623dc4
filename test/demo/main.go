// Command demo starts a real API server with the floor and the guard in front of it, and an IAM for the guard to ask, plays a short
// story on it with kubectl's own output, and then leaves it running for the reader to try, until Ctrl-C. With --ci it ends
// after the story. It exits with 1 if the story did not go as told.
//
// KUBEBUILDER_ASSETS names the directory with etcd, kube-apiserver and kubectl, and PATH has helm; `make demo` builds and sets both.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/fatih/color"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
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
	ci := flag.Bool("ci", false, "end after the story")
	flag.Parse()
	// Caught until the very end: a second Ctrl-C must not leave an API server behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := run(ctx, *ci)
	switch {
	case ctx.Err() != nil:
		return // whoever pressed Ctrl-C knows why it ended
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, ci bool) (err error) {
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

	progress("starting etcd and kube-apiserver")
	cluster, err := guarded.Start(ctx, dir)
	defer func() {
		progress("ending everything")
		err = errors.Join(err, cluster.Stop())
	}()
	if err != nil {
		return err
	}
	progress("building the guard and the kubectl plugin")
	guard, err := guarded.NewGuard(ctx, dir, policy)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, guard.Stop()) }()
	iam, err := fake.New(account)
	if err != nil {
		return err
	}
	aws := httptest.NewServer(iam)
	defer aws.Close()
	guard.AskAWS(aws.URL)
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
	if err := tell(ctx, cluster, guard, dir); err != nil {
		return err
	}
	if ci {
		return nil
	}
	invite(dir, bin, cluster.Kubeconfig)
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

Four things to try:

  kubectl edit configmap aws-auth -n kube-system
      Take a group from the worker role and save: the editor opens again, with the finding on top.

  kubectl awsauth check -f %s --against live
      The same verdict before you apply. Break something in the file first.

  kubectl delete configmap aws-auth -n kube-system
      Denied. Then add --as=on-call --as-group=system:masters --as-group=aws-auth-break-glass: allowed, with a warning.

  Map a role that IAM does not know
      It knows workers, admin, deploy, on-call, audit and reporting in account 111122223333.

What this cluster allows is in %s; a change counts within seconds.
Ctrl-C ends everything and removes it.
`, kubeconfig, bin, filepath.Join(dir, "aws-auth.yaml"), filepath.Join(dir, "policy.yaml"))
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
