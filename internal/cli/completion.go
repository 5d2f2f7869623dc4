package cli

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// CompletionName is the name by which kubectl looks for the program that completes the plugin's arguments:
// kubectl_complete-NAME on PATH (kubectl, pkg/cmd/plugin/plugin_completion.go).
const CompletionName = "kubectl_complete-awsauth"

// arguments are those of the command line that a program was started with: kubectl gives what is to be completed to
// the plugin under the name CompletionName.
func arguments(args []string) []string {
	if strings.TrimSuffix(filepath.Base(args[0]), ".exe") == CompletionName {
		return append([]string{cobra.ShellCompRequestCmd}, args[1:]...)
	}
	return args[1:]
}

// describeCompletion adds cobra's command "completion" and says how kubectl completes, which cobra does not know. It must
// know by then where it prints.
func describeCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	i := slices.IndexFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == "completion" })
	cmd := root.Commands()[i]
	cmd.Use = "completion SHELL"
	cmd.Short = "Print the completion script of a shell"
	cmd.Long = `Print the script with which a shell completes kubectl-awsauth.

kubectl completes 'kubectl awsauth' with its own script, and asks the program
kubectl_complete-awsauth on PATH for the plugin's arguments. That is this
program under another name:

  ln -s kubectl-awsauth "$(dirname "$(command -v kubectl-awsauth)")/kubectl_complete-awsauth"

Exit codes: 0 printed, 2 could not run.`
	cmd.Args = nil
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var shells []string
		for _, c := range cmd.Commands() {
			shells = append(shells, c.Name())
		}
		if len(args) > 0 {
			return usagef("unknown shell %q, want %s%s", args[0], orList(shells), didYouMean(nearest(args[0], shells)))
		}
		return usagef("want a shell: %s", orList(shells))
	}
}

// fileTypes are what a manifest and a policy are written in.
var fileTypes = []string{"yaml", "yml", "json"}

// completeFlags says for the flags of all commands which values they take.
func completeFlags(cmd *cobra.Command) {
	complete := func(f *pflag.Flag) {
		if values := flagValues(f); values != nil {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, values) // fails for a flag that has its own
		}
	}
	cmd.Flags().VisitAll(complete)
	cmd.PersistentFlags().VisitAll(complete)
	for _, c := range cmd.Commands() {
		completeFlags(c)
	}
}

// flagValues completes the value of a flag; nil is as files.
func flagValues(f *pflag.Flag) cobra.CompletionFunc {
	if o, ok := f.Value.(*oneOf); ok {
		return cobra.FixedCompletions(o.words, cobra.ShellCompDirectiveNoFileComp)
	}
	switch f.Name {
	case "filename":
		return cobra.FixedCompletions(fileTypes, cobra.ShellCompDirectiveFilterFileExt)
	case "policy":
		return wordsOrFiles(livePolicy, defaultPolicy)
	case "against":
		return wordsOrFiles("live")
	case "rbac":
		return wordsOrFiles("live", "off")
	case clientcmd.FlagNamespace:
		return cobra.FixedCompletions([]string{awsAuthNamespace}, cobra.ShellCompDirectiveNoFileComp)
	case clientcmd.FlagContext:
		return kubeconfigNames(func(c *clientcmdapi.Config) []string { return slices.Collect(maps.Keys(c.Contexts)) })
	case clientcmd.FlagClusterName:
		return kubeconfigNames(func(c *clientcmdapi.Config) []string { return slices.Collect(maps.Keys(c.Clusters)) })
	case clientcmd.FlagAuthInfoName:
		return kubeconfigNames(func(c *clientcmdapi.Config) []string { return slices.Collect(maps.Keys(c.AuthInfos)) })
	case "kubeconfig", "map-roles", "map-users", "map-accounts":
		return nil
	}
	return cobra.NoFileCompletions
}

// wordsOrFiles completes to one of a few words, or else to a file.
func wordsOrFiles(words ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		if begun := beginning(words, typed); len(begun) > 0 {
			return begun, cobra.ShellCompDirectiveDefault
		}
		return fileTypes, cobra.ShellCompDirectiveFilterFileExt
	}
}

// kubeconfigNames completes to names in the kubeconfig that the command line or the environment says.
func kubeconfigNames(of func(*clientcmdapi.Config) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		rules := clientcmd.NewDefaultClientConfigLoadingRules()
		if f := cmd.Flag("kubeconfig"); f != nil {
			rules.ExplicitPath = f.Value.String()
		}
		config, err := rules.Load()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return slices.Sorted(slices.Values(beginning(of(config), typed))), cobra.ShellCompDirectiveNoFileComp
	}
}

// beginning are the words that begin with what was typed.
func beginning(words []string, typed string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return !strings.HasPrefix(w, typed) })
}

// completionTimeout is how long somebody who pressed Tab waits for a cluster.
const completionTimeout = "3s"

// principals completes the first argument to an ARN that the file, or the object in the cluster, has an entry for.
func (o *viewOptions) principals(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	cluster := o.cluster
	if cluster.overrides.Timeout == "" {
		cluster.overrides.Timeout = completionTimeout
	}
	v := &view{}
	if err := v.read(cmd.Context(), &input{stdin: strings.NewReader("")}, cluster, o.file); err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var all []string
	for _, key := range v.access.Keys() {
		for _, id := range v.access.Principals[key] {
			if strings.HasPrefix(id.Canonical, typed) {
				all = append(all, id.Canonical+"\t"+id.Username)
			}
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}
