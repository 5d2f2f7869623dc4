package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commandLine is a command of the plugin to type instead, or next. It is about the same aws-auth as the one that runs: about
// the file, if there is one, and with those of the given flags that say which cluster is asked, and how it is judged.
func commandLine(running *cobra.Command, file string, words ...string) string {
	line := []string{"kubectl awsauth"}
	for _, word := range words {
		line = append(line, shell(word))
	}
	if file == "-" && words[0] == "edit" {
		file = "FILE" // standard input is the editor's
	}
	if file != "" {
		line = append(line, "-f "+shell(file))
	}
	next, _, err := running.Root().Find(words)
	if err != nil {
		next = running
	}
	running.Flags().Visit(func(f *pflag.Flag) {
		if next.Flags().Lookup(f.Name) == nil || !ofCluster(f) && !ofVerdict(f) {
			return
		}
		for _, value := range flagTexts(f) {
			line = append(line, "--"+f.Name+" "+shell(value))
		}
	})
	return strings.Join(line, " ")
}

// ofVerdict reports a flag that says by what is judged.
func ofVerdict(f *pflag.Flag) bool {
	switch f.Name {
	case "policy", "rbac", "guard-namespace", "iam", "fleet":
		return true
	}
	return false
}

func flagTexts(f *pflag.Flag) []string {
	if many, ok := f.Value.(pflag.SliceValue); ok {
		return many.GetSlice()
	}
	return []string{f.Value.String()}
}
