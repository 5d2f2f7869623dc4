// Command webhook is the admission webhook that guards kube-system/aws-auth.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // a guard whose log nobody reads any more goes on guarding
	keepBelowLimit()
	go giveMemoryBack()
	if err := command().ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "webhook:", err)
		os.Exit(2)
	}
}
