// Command kubectl-awsauth is the kubectl plugin "kubectl awsauth": the webhook's verdicts on the command line. Under the
// name kubectl_complete-awsauth it completes the plugin's arguments for kubectl.
package main

import (
	"os"

	"github.com/aws-auth-guard/aws-auth-guard/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args)) }
