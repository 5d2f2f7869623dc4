// Package eks runs what decides about access on EKS, on loopback: etcd, kube-apiserver and, as its token webhook, the unmodified
// aws-iam-authenticator. AWS is test/awsfake: it says who a token's access key belongs to (STS), what an instance is called (EC2),
// and which access entries there are (EKS). Tests sign in as any principal; people get a kubeconfig.
//
// docs/eks-on-one-machine.md says what is real, what is simulated, and where EKS may differ.
package eks
