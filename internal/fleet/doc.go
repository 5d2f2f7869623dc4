// Package fleet knows which IAM roles the running nodes of the cluster use, and which principals have an access entry: it
// implements nodes.Source.
//
// It watches the cluster's Node objects, calls EC2, IAM and EKS in the background, and makes a nodes.View of both, which
// an admission reads without waiting. Every call to AWS is optional: what is not answered is reported as not known, with
// the reason, and never guessed.
//
// A node on EC2 leads to its role by its provider id, the instance's profile and the role in that profile. A Fargate node
// has the role of one of the cluster's Fargate profiles. Nothing leads from a hybrid node to its role. What a Node object says is
// a hint: where EC2 or EKS contradict it, the node is one of FleetView.Doubtful. Instances that carry
// the cluster's tag and were launched a short while ago count as nodes before they join.
//
// Sources: the API references of EC2 (DescribeInstances), IAM (GetInstanceProfile) and EKS (DescribeCluster,
// ListAccessEntries, DescribeAccessEntry, ListFargateProfiles, DescribeFargateProfile, ListNodegroups, DescribeNodegroup); the provider ids that
// cloud-provider-aws and the EKS hybrid nodes' kubelet write.
package fleet
