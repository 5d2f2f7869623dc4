package cli

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/aws-auth-guard/aws-auth-guard/internal/version"
)

func newVersion() *cobra.Command {
	output := outputForm("text", "json", "yaml")
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this plugin",
		Long: `Print the version of this plugin, the commit and the Go that it was built from.
It asks no cluster.

Exit codes: 0 printed, 2 could not run.`,
		Example: `  kubectl awsauth version
  kubectl awsauth version -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := thisBuild()
			return printAnswer(cmd, output, b, b.text)
		},
	}
	output.flag(cmd, "output", "o", "output format")
	return cmd
}

// build is which plugin this is, in the form that scripts read.
type build struct {
	ClientVersion string `json:"clientVersion"`
	Commit        string `json:"commit"`
	GoVersion     string `json:"goVersion"`
	Platform      string `json:"platform"`
}

func thisBuild() build {
	return build{version.Version(), version.Commit(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
}

func (b build) text(width int) string {
	return pairs(width, "", [][2]string{{"Client Version:", b.ClientVersion}, {"Commit:", b.Commit},
		{"Go Version:", b.GoVersion}, {"Platform:", b.Platform}})
}
