// Package validate judges an edit of aws-auth.
//
// In go the old and the new ConfigMap, who is asking, the policy and the ports to the world; out comes a Report: every
// finding at once, each with its place and its fix, and the verdict.
//
// Engine.go is the way of a request: nothing changed? admit. Else both objects are read and judged by every rule; what
// the old object had already does not count against the edit. The rules stand one family a file, with their metadata
// beside them; catalogue.go lists them all.
//
// The package is pure but for the ports: it imports neither client-go nor the AWS SDK.
package validate

//go:generate go run ./gendocs ../../docs/rules.md
