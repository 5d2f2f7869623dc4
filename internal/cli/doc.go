// Package cli is the kubectl plugin "kubectl awsauth". Each command has its own file, with its flags, its help and its
// answer. What they share is in one place each:
//
//	root.go           the commands, exit codes, errors
//	help.go           the help; suggest.go what a mistyped word may have meant; completion.go what Tab offers
//	process.go        what belongs to the process: its streams, client-go's log, exec plugins
//	flags.go          flags that several commands have; those of the cluster are in cluster.go
//	input.go          files and standard input, the size limit
//	cluster.go        the object in the cluster; cluster_error.go and kubeconfig.go say why it cannot be read
//	policy_init.go    policy init; what it proposes is of package firstpolicy
//	policy.go         the policy and RBAC; cluster_policy.go finds the policy in the cluster, aws.go asks IAM, EC2 and EKS
//	checker.go        one run of check; targets.go is which files, fix.go fixes them, replace_file.go writes them
//	view.go           aws-auth with its privileges, for access, diff and whois; principal.go is one row of it
//	mapping.go        how add, remove, set and edit judge, show and write a change; destination.go is where it goes, denial.go
//	                  what the cluster says against it; edit_notes.go findings as comments
//	near.go           entries that may have been meant, for whois
//	print.go          text, JSON, YAML and names; table.go rows at the width of a terminal; screen.go is the last place before the terminal
//
// Exit codes: 0 the object would be allowed (or the question was answered), 1 it would be denied, 2 the command could
// not run; then stderr says why.
package cli
