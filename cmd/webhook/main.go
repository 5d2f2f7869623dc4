// Command webhook is the admission webhook that guards kube-system/aws-auth.
package main

import (
	"fmt"
	"os"
	"runtime/debug"

	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	// The heap is small and judgements are few: collecting it twice as often costs next to nothing, and a replica is smaller.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	if err := command().ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "webhook:", err)
		os.Exit(2)
	}
}
