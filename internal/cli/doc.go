// Package cli is the kubectl plugin "kubectl awsauth". Each command has its own file, with its flags, its help and its
// answer. What they share is in one place each:
//
//	root.go           the commands, exit codes, errors
//	help.go           the help; suggest.go what a mistyped word may have meant; completion.go what Tab offers
//	process.go        what belongs to the process: its streams, client-go's log, exec plugins
//	flags.go          flags that several commands have; those of the cluster are in cluster.go
//	input.go          files and standard input, the size limit
//	cluster.go        the object in the cluster; cluster_error.go and kubeconfig.go say why it cannot be read
//	policy.go         the policy and RBAC
//	view.go           aws-auth with its privileges, for access, diff and whois; principal.go is one row of it
//	near.go           entries that may have been meant, for whois
//	print.go          text, JSON, YAML and names; table.go rows at the width of a terminal; screen.go is the last place before the terminal
//
// Exit codes: 0 the object would be allowed (or the question was answered), 1 it would be denied, 2 the command could
// not run; then stderr says why.
package cli
