package iam

import (
	"context"

	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/aws-auth-guard/aws-auth-guard/internal/aws"
	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
)

// get asks for one principal by its name, and returns its ARN as IAM has it, and who may assume it if it is a role.
// check is an error for another principal's ARN.
func (a *account) get(ctx context.Context, kind awsauth.Kind, name string, check func(arn string) error) (entity, error) {
	if kind == awsauth.KindUser {
		return a.getUser(ctx, name, check)
	}
	return a.getRole(ctx, name, check)
}

func (a *account) getRole(ctx context.Context, name string, check func(arn string) error) (entity, error) {
	op := aws.Operation{API: "iam:GetRole", On: "role " + name}
	return call(ctx, a, a.names, op, func(ctx context.Context) (entity, error) {
		out, err := a.iam.GetRole(ctx, &awsiam.GetRoleInput{RoleName: &name})
		switch {
		case err != nil:
			return entity{}, err
		case out.Role == nil || out.Role.Arn == nil: // a 200 with an empty body is no error to the SDK
			return entity{}, aws.Errorf(aws.Malformed, "the answer to iam:GetRole holds no role")
		}
		return entity{*out.Role.Arn, trustOf(out.Role.AssumeRolePolicyDocument)}, check(*out.Role.Arn)
	})
}

func (a *account) getUser(ctx context.Context, name string, check func(arn string) error) (entity, error) {
	op := aws.Operation{API: "iam:GetUser", On: "user " + name}
	return call(ctx, a, a.names, op, func(ctx context.Context) (entity, error) {
		out, err := a.iam.GetUser(ctx, &awsiam.GetUserInput{UserName: &name})
		switch {
		case err != nil:
			return entity{}, err
		case out.User == nil || out.User.Arn == nil:
			return entity{}, aws.Errorf(aws.Malformed, "the answer to iam:GetUser holds no user")
		}
		return entity{arn: *out.User.Arn}, check(*out.User.Arn)
	})
}
