// What downloads the control plane that setup-envtest has. A module of its own, so that this never decides what the guard is
// built with.
module github.com/aws-auth-guard/aws-auth-guard/test/cluster/envtest

go 1.27.3

require (
	github.com/go-logr/logr v1.4.4
	sigs.k8s.io/controller-runtime/tools/setup-envtest v0.25.1
)

require (
	github.com/spf13/afero v1.15.0 // indirect
	go.yaml.in/yaml/v2 v2.4.5 // indirect
	golang.org/x/text v0.43.0 // indirect
	sigs.k8s.io/yaml v1.6.0 // indirect
)
