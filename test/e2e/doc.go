// Package e2e holds the end-to-end tests: a real API server, the guard as a process in front of it, and kubectl in the
// hands of a user. They share one control plane and one aws-auth, so they run one after the other.
package e2e
