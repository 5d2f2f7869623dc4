// Command genman writes the man pages of the kubectl plugin, one for each command, into a directory. It is a program of
// its own since what it is made with links text/template.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra/doc"

	"github.com/aws-auth-guard/aws-auth-guard/internal/cli"
	"github.com/aws-auth-guard/aws-auth-guard/internal/version"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: genman DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write makes the pages. Their date is that of SOURCE_DATE_EPOCH, or today.
func write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	plugin := cli.Command()
	plugin.DisableAutoGenTag = true
	return doc.GenManTree(plugin, &doc.GenManHeader{
		Section: "1", Source: "aws-auth-guard " + version.Version(), Manual: "kubectl awsauth",
	}, dir)
}
