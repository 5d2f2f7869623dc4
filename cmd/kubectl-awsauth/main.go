// Command kubectl-awsauth is the kubectl plugin "kubectl awsauth": the webhook's verdicts on the command line.
//
// Exit codes: 0 the object would be admitted (or the question was answered), 1 it would be denied, 2 the command could
// not run; then stderr says why.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	logTo(newScreen(os.Stderr))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
