// Package chaos holds the tests under fire: the real API server, the guard as a process in front of it, AWS's endpoints over
// HTTP, and one after the other everything around them breaks. What must hold throughout: nothing bad is allowed, and
// good edits are allowed as soon as they can be. `make chaos` runs them; `go test` without the tag chaos passes them by.
//
// They share one control plane and one aws-auth, so they run one after the other. Figures that were measured are lines
// "measured NAME VALUE" in the output.
package chaos
