// Package validate judges an edit of aws-auth.
//
// Its input is the old and the new ConfigMap, who makes the edit, the policy and the ports to IAM, the nodes and RBAC. Its
// output is a Report: every finding, each with its place and its fix, and the verdict.
//
// Begin with Validate in engine.go. It reads both versions, gathers what the rules may know, runs the rules on each version,
// marks which findings existed before (package baseline), runs the rules about the edit, and settles how each finding counts
// (settle.go). The rules are in package rules, one in each file; what a rule may look at is in package rule. Review in
// permissions.go says which approvals and waivers of the policy are in use.
//
// The package is pure but for the ports: it imports neither client-go nor the AWS SDK.
package validate

//go:generate go run ./gendocs ../../docs/rules.md
