// Package validate judges an edit of aws-auth.
//
// In go the old and the new ConfigMap, who is asking, the policy and the ports to the world; out comes a Report: every
// finding at once, each with its place and its fix, and the verdict.
//
// Engine.go is the way of a request: read both versions, gather what is known around them, run the rules on both, mark what
// existed before, run the rules about the edit, settle how each finding counts. The rules are in package rules, one in each
// file; what a rule may look at is in package rule.
//
// The package is pure but for the ports: it imports neither client-go nor the AWS SDK.
package validate

//go:generate go run ./gendocs ../../docs/rules.md
