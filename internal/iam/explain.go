package iam

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
)

// Explain says in one line for the operator why a call to AWS found nothing out. who makes the call, api is its name as IAM
// policies spell it (ec2:DescribeInstances), on what it asks about.
func Explain(err error, who, api, on string) string {
	err = classify(err, who, api, on)
	var f *failure
	switch {
	case err == nil:
		return ""
	case errors.As(err, &f):
		return f.detail
	}
	return api + ": " + cause(err)
}

// Client connects to IAM where the partition of cfg's region keeps it.
func Client(cfg aws.Config) *awsiam.Client {
	return awsiam.NewFromConfig(cfg, func(o *awsiam.Options) { o.Region = iamRegion(partitionOf(cfg.Region)) })
}

// Partition is the AWS partition that a region is in.
func Partition(region string) string { return partitionOf(region) }
