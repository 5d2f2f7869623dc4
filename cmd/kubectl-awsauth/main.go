// Command kubectl-awsauth is the kubectl plugin "kubectl awsauth": the webhook's verdicts on the command line.
//
// Exit codes: 0 the object would be admitted (or the question was answered), 1 it would be denied, 2 the command could
// not run; then stderr says why.
package main

import (
	"context"
	"fmt"
	"os"
)

// main leaves signals to the Go runtime, as kubectl does: the process ends at once, by the signal itself, so that a shell
// reports 130 for Ctrl-C and ends its script. There is nothing to clean up: no command writes a file, and client-go would
// wait for an exec plugin whatever a context says.
func main() {
	stderr := os.Stderr
	logTo(&screen{Writer: stderr})
	settle, err := screenPlugins(&screen{Writer: stderr})
	if err != nil {
		fmt.Fprintf(stderr, "error: cannot read what exec plugins say: %s\n", errorText(err))
		os.Exit(exitFailed)
	}
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, stderr, settle))
}
