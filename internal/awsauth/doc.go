// Package awsauth reads the aws-auth ConfigMap as Amazon EKS does, with the position of everything in the text.
//
// It reads the ConfigMap's data: up to three values, each a string that contains YAML. It returns a Document (the
// entries with line and column inside their value), the Problems of the text, and from the Document the effective
// Access: which IAM principal authenticates, as what.
//
// The package is pure: no network, no clock, no client-go, no AWS SDK. It never panics and its time and memory are
// bounded by the size of the text.
//
// Facts about EKS are those of sigs.k8s.io/aws-iam-authenticator v0.7 (pkg/mapper/configmap, pkg/config, pkg/arn,
// pkg/server), against which the package is fuzzed.
package awsauth
