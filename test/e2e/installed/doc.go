// Package installed holds the end-to-end tests of the guard as the chart installs it: pods of an image built FROM scratch,
// called by the API server through a Service, with failurePolicy Fail. `make e2e` runs them on a node of its own, or on
// the cluster of KUBECONFIG; `go test` without the tag e2e passes them by.
//
// They share one installation and one aws-auth, so they run one after the other. Figures that were measured are lines
// "measured NAME VALUE" in the output.
package installed
