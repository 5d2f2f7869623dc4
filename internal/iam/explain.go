package iam

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/middleware"
)

// Config is how AWS is asked, with the credentials that every AWS tool finds. It makes no call, and fails only if the
// configuration itself is unsound.
func Config(ctx context.Context) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithAppID("aws-auth-guard"), config.WithAPIOptions([]func(*middleware.Stack) error{boundAnswers}),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(httpTimeout)))
	if err != nil {
		return aws.Config{}, fmt.Errorf("the AWS configuration is no good: %w", err)
	}
	return cfg, nil
}

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
